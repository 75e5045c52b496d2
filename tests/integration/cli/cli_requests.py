"""Every command against a controller that plays its part: exact requests, words and exit statuses."""

import json
import os
import socket
import subprocess
import tempfile
import threading

import cases
from fake_controller import ADIT, FakeController, adit, change, problem, step

HOST = "/v1/hosts/app.example.com"
TLS = {"target": "10.30.0.200:443", "result": "tls", "detail": "TLSv1.3", "took_ms": 3}


def fake_host_add(probe=TLS, **more):
    return FakeController({("PUT", HOST): change(**more), ("POST", HOST + "/probe"): probe})


def test_host_add_puts_only_a_new_host_and_shows_the_undo():
    with fake_host_add() as fake:
        ran = fake.run("host", "add", "app.example.com", "--site", "home", "--target",
                       "10.30.0.200:443", "--port", "8443", "--http", "forward", "--http-target",
                       "10.30.0.200:8080", "--drain", "30s", "--owner", "git",
                       "--message", "a & b")
        assert ran.status == 0, ran
        assert ran.out == "+ host app.example.com: to home\nundo: adit host rm app.example.com\n", ran
        assert ran.err == "", ran
        assert fake.lines() == [f"PUT {HOST}?owner=git&message=a%20%26%20b", f"POST {HOST}/probe"]
        assert fake.asked[0].headers["If-None-Match"] == "*"
        assert fake.sent(0) == {"site": "home", "target": "10.30.0.200:443", "port": 8443,
                                "http": "forward", "http_target": "10.30.0.200:8080", "drain": "30s"}


def test_host_add_of_a_wildcard_keeps_it_one_segment():
    path = "/v1/hosts/%2A.lab.example.com"
    with FakeController({("PUT", path): change(), ("POST", path + "/probe"): TLS}) as fake:
        assert fake.run("host", "add", "*.lab.example.com", "--site", "home").status == 0
        assert fake.lines() == ["PUT " + path, "POST " + path + "/probe"]
        assert fake.sent(0) == {"site": "home"}


def test_host_add_says_how_to_end_tls_at_home():
    plain = {"target": "10.30.0.200:8080", "result": "plain_http", "detail": "HTTP/1.1 200 OK"}
    with fake_host_add(plain) as fake:
        ran = fake.run("host", "add", "app.example.com", "--site", "home")
        assert ran.status == 0, ran
        assert "warning: 10.30.0.200:8080 answers plain HTTP, not TLS" in ran.err, ran
        assert "  app.example.com {\n    reverse_proxy 10.30.0.200:8080\n  }\n" in ran.err, ran
        assert ran.err.endswith(": adit host rm app.example.com && adit host add app.example.com "
                                "--site home --target IP:443\n"), ran
        ran = fake.run("host", "add", "app.example.com", "--site", "home", "-o", "json")
        assert json.loads(ran.out)["probe"] == plain and ran.err == "", ran


def test_host_add_says_what_else_the_target_did():
    for result, said in (("refused", "hint: 10.30.0.200:443 refuses connections: nothing listens there yet"),
                         ("timeout", "hint: 10.30.0.200:443 does not answer"),
                         ("not_probed", "hint: 10.30.0.200:443 was not asked whether it answers")):
        with fake_host_add({"target": "10.30.0.200:443", "result": result, "detail": ""}) as fake:
            ran = fake.run("host", "add", "app.example.com", "--site", "home")
            assert ran.status == 0 and said in ran.err, ran


def test_host_add_does_not_probe_when_told_or_when_not_live():
    with fake_host_add() as fake:
        fake.run("host", "add", "app.example.com", "--site", "home", "--no-probe")
        assert fake.lines() == ["PUT " + HOST]
    with fake_host_add(steps=[step("failing", error="refused", fix="give it a port")]) as fake:
        ran = fake.run("host", "add", "app.example.com", "--site", "home")
        assert ran.status == 3, ran
        assert "failing: relay: push the table: refused\n  fix: give it a port\n" == ran.err, ran
        assert fake.lines() == ["PUT " + HOST]
    with fake_host_add(steps=[step("waiting", error="no relay")]) as fake:
        ran = fake.run("host", "add", "app.example.com", "--site", "home")
        assert ran.status == 0 and fake.lines() == ["PUT " + HOST], ran


def test_a_probe_that_fails_does_not_make_the_change_fail():
    with fake_host_add(problem(503, "busy", "unavailable")) as fake:
        ran = fake.run("host", "add", "app.example.com", "--site", "home")
        assert ran.status == 0 and ran.err == "note: the target was not tried: busy\n", ran
        ran = fake.run("host", "add", "app.example.com", "--site", "home", "-o", "json")
        assert ran.status == 0 and ran.err == "" and "probe" not in json.loads(ran.out), ran


