"""Every endpoint of the control socket, on real programs: a controller and a relay on loopback,
hosts on `direct`, no privilege: as root, both run as nobody."""

import contextlib
import http.client
import os
import socket
import threading
import time

import cases
import unprivileged
from controller_process import SLOWNESS, ControllerProcess, path_of
from relay_process import RelayProcess
from traffic import Serving, tls_ask, tls_origin

RELAY = 'relay: {addresses: ["127.0.0.1"], https_port: 0, http_port: 0}\n'


@contextlib.contextmanager
def alone():
    with unprivileged.place() as arguments, ControllerProcess(**arguments) as controller:
        yield controller


@contextlib.contextmanager
def both():
    with unprivileged.place() as arguments, RelayProcess(**arguments) as relay, \
            ControllerProcess(relay.control_path, **arguments) as controller:
        yield relay, controller


@contextlib.contextmanager
def unprivileged_port():
    """A controller at revision 1, whose relay may open the port of its hosts."""
    with both() as (_, controller):
        assert controller.apply(RELAY).status == 200
        yield controller


def host_yaml(name, address, extra=""):
    return f'hosts:\n  "{name}": {{site: direct, target: "{address[0]}:{address[1]}"{extra}}}\n'


def port_of(controller):
    return controller.status()["relay"]["listeners"][0]["bound_port"]


def put_host(controller, name, target, headers=(), **query):
    return controller.request("PUT", path_of("v1", "hosts", name, **query),
                              {"site": "direct", "target": target}, headers)


def test_an_applied_host_serves_and_is_shown_everywhere():
    with both() as (_, controller), tls_origin("home", "app.example.com") as origin:
        answer = controller.apply(RELAY + host_yaml("app.example.com", origin.address),
                                  message="the first")
        assert answer.status == 200, answer
        result = answer.document
        assert answer.headers["ETag"] == '"1"' and result["revision"] == 1
        assert result["previous_revision"] == 0 and result["undo"] == "adit rollback 0"
        assert [(c["sign"], c["kind"], c["name"]) for c in result["changes"]] == [
            ("+", "host", "app.example.com"), ("+", "relay", "")], result
        assert [s["state"] for s in result["steps"]] == ["done"], result
        port = port_of(controller)
        assert tls_ask(port, "app.example.com") == "home"

        status = controller.status()
        assert status["status"] == "ok" and status["revision"] == 1, status
        assert status["relay"]["connected"] and status["relay"]["supervisor_pid"] > 0
        assert status["sites"][0]["name"] == "direct" and status["sites"][0]["hosts"] == 1
        assert status["hosts"][0]["state"] == "ok" and status["hosts"][0]["port"] == port
        assert status["node"]["implementation"] == "none" and len(status["node"]["public_key"]) == 44

        target = "%s:%d" % origin.address
        item = controller.get("/v1/hosts/APP.example.com.")
        assert item["name"] == "app.example.com" and item["target"] == target
        assert controller.get("/v1/hosts")["items"] == [item]
        route = controller.get("/v1/routes")["items"][0]
        assert route["name"] == "host/app.example.com" and route["state"] == "ok"
        assert controller.get(path_of("v1", "routes", route["name"])) == route
        assert controller.get("/v1/sites") == {"revision": 1, "items": []}
        revisions = controller.get("/v1/revisions")["items"]
        assert [(r["revision"], r["owner"], r["message"]) for r in revisions] == [
            (1, "cli", "the first")], revisions

        # Until the relay's numbers of the next second are here.
        shown = controller.wait_until("the connection is counted",
                                      lambda s: s["hosts"][0]["connections"] == 1)
        assert shown["hosts"][0]["bytes_to_client"] > 500


