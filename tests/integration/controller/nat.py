"""Homes behind a carrier's NAT with the times that real ones have: Linux's own, 30 s until the VPS has answered and 120 s
from then on. (The demo's carrier forgets after 3 s, which is a test of a minute less.)"""

import subprocess
import threading
import time

import cases
from homes import RELAY, Carrier, site_of, vps, wait_up
from relay_process import SLOWNESS
from traffic import tls_ask

UNANSWERED, STREAM, KEEPALIVE = 30, 120, 25


def test_a_silent_home_stays_reachable_and_a_moved_one_comes_back():
    with vps(homes=2, carrier=lambda: Carrier(UNANSWERED, STREAM)) as (_, controller, carrier, kept, forgotten):
        hosts = "hosts:\n"
        for home, name, options in ((kept, "kept", {}), (forgotten, "forgotten", {"keepalive": "0s"})):
            controller.done("PUT", f"/v1/sites/{name}", {
                "networks": [f"{home.lan}.0/24"], "target": f"{home.lan}.200:443", "public_key": home.public_key,
                **options})
            home.connect(controller.get(f"/v1/sites/{name}/config")["text"])
            home.serve(f"{name}.example.com")
            hosts += f"  {name}.example.com: {{site: {name}}}\n"
        controller.apply(RELAY + hosts)
        port = controller.status()["relay"]["listeners"][0]["bound_port"]
        # Without a keepalive a home says nothing of itself: it is made to call once.
        forgotten.inside("ping", "-c", "1", "-W", "10", "10.98.0.1")
        for name in ("kept", "forgotten"):
            wait_up(controller, name)
            assert tls_ask(port, f"{name}.example.com") == "?", name
        assert site_of(controller, "kept")["endpoint"].startswith("192.0.2.130:")

        silence = STREAM + UNANSWERED
        print(f"        {silence} s of silence", flush=True)
        threading.Event().wait(silence)
        start = time.monotonic()
        assert tls_ask(port, "kept.example.com") == "?"
        elapsed = time.monotonic() - start
        print(f"        then a visitor of the home with a keepalive is served in {elapsed:.2f} s")
        assert elapsed < 2 * SLOWNESS, elapsed
        # The NAT is one: without a keepalive nothing gets in any more.
        ping = ["ping", "-c", "3", "-W", "2", site_of(controller, "forgotten")["address"]]
        assert subprocess.run(ping, check=False, capture_output=True).returncode == 1, "the carrier knew the silent home"

        carrier.move("192.0.2.131")
        start = time.monotonic()
        controller.wait_until("the home calls from its new address", lambda s: any(
            site["name"] == "kept" and site["endpoint"].startswith("192.0.2.131:") for site in s["sites"]),
            timeout=KEEPALIVE + 20)
        assert tls_ask(port, "kept.example.com") == "?"
        print(f"        another public address: back after {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    cases.run(globals())