def test_waiting_steps_are_named_and_no_failure():
    with fake_host_add(steps=[step("waiting", error="no relay", fix="start adit-relay"),
                              step("done", "make adit0")]) as fake:
        ran = fake.run("host", "add", "app.example.com", "--site", "home")
        assert ran.status == 0, ran
        assert ran.err == "waiting: relay: push the table: no relay\n  fix: start adit-relay\n", ran


def test_refusals_are_one_sentence_and_a_line_for_each_problem():
    problems = [{"file": "adit.yaml", "line": 4, "column": 11, "path": "hosts.a.test.site",
                 "what": "no site \"hme\"; did you mean \"home\"?"}]
    answers = {("PUT", HOST): problem(409, "app.example.com belongs to owner \"git\"", "conflict"),
               ("POST", "/v1/apply"): problem(400, "1 problem", problems=problems),
               ("POST", "/v1/plan"): problem(400, "1 problem", problems=problems)}
    with FakeController(answers) as fake:
        ran = fake.run("host", "add", "app.example.com", "--site", "home")
        assert (ran.status, ran.out) == (1, ""), ran
        assert ran.err == "adit: app.example.com belongs to owner \"git\"\n", ran
        ran = fake.run("apply", "-f", "-", stdin="hosts: {}")
        assert ran.status == 1, ran
        assert ran.err == ("adit: 1 problem\nadit.yaml:4:11: hosts.a.test.site: no site \"hme\"; "
                           "did you mean \"home\"?\n"), ran
        ran = fake.run("diff", "-f", "-", stdin="hosts: {}")
        assert ran.status == 2, ran
        ran = fake.run("apply", "-f", "-", "-o", "json", stdin="hosts: {}")
        assert (ran.status, ran.out) == (1, ""), ran
        assert json.loads(ran.err)["problems"] == problems, ran


def test_host_rm_and_site_commands():
    answers = {("DELETE", HOST): change("-", undo="adit rollback 7"),
               ("PUT", "/v1/sites/home"): change(), ("DELETE", "/v1/sites/home"): change("-"),
               ("PATCH", "/v1/sites/home"): change("~"),
               ("GET", "/v1/sites/home/config"): {"format": "wg-quick", "text": "[Interface]\n",
                                                  "notes": ["fill in PrivateKey"]}}
    with FakeController(answers) as fake:
        ran = fake.run("host", "rm", "app.example.com", "--owner", "git")
        assert ran.out == "- host app.example.com: to home\nundo: adit rollback 7\n", ran
        ran = fake.run("site", "add", "home", "--network", "10.30.0.0/24", "--network", "10.31.0.0/24",
                       "--target", "10.30.0.200:443", "--keepalive", "15s", "--address", "10.98.0.10")
        assert ran.status == 0 and "adit site set-key home KEY" in ran.err, ran
        assert fake.asked[-1].headers["If-None-Match"] == "*"
        assert fake.sent() == {"networks": ["10.30.0.0/24", "10.31.0.0/24"],
                               "target": "10.30.0.200:443", "keepalive": "15s",
                               "address": "10.98.0.10"}
        ran = fake.run("site", "add", "home", "--public-key", "K=")
        assert "set-key" not in ran.err and fake.sent() == {"public_key": "K="}, ran
        assert fake.run("site", "set-key", "home", "K=").status == 0
        assert fake.asked[-1].headers["Content-Type"] == "application/merge-patch+json"
        assert fake.sent() == {"public_key": "K="}
        ran = fake.run("site", "config", "home", "--format", "wg-quick")
        assert (ran.out, ran.err) == ("[Interface]\n", "note: fill in PrivateKey\n"), ran
        assert fake.run("site", "rm", "home").status == 0
        assert fake.lines() == [f"DELETE {HOST}?owner=git", "PUT /v1/sites/home", "PUT /v1/sites/home",
                                "PATCH /v1/sites/home", "GET /v1/sites/home/config?format=wg-quick",
                                "DELETE /v1/sites/home"]


def test_a_configuration_cannot_steer_the_terminal():
    text = "[Interface]\n# \x1b]0;evil\x07 \u202e\nAddress = 10.98.0.10/32\n"
    with FakeController({("GET", "/v1/sites/home/config"): {"text": text, "notes": []}}) as fake:
        ran = fake.run("site", "config", "home")
        assert ran.out == ("[Interface]\n# \\x1b]0;evil\\x07 \\u{202e}\n"
                           "Address = 10.98.0.10/32\n"), ran
        for form in ("json", "yaml"):
            out = fake.run("site", "config", "home", "-o", form).out
            assert "\x1b" not in out and "\u202e" not in out and "evil" in out, out