def test_several_targets_serve_and_their_health_is_shown():
    with both() as (_, controller), tls_origin("second", "app.example.com") as origin, socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))
        first, second = ("%s:%d" % address for address in (dead.getsockname(), origin.address))
        hosts = (f"hosts:\n  app.example.com: {{site: direct, check: tcp, targets: [{{to: '{first}'}}, "
                 f"{{to: '{second}', weight: 3}}]}}\n")
        change = controller.apply(RELAY + hosts).document["changes"][0]["what"]
        assert change == f"site direct; target {first} (1), {second} (3)", change
        assert tls_ask(port_of(controller), "app.example.com") == "second"
        assert controller.get("/v1/hosts/app.example.com")["targets"] == [
            {"to": first}, {"to": second, "weight": 3}]
        deadline = time.monotonic() + 20 * SLOWNESS
        while True:
            targets = controller.get("/v1/routes")["items"][0]["targets"]
            if [each.get("state") for each in targets] == ["down", "healthy"]:
                break
            assert time.monotonic() < deadline, targets
            threading.Event().wait(0.05)
        assert [(each["to"], each["weight"]) for each in targets] == [(first, 1), (second, 3)], targets
        assert targets[0]["last_error"] == "target_refused" and targets[0]["failures"] >= 2, targets
        assert targets[1]["connect_us"] > 0, targets


def test_there_is_no_privilege():
    with both() as (relay, controller):
        for process in [relay.process, controller.process]:
            with open(f"/proc/{process.pid}/status") as file:
                status = dict(line.split(":\t", 1) for line in file if ":\t" in line)
            for name in ["CapEff", "CapPrm", "CapInh", "CapAmb"]:
                assert int(status[name], 16) == 0, (process.args, name, status[name])


def test_the_same_state_again_changes_nothing():
    with both() as (_, controller), tls_origin("home", "app.example.com") as origin:
        text = RELAY + host_yaml("app.example.com", origin.address)
        assert controller.apply(text).document["revision"] == 1
        again = controller.apply(text)
        assert again.document == {"revision": 1, "previous_revision": 1, "changes": [], "steps": [],
                                  "warnings": [], "undo": ""}, again
        assert again.headers["ETag"] == '"1"'


def test_a_plan_shows_and_commits_nothing():
    with both() as (relay, controller):
        text = RELAY + host_yaml("app.example.com", ("127.0.0.1", 9))
        body = {"files": [{"path": "a.yaml", "text": text}]}
        for path, extra in [("/v1/plan", {}), ("/v1/apply", {"dry_run": True})]:
            plan = controller.done("POST", path, {**body, **extra})
            assert plan["revision"] == 0 and len(plan["changes"]) == 2, plan
            assert [s["state"] for s in plan["steps"]] == ["planned"], plan
        assert controller.get("/v1/hosts") == {"revision": 0, "items": []}
        assert relay.stats()["route_count"] == 0


def test_hosts_one_by_one_with_their_undo():
    with unprivileged_port() as controller:
        added = put_host(controller, "App.Example.com.", "127.0.0.1:9", {"If-None-Match": "*"})
        assert added.status == 200 and added.document["undo"] == "adit host rm app.example.com"
        same = put_host(controller, "app.example.com", "127.0.0.1:9", {"If-None-Match": "*"})
        assert same.status == 200 and same.document["changes"] == [], same
        other = put_host(controller, "app.example.com", "127.0.0.1:10", {"If-None-Match": "*"})
        assert other.status == 409 and "there already" in other.document["detail"], other
        changed = put_host(controller, "app.example.com", "127.0.0.1:10")
        assert changed.document["changes"][0]["sign"] == "~", changed
        assert changed.document["undo"] == "adit rollback 2"
        wild = put_host(controller, "*.example.com", "127.0.0.1:11", owner="git")
        assert wild.document["undo"] == "adit host rm '*.example.com' --owner git", wild
        denied = controller.request("DELETE", path_of("v1", "hosts", "*.example.com"))
        assert denied.status == 409 and "--owner git" in denied.document["detail"], denied
        gone = controller.request("DELETE", path_of("v1", "hosts", "*.example.com", owner="git"))
        assert gone.status == 200 and gone.document["undo"] == "adit rollback 4", gone
        missing = controller.request("DELETE", "/v1/hosts/none.example.com")
        assert missing.status == 404, missing
        assert [i["name"] for i in controller.get("/v1/hosts")["items"]] == ["app.example.com"]


