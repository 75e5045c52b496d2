"""What goes wrong around a controller: a relay that refuses, goes and comes back; kill -9; a second
controller; the end by SIGTERM. And how long 2 000 hosts take."""

import http.client
import os
import socket
import subprocess
import tempfile
import threading
import time

import cases
from controller_process import BINARY, SLOWNESS, ControllerProcess
from relay_process import RelayProcess
from traffic import tls_ask, tls_origin

RELAY = 'relay: {addresses: ["127.0.0.1"], https_port: 0, http_port: 0}\n'


def host_line(name, address, extra=""):
    return f'  {name}: {{site: direct, target: "{address[0]}:{address[1]}"{extra}}}\n'


def port_of(controller):
    return controller.status()["relay"]["listeners"][0]["bound_port"]


def test_a_refused_table_leaves_the_old_one_serving():
    with RelayProcess() as relay, ControllerProcess(relay.control_path) as controller, \
            tls_origin("home", "app.example.com") as origin, \
            socket.create_server(("127.0.0.1", 0)) as taken:
        text = RELAY + "hosts:\n" + host_line("app.example.com", origin.address)
        assert controller.apply(text).status == 200
        port = taken.getsockname()[1]
        refused = controller.apply(
            text + host_line("b.example.com", origin.address, f", port: {port}"))
        assert refused.status == 409 and str(port) in refused.document["detail"], refused
        assert controller.status()["revision"] == 1
        assert tls_ask(port_of(controller), "app.example.com") == "home"
        taken.close()
        now = controller.apply(text + host_line("b.example.com", origin.address, f", port: {port}"))
        assert now.status == 200 and now.document["revision"] == 2, now


def test_without_a_relay_a_change_is_committed_and_waits():
    with tempfile.TemporaryDirectory() as folder, tls_origin("home", "app.example.com") as origin:
        socket_path = os.path.join(folder, "relay.sock")
        with ControllerProcess(socket_path) as controller:
            text = RELAY + "hosts:\n" + host_line("app.example.com", origin.address)
            answer = controller.apply(text).document
            assert answer["revision"] == 1 and answer["warnings"], answer
            assert [s["state"] for s in answer["steps"]] == ["waiting"], answer
            assert "adit-relay" in answer["steps"][0]["fix"], answer
            status = controller.status()
            assert status["status"] == "degraded" and not status["relay"]["connected"], status
            assert status["hosts"][0]["state"] == "not-live", status
            with RelayProcess(folder=folder):
                status = controller.wait_until("the table is live",
                                               lambda s: s["hosts"][0]["state"] == "ok")
                assert status["status"] == "ok" and status["steps"] == [], status
                assert tls_ask(port_of(controller), "app.example.com") == "home"


def test_a_restarted_relay_gets_its_table_again():
    with tls_origin("home", "app.example.com") as origin, RelayProcess() as relay, \
            ControllerProcess(relay.control_path) as controller:
        controller.apply(RELAY + "hosts:\n" + host_line("app.example.com", origin.address))
        relay.terminate()
        controller.wait_until("the relay is missed", lambda s: not s["relay"]["connected"])
        # Its cache is gone too: the table can only come from the controller.
        for name in os.listdir(relay.state_dir):
            os.unlink(os.path.join(relay.state_dir, name))
        with RelayProcess(folder=relay.folder):
            controller.wait_until("the table is live again",
                                  lambda s: s["hosts"][0]["state"] == "ok")
            assert tls_ask(port_of(controller), "app.example.com") == "home"
        assert controller.get("/v1/revisions")["items"][0]["revision"] == 1


def test_a_foreign_table_is_replaced_and_reported():
    with RelayProcess() as relay, ControllerProcess(relay.control_path) as controller:
        controller.apply(RELAY + "hosts:\n" + host_line("app.example.com", ("127.0.0.1", 9)))
        wanted = relay.stats()["table_digest"]
        relay.set({"revision": 9, "routes": [{"pattern": "x.example.com",
                                              "target": ("127.0.0.1", 9)}]})
        controller.wait_for("repaired:")
        assert relay.stats()["table_digest"] == wanted
        assert sum("repaired:" in line for line in controller.lines) == 1, controller.lines