def test_an_undo_says_what_it_leaves():
    note = "the first key of home goes only with its site"
    for undo, out, err in (("", f"undo: none: {note}\n", ""),
                           ("adit rollback 7", "undo: adit rollback 7\n", f"but: {note}\n")):
        with FakeController({("PATCH", "/v1/sites/home"): change("~", undo=undo, undo_note=note)}) as fake:
            ran = fake.run("site", "set-key", "home", "K=")
            assert ran.status == 0 and ran.out.endswith(out) and ran.err == err, ran


def test_apply_sends_the_texts_and_never_reads_them():
    with tempfile.TemporaryDirectory() as folder, FakeController(
            {("POST", "/v1/apply"): change(undo="adit rollback 7")}) as fake:
        os.mkdir(os.path.join(folder, "sub"))
        for name in ("b.yaml", "sub/a.yml", "notes.txt"):
            with open(os.path.join(folder, name), "w") as file:
                file.write(f"{name}: [not YAML")
        ran = fake.run("apply", "--wait", "-f", folder, "-f", "-", "--owner", "git", "--prune",
                       "--message", "m", stdin="x")
        assert ran.status == 0, ran
        assert fake.sent() == {
            "files": [{"path": os.path.join(folder, "b.yaml"), "text": "b.yaml: [not YAML"},
                      {"path": os.path.join(folder, "sub/a.yml"), "text": "sub/a.yml: [not YAML"},
                      {"path": "<stdin>", "text": "x"}],
            "owner": "git", "prune": True, "dry_run": False, "message": "m"}
        ran = fake.run("apply", "-f", "-", "--dry-run", "--wait", stdin="x")
        assert fake.sent()["dry_run"] is True and fake.sent()["owner"] == "cli"
        assert "undo:" not in ran.out, ran
        ran = fake.run("apply", "-f", os.path.join(folder, "missing"))
        assert ran.status == 1 and "there is no such file" in ran.err, ran
        assert len(fake.asked) == 2


def test_diff_tells_same_and_different_by_its_status():
    planned = change(steps=[step("planned")])
    with FakeController({("POST", "/v1/plan"): [planned, change("")]}) as fake:
        ran = fake.run("diff", "-f", "-", stdin="x")
        assert ran.status == 1, ran
        assert ran.out == "+ host app.example.com: to home\nsteps:\n  + relay: push the table\n", ran
        ran = fake.run("diff", "-f", "-", stdin="x")
        assert (ran.status, ran.out) == (0, "nothing would change\n"), ran
    ran = adit("diff", "-f", "-", socket="/nonexistent/control.sock")
    assert ran.status == 2, ran


def test_get_in_every_form():
    host = {"name": "app.example.com", "site": "home", "target": "10.30.0.200:443", "port": 443,
            "state": "ok", "owner": "cli", "bytes_to_client": 1500}
    answers = {("GET", "/v1/hosts"): {"revision": 8, "items": [host]}, ("GET", HOST): host,
               ("GET", "/v1/sites"): {"revision": 8, "items": []},
               ("GET", "/v1/routes"): {"revision": 8, "items": [{"name": "evil\x1b[2J"}]}}
    with FakeController(answers) as fake:
        ran = fake.run("get", "hosts")
        assert ran.out == ("NAME             SITE  TARGET           PORT  STATE  OWNER\n"
                           "app.example.com  home  10.30.0.200:443  443   ok     cli\n"), ran
        assert "1.5 kB" in fake.run("get", "hosts", "-o", "wide").out
        assert fake.run("get", "hosts", "-o", "name").out == "app.example.com\n"
        assert json.loads(fake.run("get", "hosts", "-o", "json").out)["items"] == [host]
        ran = fake.run("get", "hosts", "app.example.com", "-o", "yaml")
        assert ran.out.startswith("name: app.example.com\nsite: home\n"), ran
        ran = fake.run("get", "sites")
        assert (ran.status, ran.out) == (0, "") and "adit site add" in ran.err, ran
        assert "\x1b" not in fake.run("get", "routes").out
        ran = fake.run("get", "sites", "x")
        assert (ran.status, ran.err) == (1, "adit: no /v1/sites/x here\n"), ran