def test_sites_wait_for_their_key_without_privilege():
    with unprivileged_port() as controller:
        made = controller.done("PUT", "/v1/sites/home",
                               {"networks": ["10.30.0.0/24"], "target": "10.30.0.200:443"})
        assert made["undo"] == "adit site rm home", made
        # No key, no tunnel; the empty table may have been pushed with this change.
        assert not [s for s in made["steps"] if s["kind"] != "set_route_table"], made
        site = controller.get("/v1/sites/home")
        assert site["state"] == "pending-key" and site["address"] == "10.98.0.10", site
        controller.done("PUT", "/v1/hosts/app.example.com", {"site": "home"})
        status = controller.status()
        assert status["problems"][0]["fix"] == "adit site set-key home KEY", status["problems"]
        assert status["hosts"][0]["target"] == "10.30.0.200:443"
        used = controller.request("DELETE", "/v1/sites/home")
        assert used.status == 409 and "app.example.com" in used.document["detail"], used

        config = controller.get("/v1/sites/home/config?format=wg-quick")
        assert config["format"] == "wg-quick" and config["notes"], config
        key = controller.status()["node"]["public_key"]
        assert f"PublicKey = {key}" in config["text"] and "10.98.0.10/32" in config["text"]
        unknown = controller.request("GET", "/v1/sites/home/config?format=riscos")
        assert unknown.status == 400 and "wg-quick" in unknown.document["detail"], unknown

        bad = controller.request("PATCH", "/v1/sites/home", {"public_key": "c2hvcnQ="})
        assert bad.status == 400 and controller.get("/v1/sites/home")["state"] == "pending-key", bad
        taken = controller.request("PATCH", "/v1/sites/home", {"public_key": key})
        assert taken.status == 400, taken
        patched = controller.done("PATCH", "/v1/sites/home", {"keepalive": "30s"})
        assert patched["changes"][0]["name"] == "home", patched
        assert controller.get("/v1/sites/home")["networks"] == ["10.30.0.0/24"]
        controller.done("DELETE", "/v1/hosts/app.example.com")
        controller.done("DELETE", "/v1/sites/home")
        assert controller.request("GET", "/v1/sites/home").status == 404


def test_route_test_names_the_route():
    with both() as (_, controller):
        controller.apply(RELAY + host_yaml("*.example.com", ("127.0.0.1", 9)))

        def ask(**query):
            return controller.get(path_of("v1", "routes", "test", **query))

        found = ask(name="www.example.com")
        assert found["match"] == "wildcard" and found["target"] == "127.0.0.1:9", found
        assert found["port"] == port_of(controller) and found["site_state"] == "direct", found
        assert ask(name="www.example.com", port=port_of(controller))["match"] == "wildcard"
        assert ask(name="a.b.example.com")["match"] == "none"
        assert ask(name="")["match"] == "none"
        bad = controller.request("GET", path_of("v1", "routes", "test", name="a", port="0"))
        assert bad.status == 400, bad
        bad = controller.request("GET", path_of("v1", "routes", "test", name="a", **{"from": "x"}))
        assert bad.status == 400, bad


