"""A controller with a real tunnel: two homes in network namespaces behind the VPS, wireguard-go or
the kernel's WireGuard, whatever the machine has for the controller. Runs in support/box.sh, which
takes everything away that is made here."""

import contextlib
import time

import cases
from controller_process import ControllerProcess
from homes import RELAY, make_keys, run, site_of, vps, wait_up, wg
from relay_process import SLOWNESS
from traffic import client_hello, connect, tls_ask


def test_a_home_comes_up_and_its_host_is_reached_through_the_tunnel():
    with vps(homes=2) as (relay, controller, one, two):
        controller.done("PUT", "/v1/sites/one", {"networks": ["10.31.0.0/24"],
                                                 "target": "10.31.0.200:443"})
        assert "adit0" not in run("ip", "-br", "link"), "no key, no interface"
        config = controller.get("/v1/sites/one/config")["text"]
        keyed = controller.done("PATCH", "/v1/sites/one", {"public_key": one.public_key})
        assert all(s["state"] == "done" for s in keyed["steps"]), keyed
        assert site_of(controller, "one")["state"] == "waiting"
        status = controller.status()
        assert status["node"]["implementation"] in ("kernel", "userspace"), status["node"]
        assert "proto 173" in run("ip", "route", "show", "10.31.0.0/24")

        one.connect(config)
        start = time.monotonic()
        wait_up(controller, "one")
        print(f"        {status['node']['implementation']}: up {time.monotonic() - start:.1f} s "
              "after the home came")
        one.serve("app.example.com")
        controller.apply(RELAY + "hosts:\n  app.example.com: {site: one}\n")
        probed = controller.done("POST", "/v1/hosts/app.example.com/probe")
        assert probed["result"] == "tls", probed
        port = controller.status()["relay"]["listeners"][0]["bound_port"]
        assert tls_ask(port, "app.example.com") == "?"
        assert wg(controller, "persistent-keepalive")[one.public_key] == "25"
        site = site_of(controller, "one")
        assert site["endpoint"].startswith("192.0.2.18:") and site["received_bytes"] > 0, site

        # Another home and a change of it: the first one's session goes on.
        shaken = wg(controller, "latest-handshakes")[one.public_key]
        controller.done("PUT", "/v1/sites/two", {"networks": ["10.32.0.0/24"],
                                                 "public_key": two.public_key})
        changed = controller.done("PATCH", "/v1/sites/two", {"networks": ["10.32.0.0/25"],
                                                             "keepalive": "10s"})
        assert all(s["state"] == "done" for s in changed["steps"]), changed
        assert not any(one.public_key[:6] in s["what"] for s in changed["steps"]), changed
        assert wg(controller, "persistent-keepalive")[two.public_key] == "10"
        assert "10.32.0.0/25" in wg(controller, "allowed-ips")[two.public_key]
        gone = controller.done("DELETE", "/v1/sites/two")
        assert all(s["state"] == "done" for s in gone["steps"]), gone
        assert wg(controller, "latest-handshakes") == {one.public_key: shaken}
        assert tls_ask(port, "app.example.com") == "?"

        # The same state again: nothing is done.
        again = controller.done("POST", "/v1/rollback",
                                {"revision": controller.status()["revision"]})
        assert again["steps"] == [], again

        # Somebody removes the peer: it is put back, once.
        run("wg", "set", "adit0", "peer", one.public_key, "remove")
        controller.wait_for("repaired:", timeout=30)
        assert one.public_key in wg(controller, "allowed-ips")
        one.start_again()  # or it would believe in its old session for two minutes
        wait_up(controller, "one")
        assert tls_ask(port, "app.example.com") == "?"

        # What the kernel tells of is put back at once: the address, the kernel route, the link.
        for broken, repair in (("route del 10.31.0.0/24", "kernel route 10.31.0.0/24 by adit0"),
                               ("link set adit0 down", "interface adit0: up"),
                               ("addr del 10.98.0.1/20 dev adit0", "address 10.98.0.1/20 on adit0")):
            start = time.monotonic()
            run("ip", *broken.split())
            controller.wait_for("repaired: " + repair)
            elapsed = time.monotonic() - start
            print(f"        ip {broken}: repaired after {elapsed:.2f} s")
            assert elapsed < 4 * SLOWNESS, elapsed
        one.start_again()
        wait_up(controller, "one")
        assert tls_ask(port, "app.example.com") == "?"

        # The controller dies; the tunnel does not, and the next one finds it as it should be.
        controller.process.kill()
        controller.process.wait()
        assert tls_ask(port, "app.example.com") == "?"
        with ControllerProcess(relay.control_path, folder=controller.folder, endpoint="192.0.2.17",
                               listen_port=51820) as next_one:
            wait_up(next_one, "one")
            assert not any("repaired" in line for line in next_one.lines), next_one.lines
            assert tls_ask(port, "app.example.com") == "?"
            next_one.done("DELETE", "/v1/hosts/app.example.com")
            last = next_one.done("DELETE", "/v1/sites/one")["steps"]
            assert last[-1]["state"] == "waiting" and "drained" in last[-1]["error"], last
            assert "adit0" in run("ip", "-br", "link"), "its host's connections may still drain"
            # Draining takes 5 s, and wireguard-go has 5 s for its end.
            next_one.wait_until("the interface is gone", lambda s: s["steps"] == [], timeout=30)
            assert "adit0" not in run("ip", "-br", "link"), "the last key takes the interface away"