def test_get_shows_all_targets():
    route = {"name": "host/a.example.com", "port": 443, "target": "10.30.0.1:443", "site": "home", "state": "ok",
             "targets": [{"to": "10.30.0.1:443", "weight": 10, "state": "healthy"},
                         {"to": "10.30.0.2:443", "weight": 0, "state": "down"}]}
    with FakeController({("GET", "/v1/routes"): {"revision": 8, "items": [route]}}) as fake:
        assert " 10.30.0.1:443(10), 10.30.0.2:443 " in fake.run("get", "routes").out
        assert "10.30.0.1:443(10) healthy, 10.30.0.2:443 down" in fake.run("get", "routes", "-o", "wide").out


def test_route_test_asks_all_and_tells_none_by_its_status():
    found = {"match": "wildcard", "route": "*.example.com", "site": "home", "site_state": "up",
             "target": "10.30.0.200:443", "port": 8443, "why": "one label below example.com"}
    with FakeController({("GET", "/v1/routes/test"): [found, {"match": "none", "why": "no"}]}) as fake:
        ran = fake.run("route", "test", "a.example.com:8443")
        assert ran.status == 0 and "one label below example.com" in ran.out, ran
        assert fake.lines() == ["GET /v1/routes/test?name=a.example.com&port=8443"]
        assert fake.run("route", "test", "b.test").status == 1
        fake.run("route", "test", "a.example.com", "--alpn", "acme-tls/1")
        assert fake.lines()[2:] == ["GET /v1/routes/test?name=a.example.com&alpn=acme-tls%2F1"], fake.lines()
        ran = fake.run("route", "test", "a.example.com", "--from=2001:db8::1")
        assert ran.status == 2 and "is not in this version" in ran.err, ran
        assert len(fake.asked) == 3, fake.lines()


def test_route_test_of_a_name_that_is_none_is_wrong_usage_with_or_without_a_controller():
    nobody = "/nonexistent/control.sock"
    for name in ("*.example.com", "a..example.com", "under score.example.com:443"):
        ran = adit("route", "test", name, socket=nobody)
        assert ran.status == 2 and "no client can ask for this name: " in ran.err, ran
        assert nobody not in ran.err, ran
    for name in ("a.example.com:443", "192.0.2.1", "2001:db8::1", ""):
        ran = adit("route", "test", name, socket=nobody)
        assert ran.status == 1 and nobody in ran.err, ran
    with FakeController({("GET", "/v1/routes/test"): {"match": "none", "why": "no"}}) as fake:
        fake.run("route", "test", "2001:db8::1")
        assert fake.lines() == ["GET /v1/routes/test?name=2001%3Adb8%3A%3A1"], fake.lines()


def test_history_and_rollback():
    items = [{"revision": 8, "owner": "cli", "uid": 0, "time": 1800000000, "message": "", "summary": "+1 host"},
             {"revision": 7, "owner": "git", "uid": 3999999999, "time": 1799990000, "message": "m", "summary": "~1"}]
    with FakeController({("GET", "/v1/revisions"): {"items": items},
                         ("POST", "/v1/rollback"): change("-", undo="adit rollback 8")}) as fake:
        ran = fake.run("history", environment={"TZ": "UTC"})
        assert ran.out.splitlines()[1].split() == ["8", "2027-01-15", "08:00:00", "cli", "root",
                                                   "+1", "host", "-"], ran
        assert "git    3999999999  ~1" in ran.out, ran  # nobody knows a name for it
        known = json.loads(fake.run("history", "-o", "json").out)["items"][0]
        assert (known["uid"], known["user"]) == (0, "root"), known
        assert fake.run("get", "revisions", "7", "-o", "name").out == "7\n"
        assert fake.run("get", "revisions", "9").status == 1
        ran = fake.run("rollback", "7", "--message", "oops")
        assert ran.status == 0 and "undo: adit rollback 8" in ran.out, ran
        assert fake.sent() == {"revision": 7, "message": "oops"}


def test_answers_that_are_no_answers():
    answers = {("GET", "/v1/status"): [(200, b"<html>"), (200, b""), (500, b"oops"), (200, b"[1]")]}
    with FakeController(answers) as fake:
        for want in ("not a JSON document", "not a JSON document", "HTTP status 500",
                     "not a JSON document"):
            ran = fake.run("status")
            assert ran.status == 1 and want in ran.err, ran