def test_plain_http_of_hosts():
    def home(connection):
        head = connection.recv(65536).split(b"\r\n")[0]
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(head), head))

    def ask(port, host, path="/a?b"):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        with contextlib.closing(connection):
            connection.request("GET", path, headers={"Host": host})
            answer = connection.getresponse()
            return answer.status, answer.getheader("Location") or answer.read().decode()

    with both() as (_, controller), Serving(home) as target:
        http_target = ', http_target: "%s:%d"' % target.address
        hosts = "".join(
            f"  {name}.example.com: {{site: direct, target: 127.0.0.1:9{http_target}, http: {action}}}\n"
            for name, action in (("a", "redirect"), ("b", "forward"), ("c", "off")))
        assert controller.apply(RELAY + "hosts:\n" + hosts).status == 200
        listeners = controller.status()["relay"]["listeners"]
        ports = {each["protocol"]: each["bound_port"] for each in listeners}
        assert ask(ports["http"], "a.example.com") == (301, f"https://a.example.com:{ports['tls']}/a?b")
        assert ask(ports["http"], "b.example.com") == (200, "GET /a?b HTTP/1.1")
        assert ask(ports["http"], "c.example.com")[0] == 404
        token = "/.well-known/acme-challenge/abc-DEF_123"
        assert ask(ports["http"], "a.example.com", token) == (200, f"GET {token} HTTP/1.1")

        found = controller.get(path_of("v1", "routes", "test", name="a.example.com", port=ports["http"]))
        assert found["target"] == "%s:%d" % target.address and "redirected" in found["why"], found
        routes = {route["pattern"]: route for route in controller.get("/v1/routes")["items"]}
        assert [routes[f"{name}.example.com"]["http"] for name in "abc"] == ["redirect", "forward", "off"]
        assert routes["b.example.com"]["http_port"] == ports["http"]

        # Turned off: the port is closed, what TLS serves stays.
        assert controller.apply(RELAY.replace("http_port: 0", "http_port: off")).status == 200
        (left,) = controller.status()["relay"]["listeners"]
        assert left["protocol"] == "tls" and left["bound_port"] == ports["tls"], left


def test_probe_and_verify_look_at_the_target():
    with both() as (relay, controller), tls_origin("home", "www.example.com") as origin:
        controller.apply(RELAY + host_yaml("*.example.com", origin.address))
        probed = controller.done("POST", path_of("v1", "hosts", "*.example.com", "probe"))
        assert probed["result"] == "tls" and probed["took_ms"] < 1500, probed
        seen = controller.get("/v1/hosts/www.example.com/verify")
        assert seen["error"] == "" and seen["certificate"]["names"] == ["www.example.com"], seen
        assert len(seen["certificate"]["fingerprint_sha256"]) == 95, seen
        assert seen["relay"]["data_pid"] == relay.data_pid() and seen["site"] == "direct"
        pattern = controller.request("GET", path_of("v1", "hosts", "*.example.com", "verify"))
        assert pattern.status == 400 and "real name" in pattern.document["detail"], pattern
        missing = controller.request("GET", "/v1/hosts/www.example.org/verify")
        assert missing.status == 404, missing
    with alone() as controller, socket.create_server(("127.0.0.1", 0)) as silent:
        put_host(controller, "a.example.com", "127.0.0.1:%d" % silent.getsockname()[1])
        hung = controller.done("POST", "/v1/hosts/a.example.com/probe")
        assert hung["result"] == "timeout" and hung["took_ms"] < 1500, hung


def test_a_probe_is_answered_within_a_second_whoever_else_waits():
    with alone() as controller, socket.create_server(("127.0.0.1", 0), backlog=128) as silent:
        put_host(controller, "a.example.com", "127.0.0.1:%d" % silent.getsockname()[1])
        answers = []

        def probe():
            start = time.monotonic()
            answer = controller.done("POST", "/v1/hosts/a.example.com/probe")
            answers.append((time.monotonic() - start, answer))

        # It waits five seconds for a certificate.
        verify = threading.Thread(
            target=controller.done, args=("GET", "/v1/hosts/a.example.com/verify"))
        verify.start()
        probes = [threading.Thread(target=probe) for _ in range(20)]
        for thread in probes:
            thread.start()
        for thread in probes:
            thread.join()
        # A second, and what a busy machine adds; one after the other they would take 25.
        assert max(took for took, _ in answers) < 3 * SLOWNESS, answers
        results = {answer["result"]: answer["detail"] for _, answer in answers}
        assert results.keys() == {"timeout", "not_probed"}, answers
        assert results["not_probed"] == "not probed: busy", results
        silent.close()
        verify.join()