def test_a_wireguard_interface_of_somebody_else_stays_as_it_is():
    with vps(homes=1) as (_, controller, one):
        private, _ = make_keys()
        run("wireguard-go", "adit0")
        run("wg", "set", "adit0", "listen-port", "51999", "private-key", "/dev/stdin", "peer",
            one.public_key, "allowed-ips", "10.8.0.2/32", input=private)
        run("ip", "addr", "add", "10.8.0.1/24", "dev", "adit0")
        before = run("wg", "showconf", "adit0") + run("ip", "addr", "show", "adit0")
        site = {"networks": ["10.31.0.0/24"], "public_key": one.public_key}
        steps = controller.done("PUT", "/v1/sites/one", site)["steps"]
        assert steps[0]["state"] == "failing" and "adit did not make" in steps[0]["error"], steps
        assert "interface:" in steps[0]["fix"], steps
        controller.done("DELETE", "/v1/sites/one")
        controller.wait_until("nothing is left to do", lambda s: s["steps"] == [])
        assert run("wg", "showconf", "adit0") + run("ip", "addr", "show", "adit0") == before
        run("ip", "link", "del", "adit0")


def peers_at(home):
    """Whom the connections to the server of `home` come from."""
    lines = home.inside("ss", "-tnH", "state", "established", "sport", "=", ":443").splitlines()
    return {line.split()[3].rsplit(":", 1)[0] for line in lines}


def test_source_addresses_carry_connections_and_stay_for_them():
    with vps(homes=1) as (relay, controller, one), contextlib.ExitStack() as clients:
        controller.done("PUT", "/v1/sites/one", {"networks": ["10.31.0.0/24"], "target": "10.31.0.200:443",
                                                 "public_key": one.public_key})
        one.connect(controller.get("/v1/sites/one/config")["text"])
        wait_up(controller, "one")
        one.serve("app.example.com")
        hosts = "hosts:\n  app.example.com: {site: one}\n"
        applied = controller.apply(RELAY.replace("}", ", source_addresses: [10.98.0.2]}") + hosts)
        steps = [(step["what"], step["state"]) for step in applied.document["steps"]]
        assert steps[0] == ("address 10.98.0.2/32 on adit0", "done") and steps[-1][1] == "done", steps
        port = controller.status()["relay"]["listeners"][0]["bound_port"]
        hello = client_hello("app.example.com")
        deadline = time.monotonic() + 20 * SLOWNESS
        while peers_at(one) != {"10.98.0.1", "10.98.0.2"}:
            assert time.monotonic() < deadline, peers_at(one)
            clients.enter_context(connect(port)).sendall(hello)
        removed = controller.apply(RELAY + hosts).document
        assert [step["kind"] for step in removed["steps"]] == ["set_route_table"], removed
        assert "10.98.0.2/32" in run("ip", "addr", "show", "adit0")
        before = relay.stats()["active"]
        for _ in range(4):
            clients.enter_context(connect(port)).sendall(hello)
        relay.wait_until("four more", lambda s: s["active"] == before + 4)
        assert peers_at(one) == {"10.98.0.1", "10.98.0.2"}


def test_where_ipv6_is_off_the_tunnel_has_ipv4_only():
    with vps(homes=1) as (_, controller, one):
        run("sysctl", "-q", "-w", "net.ipv6.conf.default.disable_ipv6=1")
        site = {"networks": ["10.31.0.0/24"], "public_key": one.public_key}
        steps = controller.done("PUT", "/v1/sites/one", site)["steps"]
        assert all(s["state"] == "done" for s in steps), steps
        assert "inet 10.98.0.1/20" in run("ip", "addr", "show", "adit0")
        assert "inet6" not in run("ip", "addr", "show", "adit0")
        controller.wait_for("IPv6 is off for adit0")


cases.run(globals())