def hung_up_on(*words):
    """`adit`'s words to a controller that takes the request and breaks off."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = os.path.join(folder, "s")
        listener.bind(path)
        listener.listen()
        listener.settimeout(30)
        def hang_up():
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.close()
        thread = threading.Thread(target=hang_up)
        thread.start()
        ran = adit(*words, socket=path, stdin="hosts: {}")
        thread.join()
        assert f"adit: the controller at {path} broke off" in ran.err, ran
        return ran


UNKNOWN = "it is not known whether anything was changed: `adit history` shows it"


def test_a_controller_that_breaks_off():
    for words in (("status",), ("diff", "-f", "-"), ("apply", "-f", "-", "--dry-run")):
        ran = hung_up_on(*words)
        assert ran.status == (2 if words[0] == "diff" else 1) and UNKNOWN not in ran.err, ran


def test_a_change_without_an_answer_may_have_been_made():
    for words in (("apply", "-f", "-"), ("host", "rm", "a.test"), ("host", "add", "a.test", "--site", "x"),
                  ("site", "set-key", "home", "K="), ("rollback", "7")):
        ran = hung_up_on(*words)
        assert ran.status == 1 and UNKNOWN in ran.err, ran
    with tempfile.TemporaryDirectory() as folder:  # never sent: nothing was changed
        ran = adit("host", "rm", "a.test", socket=os.path.join(folder, "s"))
        assert ran.status == 1 and "not known" not in ran.err, ran


def test_no_controller_says_which_socket_and_what_to_do():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "control.sock")
        ran = adit("status", socket=path)
        assert ran.status == 1 and path in ran.err and "systemctl start adit-controller" in ran.err, ran
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(path)
        ran = adit("--socket", path, "status")
        assert "Connection refused" in ran.err, ran
        ran = adit("status", "-o", "json", socket=path)
        assert json.loads(ran.err)["code"] == "unavailable", ran
        ran = adit("--socket", "", "status", socket=path)
        assert ran.status == 2 and "--socket needs the path of the controller's socket" in ran.err, ran
        ran = adit("status", socket="/" + "x" * 200)
        assert ran.status == 1 and "too long" in ran.err, ran


def test_no_permission_says_which_group():
    if os.geteuid() != 0:
        raise cases.Skip("needs root to become somebody else")
    with FakeController() as fake:
        os.chmod(fake.folder, 0o755)
        os.chmod(fake.socket_path, 0o660)
        nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
        ran = fake.run("status", prefix=nobody)
        if "setpriv" in ran.err or ran.status == 127:
            raise cases.Skip("the build folder is not readable for others")
        assert ran.status == 1 and "usermod -aG adit" in ran.err, ran


def test_the_environment_does_not_lead_elsewhere():
    with FakeController({("GET", "/v1/hosts"): {"items": []}}) as fake:
        proxies = {name: "http://127.0.0.1:1" for name in ("http_proxy", "ALL_PROXY", "all_proxy")}
        assert fake.run("get", "hosts", environment=proxies).status == 0


def test_status_is_one_screen():
    status = {"status": "ok", "version": "0.1.0", "revision": 3, "relay": {"connected": True},
              "node": {"implementation": "none"}}
    with FakeController({("GET", "/v1/status"): status}) as fake:
        ran = fake.run("status")
        assert ran.status == 0 and ran.out.startswith("OK  adit 0.1.0, revision 3\n"), ran
        assert "\x1b[32mOK" in fake.run("status", "--color", "always").out
        assert json.loads(fake.run("status", "-o", "json").out) == status


def test_a_full_disk_is_a_failure():
    full = ("sh", "-c", "exec \"$@\" > /dev/full", "sh")
    with FakeController({("GET", "/v1/hosts"): {"items": []}}) as fake:
        ran = fake.run("get", "hosts", "-o", "json", prefix=full)
        assert ran.status == 1 and "cannot write to stdout" in ran.err, ran
    with FakeController({("DELETE", HOST): change("-")}) as fake:  # done all the same: 1 says it is not
        ran = fake.run("host", "rm", "app.example.com", prefix=full)
        assert ran.status == 0 and "cannot write to stdout" in ran.err, ran


def test_a_change_that_was_made_stays_one_when_nobody_reads_of_it():
    def into_closed_pipe(fake, *words):
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "wb") as closed:
            return subprocess.run([ADIT, *words], stdout=closed, stderr=subprocess.PIPE, text=True,
                                  check=False, env={**os.environ, "ADIT_SOCKET": fake.socket_path})
    failing = change("-", steps=[step("failing")])
    answers = {("DELETE", HOST): [change("-"), failing], ("GET", "/v1/hosts"): {"items": [{"name": "a"}]}}
    with FakeController(answers) as fake:
        assert into_closed_pipe(fake, "host", "rm", "app.example.com").returncode == 0
        assert into_closed_pipe(fake, "host", "rm", "app.example.com").returncode == 3
        ran = into_closed_pipe(fake, "get", "hosts", "-o", "name")
        assert (ran.returncode, ran.stderr) == (1, ""), ran


if __name__ == "__main__":
    cases.run(globals())