def test_a_moved_tunnel_blocks_no_other_change_and_is_shown():
    with unprivileged.place() as arguments:
        with ControllerProcess(**arguments) as controller:
            controller.done("PUT", "/v1/sites/home", {"target": "10.98.0.10:443"})
        with ControllerProcess(**arguments, tunnel={"ipv4": "10.99.0.0/20"}) as controller:
            assert put_host(controller, "a.example.com", "127.0.0.1:9").status == 200
            shown = [p for p in controller.status()["problems"] if "10.98.0.10 is not" in p["what"]]
            assert len(shown) == 1 and "tunnel:" in shown[0]["fix"], controller.status()
            moved = controller.done("PATCH", "/v1/sites/home", {"address": "10.99.0.10",
                                                                "target": "10.99.0.10:443"})
            assert moved["changes"][0]["name"] == "home", moved
            assert not any("is not one of" in p["what"] for p in controller.status()["problems"])


def test_rollback_restores_the_whole_state():
    with both() as (_, controller), tls_origin("home", "app.example.com") as origin:
        controller.apply(RELAY + host_yaml("app.example.com", origin.address))
        controller.done("DELETE", "/v1/hosts/app.example.com")
        back = controller.done("POST", "/v1/rollback", {"revision": 1, "message": "oops"})
        assert back["revision"] == 3 and back["undo"] == "adit rollback 2", back
        assert tls_ask(port_of(controller), "app.example.com") == "home"
        missing = controller.request("POST", "/v1/rollback", {"revision": 77})
        assert missing.status == 404, missing
        nothing = controller.done("POST", "/v1/rollback", {"revision": 0})
        assert nothing["revision"] == 4 and controller.get("/v1/hosts")["items"] == []


def test_owners_and_prune():
    with unprivileged_port() as controller:
        two = host_yaml("a.example.com", ("127.0.0.1", 9)) + \
            '  "b.example.com": {site: direct, target: "127.0.0.1:9"}\n'
        assert controller.apply(two, owner="git").status == 200
        put_host(controller, "c.example.com", "127.0.0.1:9")
        stolen = controller.apply(host_yaml("a.example.com", ("127.0.0.1", 10)))
        assert stolen.status == 409 and "--owner git" in str(stolen.document), stolen
        unprunable = controller.apply(two, prune=True)
        assert unprunable.status in (400, 409) and "--owner" in str(unprunable.document)
        pruned = controller.apply(host_yaml("a.example.com", ("127.0.0.1", 9)), owner="git",
                                  prune=True)
        assert [(c["sign"], c["name"]) for c in pruned.document["changes"]] == [
            ("-", "b.example.com")], pruned

        def names():
            return [i["name"] for i in controller.get("/v1/hosts")["items"]]

        assert names() == ["a.example.com", "c.example.com"], names()
        for texts in [[], [""], ["# hosts\n", ""]]:
            files = [{"path": "a.yaml", "text": text} for text in texts]
            empty = controller.request("POST", "/v1/apply",
                                       {"files": files, "owner": "git", "prune": True})
            assert empty.status == 400 and "hold nothing" in empty.document["detail"], empty
        assert names() == ["a.example.com", "c.example.com"], names()
        assert controller.apply("{}", owner="git", prune=True).status == 200
        assert names() == ["c.example.com"], names()
        assert controller.apply(two, owner="Not Valid").status == 400


def test_preconditions():
    with unprivileged_port() as controller:
        assert put_host(controller, "a.example.com", "127.0.0.1:9",
                        {"If-Match": '"1"'}).document["revision"] == 2
        stale = put_host(controller, "b.example.com", "127.0.0.1:9", {"If-Match": '"1"'})
        assert stale.status == 412 and "2 now" in stale.document["detail"], stale
        assert put_host(controller, "b.example.com", "127.0.0.1:9", {"If-Match": "*"}).status == 200
        odd = put_host(controller, "b.example.com", "127.0.0.1:10", {"If-Match": "7"})
        assert odd.status == 400, odd