def test_kill_9_loses_nothing():
    with RelayProcess() as relay, tempfile.TemporaryDirectory() as folder, \
            tls_origin("home", "app.example.com") as origin:
        with ControllerProcess(relay.control_path, folder=folder) as controller:
            controller.apply(RELAY + "hosts:\n" + host_line("app.example.com", origin.address))
            before = controller.get("/v1/hosts"), controller.status()["node"]
            digest = relay.stats()["table_digest"]
            port = port_of(controller)
            controller.process.kill()
            controller.process.wait()
        assert tls_ask(port, "app.example.com") == "home"
        with ControllerProcess(relay.control_path, folder=folder) as controller:
            status = controller.wait_until("it has compared", lambda s: s["relay"]["connected"])
            after = controller.get("/v1/hosts"), status["node"]
            assert after[1] == before[1] and after[0]["revision"] == before[0]["revision"]
            assert [h["target"] for h in after[0]["items"]] == [
                h["target"] for h in before[0]["items"]]
            assert relay.stats()["table_digest"] == digest
            assert port_of(controller) == port
            # Nothing had to be done: the relay had the same table all the time.
            assert relay.stats()["revision"] == 1
            assert not any("repaired" in line for line in controller.lines), controller.lines


def test_kill_9_in_the_middle_of_writing_leaves_one_of_the_states():
    with tempfile.TemporaryDirectory() as folder:
        acknowledged = 0
        for attempt in range(6):
            with ControllerProcess(folder=folder) as controller:
                killer = threading.Timer(0.1 * (attempt + 1), controller.process.kill)
                killer.start()
                try:
                    while True:
                        name = f"h{acknowledged}.example.com"
                        document = {"site": "direct", "target": "127.0.0.1:9"}
                        answer = controller.request("PUT", f"/v1/hosts/{name}", document)
                        assert answer.status == 200, answer
                        acknowledged = answer.document["revision"]
                except (OSError, http.client.HTTPException):
                    pass  # it is dead
                killer.join()
                controller.process.wait()
        with ControllerProcess(folder=folder) as controller:
            revision = controller.status()["revision"]
            # The last one may be on the disk without its answer having come.
            assert acknowledged <= revision <= acknowledged + 6, (acknowledged, revision)
            listed = controller.get("/v1/revisions")["items"]
            assert [r["revision"] for r in listed] == list(range(revision, 0, -1))[:len(listed)]


def test_a_second_controller_is_refused():
    with ControllerProcess() as controller:
        second = subprocess.run([BINARY, "--config", controller.config_path], capture_output=True,
                                text=True, timeout=20)
        assert second.returncode == 1, second
        assert "in use" in second.stderr and str(controller.process.pid) in second.stderr, second
        assert controller.status()["revision"] == 0


def test_files_are_ours_alone():
    with ControllerProcess() as controller:
        controller.request("PUT", "/v1/hosts/a.example.com",
                           {"site": "direct", "target": "127.0.0.1:9"})
        for name in os.listdir(controller.state_dir):
            mode = os.stat(os.path.join(controller.state_dir, name)).st_mode & 0o777
            assert mode == 0o600, (name, oct(mode))
        assert os.stat(controller.state_dir).st_mode & 0o777 == 0o700
        assert os.stat(controller.socket_path).st_mode & 0o777 == 0o660
        with open(os.path.join(controller.state_dir, "wireguard.key")) as file:
            key = file.read().strip()
        answers = str(controller.status()) + str(controller.get("/v1/revisions"))
        assert key not in answers and key not in "\n".join(controller.lines)