def test_wrong_http():
    with alone() as controller:
        for path in ["/", "/v1", "/v2/status", "/v1/hosts/a/b/c", "/v1/hosts/"]:
            answer = controller.request("GET", path)
            assert answer.status == 404, (path, answer)
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.document["status"] == 404 and answer.document["code"] == "not_found"
        wrong = controller.request("POST", "/v1/status", {})
        assert wrong.status == 405 and wrong.headers["Allow"] == "GET", wrong
        assert controller.request("DELETE", "/v1/apply").headers["Allow"] == "POST"
        assert controller.request("PATCH", "/v1/hosts/x", {}).headers["Allow"] == "DELETE, GET, PUT"
        assert controller.request("HEAD", "/v1/status").status == 200
        assert controller.request("GET", "/v1/hosts/%zz").status == 400
        host = {"site": "direct", "target": "127.0.0.1:9"}
        for query, part in [("owner=%zz", "escape"), ("%zz=git", "escape"), ("owner=%4", "escape"),
                            ("onwer=git", '"onwer"; known are owner, message')]:
            answer = controller.request("PUT", "/v1/hosts/a.example.com?" + query, host)
            assert answer.status == 400 and part in answer.document["detail"], (query, answer)
        answer = controller.request("GET", "/v1/status?verbose=1")
        assert answer.status == 400 and '"verbose"' in answer.document["detail"], answer
        for body in [b"", b"{", b"[1]", b"\xff\xfe", b'{"files": 3}', b'{"fils": []}', b"[" * 100_000,
                     b'{"files": [], "files": []}', b'{"files": [], "prune": "yes"}',
                     b'{"files": [{"path": "x"}]}',
                     b'{"files": [], "message": "two\\nlines"}', b'{"a": 1e999}']:
            answer = controller.raw("POST", "/v1/apply", body)
            assert answer.status == 400 and answer.document["detail"], (body[:50], answer)
        assert controller.status()["revision"] == 0


def test_a_body_over_the_limit_is_refused_and_the_connection_survives():
    with alone() as controller:
        large = controller.raw("POST", "/v1/apply", b"x" * (17 << 20))
        assert large.status == 413, large
        fits = controller.raw("POST", "/v1/apply", b" " * (16 << 20), timeout=120)
        assert fits.status == 400 and "JSON" in fits.document["detail"], fits
        memory = controller.proportional_bytes()
        print(f"        PSS after two bodies of 16 MiB: {memory / 1e6:.1f} MB")
        assert memory < (64 << 20) * SLOWNESS


def test_readers_see_whole_states_while_writers_write():
    with unprivileged_port() as controller:
        put_host(controller, "a0.example.com", "127.0.0.1:9")
        results, failures = [], []

        def write(number):
            answer = put_host(controller, f"w{number}.example.com", "127.0.0.1:9")
            results.append(answer.document["revision"])

        def read():
            for _ in range(20):
                document = controller.get("/v1/hosts")
                # One host with each revision but the first: another number is a mixture.
                if len(document["items"]) != document["revision"] - 1:
                    failures.append(document)

        threads = [threading.Thread(target=write, args=(n,)) for n in range(12)]
        threads += [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(results) == list(range(3, 15)), results
        assert not failures, failures[0]
        assert len(controller.get("/v1/revisions")["items"]) == 14


def test_who_made_a_revision_is_recorded():
    with alone() as controller:
        put_host(controller, "a.example.com", "127.0.0.1:9", owner="git", message="by git")
        item = controller.get("/v1/revisions")["items"][0]
        assert item["uid"] == os.getuid() and item["owner"] == "git", item
        assert item["message"] == "by git" and item["summary"] == "+host a.example.com", item


def test_at_the_end_only_its_own_socket_is_removed():
    with alone() as controller:
        os.rename(controller.socket_path, controller.socket_path + ".moved")
        with open(controller.socket_path, "w") as file:
            file.write("another's")
        assert controller.terminate() == 0
        assert os.path.getsize(controller.socket_path) == len("another's")


cases.run(globals())