def test_a_missing_privilege_is_said_once_and_direct_goes_on():
    # No capability at all, as an ordinary user has it.
    prefix = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "--ambient-caps", "-all",
              "--no-new-privs"]
    if os.getuid() != 0:
        prefix = []
    with RelayProcess() as relay, tls_origin("home", "app.example.com") as origin, \
            ControllerProcess(relay.control_path, prefix=prefix,
                              interface="adittest0") as controller:
        key = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
        answer = controller.apply(
            RELAY + f"sites:\n  home: {{public_key: {key}, networks: [10.30.0.0/24]}}\nhosts:\n" +
            host_line("app.example.com", origin.address)).document
        failing = [s for s in answer["steps"] if s["state"] == "failing"]
        assert len(failing) == 1 and "CAP_NET_ADMIN" in failing[0]["fix"], answer
        assert tls_ask(port_of(controller), "app.example.com") == "home"
        status = controller.status()
        assert status["status"] == "degraded", status
        assert any("CAP_NET_ADMIN" in s["fix"] for s in status["steps"]), status["steps"]
        # Asked again it is tried again, and the log does not repeat itself.
        again = controller.done("POST", "/v1/rollback", {"revision": 1})
        assert again["revision"] == 1 and again["steps"][0]["state"] == "failing", again
        said = [line for line in controller.lines if "fails" in line]
        assert len(said) == 1 and "CAP_NET_ADMIN" in said[0], controller.lines
        controller.done("DELETE", "/v1/sites/home")
        assert controller.status()["steps"] == []


def test_root_keeps_one_capability():
    if os.getuid() != 0:
        raise cases.Skip("not root")
    with ControllerProcess() as controller:
        with open(f"/proc/{controller.process.pid}/status") as file:
            sets = dict(line.split(":\t") for line in file if line.startswith("Cap"))
        net_admin = 1 << 12
        for name in ["CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"]:
            assert int(sets[name], 16) & ~net_admin == 0, sets
        assert sum("started as root" in line for line in controller.lines) == 1, controller.lines


def test_sigterm_ends_it_within_a_second():
    with RelayProcess() as relay, ControllerProcess(relay.control_path) as controller:
        start = time.monotonic()
        assert controller.terminate() == 0
        assert time.monotonic() - start < 1 * SLOWNESS
        assert not os.path.exists(controller.socket_path)
    # A relay that takes the connection and never answers, asked just now.
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as hung:
        path = os.path.join(folder, "relay.sock")
        hung.bind(path)
        hung.listen(1)
        with ControllerProcess(path, folder=folder) as controller:
            # Kept open: it is asked for its numbers, then about the table of a change.
            relay, _ = hung.accept()
            relay.recv(100)
            answers = []
            change = threading.Thread(target=lambda: answers.append(controller.request(
                "PUT", "/v1/hosts/a.example.com", {"site": "direct", "target": "127.0.0.1:9"})))
            change.start()
            again, _ = hung.accept()
            again.recv(100)
            start = time.monotonic()
            assert controller.terminate() == 0
            assert time.monotonic() - start < 1 * SLOWNESS
            change.join()
            assert answers[0].status == 503 and "ending" in answers[0].document["detail"], answers
            relay.close()
            again.close()
        with ControllerProcess(path, folder=folder) as controller:
            assert controller.status()["revision"] == 0


def test_2000_hosts():
    hosts = "".join(host_line(f"h{n}.example.com", ("127.0.0.1", 9)) for n in range(2000))
    with RelayProcess() as relay, ControllerProcess(relay.control_path) as controller:
        start = time.monotonic()
        answer = controller.apply(RELAY + "hosts:\n" + hosts)
        applied = time.monotonic() - start
        assert answer.status == 200 and len(answer.document["changes"]) == 2001
        assert relay.stats()["route_count"] == 2000
        start = time.monotonic()
        controller.done("PUT", "/v1/hosts/one.example.com",
                        {"site": "direct", "target": "127.0.0.1:9"})
        added = time.monotonic() - start
        start = time.monotonic()
        assert len(controller.get("/v1/hosts")["items"]) == 2001
        listed = time.monotonic() - start
        print(f"        2 000 hosts applied in {applied * 1000:.0f} ms, one more in "
              f"{added * 1000:.0f} ms, listed in {listed * 1000:.0f} ms; "
              f"PSS {controller.proportional_bytes() / 1e6:.1f} MB")


cases.run(globals())
