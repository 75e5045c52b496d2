"""adit, adit-controller and adit-relay together on loopback: a host on `direct`, no privilege but
what looking into the relay's memory needs."""

import contextlib
import json
import os
import re
import shlex
import signal

import cases
import traffic
from controller_process import ControllerProcess
from fake_controller import adit
from relay_process import RelayProcess

NAME = "app.example.com"
RELAY = 'relay: {addresses: ["127.0.0.1"], https_port: 0, http_port: 0}\n'


@contextlib.contextmanager
def running(relay=None):
    """(run, target): `run("status")` is `adit status`; a TLS home at `target`."""
    with (relay or RelayProcess()) as relay, ControllerProcess(relay.control_path) as controller:
        with traffic.tls_origin("home", NAME, "a.lab.example.com") as home:
            def run(*words, **arguments):
                return adit(*words, socket=controller.socket_path, **arguments)
            applied = run("apply", "-f", "-", stdin=RELAY)
            assert applied.status == 0, applied
            yield run, "%s:%d" % home.address


def document(ran):
    assert ran.status == 0, ran
    return json.loads(ran.out)


def after_probe(run, target):
    """What `host add` says of the target. Its probe ends after 1 s, which a busy machine can let
    pass; the same host can be added again, and is tried again."""
    for _ in range(20):
        ran = run("host", "add", NAME, "--site", "direct", "--target", target)
        assert ran.status == 0, ran
        if "in time" not in ran.err and "does not answer" not in ran.err:
            break
    return ran


def test_a_host_comes_serves_and_goes():
    with running() as (run, target):
        ran = run("host", "add", NAME, "--site", "direct", "--target", target, "--no-probe")
        assert ran.status == 0 and ran.err == "", ran
        assert ran.out.startswith(f"+ host {NAME}") and f"undo: adit host rm {NAME}\n" in ran.out, ran
        again = after_probe(run, target)
        assert (again.out, again.err) == ("nothing to change\n", ""), again
        other = run("host", "add", NAME, "--site", "direct", "--target", "127.0.0.1:1")
        assert other.status == 1 and other.err.startswith("adit: "), other
        port = document(run("status", "-o", "json"))["hosts"][0]["port"]
        assert traffic.tls_ask(port, NAME) == "home"
        assert run("get", "hosts", "-o", "name").out == NAME + "\n"
        found = run("route", "test", f"{NAME}:{port}")
        assert found.status == 0 and target in found.out, found
        assert run("route", "test", "x.example.net").status == 1
        screen = run("status")
        assert screen.status == 0 and screen.out.startswith("OK") and NAME in screen.out, screen
        gone = run("host", "rm", NAME)
        assert gone.status == 0 and gone.out.startswith(f"- host {NAME}"), gone
        assert run("get", "hosts").out == ""


def test_the_undo_that_is_shown_undoes():
    with running() as (run, target):
        ran = run("host", "add", "*.lab.example.com", "--site", "direct", "--target", target)
        undo = ran.out.splitlines()[-1].removeprefix("undo: adit ")
        assert run(*shlex.split(undo)).status == 0, ran
        assert run("get", "hosts", "-o", "name").out == ""
        revisions = document(run("history", "-o", "json"))["items"]
        assert len(revisions) == 3, revisions
        assert run("rollback", str(revisions[1]["revision"])).status == 0
        assert run("get", "hosts", "-o", "name").out == "*.lab.example.com\n"


def test_plain_http_at_home_gets_its_caddyfile():
    def http(connection):
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
    with running() as (run, _), traffic.Serving(http) as home:
        ran = after_probe(run, "%s:%d" % home.address)
        assert "answers plain HTTP" in ran.err and f"  {NAME} {{" in ran.err, ran


def test_diff_apply_and_what_is_wrong_in_a_file():
    with running() as (run, target):
        text = f'hosts: {{{NAME}: {{site: direct, target: "{target}"}}}}\n'
        assert run("diff", "-f", "-", stdin=text).status == 1
        applied = run("apply", "-f", "-", stdin=text)
        assert applied.status == 0 and "undo: adit rollback" in applied.out, applied
        assert run("diff", "-f", "-", stdin=text).status == 0
        wrong = run("apply", "-f", "-", stdin=text.replace("site: direct", "site: diretc"))
        assert wrong.status == 1 and "\n<stdin>:1:" in wrong.err and "diretc" in wrong.err, wrong
        assert run("diff", "-f", "-", stdin="hosts: [").status == 2


def test_sites_wait_for_their_key_and_have_a_configuration():
    with running() as (run, _):
        ran = run("site", "add", "home", "--network", "10.30.0.0/24", "--target", "10.30.0.200:443")
        assert ran.status == 0 and "adit site set-key home KEY" in ran.err, ran
        site = document(run("get", "sites", "home", "-o", "json"))
        assert site["state"] == "pending-key", site
        ran = run("site", "config", "home")
        assert ran.status == 0 and "[Interface]" in ran.out and "[Peer]" in ran.out, ran
        assert run("site", "set-key", "home", "no-key").status == 1
        assert run("host", "add", NAME, "--site", "home", "--no-probe").status == 0
        used = run("site", "rm", "home")
        assert used.status == 1 and NAME in used.err, used


def test_verify_counts_no_byte_that_passed_before():
    with running() as (run, target):
        assert run("host", "add", NAME, "--site", "direct", "--target", target).status == 0
        port = document(run("status", "-o", "json"))["hosts"][0]["port"]
        seen = run("verify", NAME)
        assert seen.status == 0, seen  # the controller has just asked the relay
        for _ in range(10):
            traffic.tls_ask(port, NAME)
        proof = document(run("verify", NAME, "-o", "json"))
        assert proof["relayed"]["connections"] == 1, proof
        assert 500 < proof["relayed"]["bytes_to_client"] < 9000, proof


def reload_past(relay, old):
    """A reload in which the data process `old` is stopped before it can give its connections away:
    they stay with it."""
    cache = os.path.join(relay.state_dir, "table.cache")
    os.rename(cache, cache + ".kept")
    os.mkfifo(cache)  # the successor waits for its table
    relay.process.send_signal(signal.SIGHUP)
    with open(cache + ".kept", "rb") as table, open(cache, "wb") as pipe:
        os.kill(old, signal.SIGSTOP)
        os.rename(cache + ".kept", cache)
        pipe.write(table.read())
    relay.wait_for("adit-relay: ready")


def test_verify_looks_at_the_relay_that_drains_after_a_reload():
    if os.geteuid() != 0:
        raise cases.Skip("needs root to look into another process's memory")
    relay = RelayProcess()
    with running(relay) as (run, target):
        assert run("host", "add", NAME, "--site", "direct", "--target", target).status == 0
        old = relay.data_pid()
        with traffic.connect(relay.port()) as client:
            client.sendall(traffic.client_hello(NAME))
            client.recv(1)  # home's answer: the connection is relayed
            reload_past(relay, old)
            new = relay.data_pid()
            proof = document(run("verify", NAME, "-o", "json"))
            os.kill(old, signal.SIGCONT)
        checks = {check["name"]: check for check in proof["checks"]}
        assert proof["verdict"] == "verified", proof
        # Relays of other tests that run now, of the same program and user, are looked at too.
        looked_at = checks["relay_processes"]["detail"]
        assert f"{new} (data process)" in looked_at and str(old) in re.findall(r"\d+", looked_at), proof
        processes = int(re.search(r"of memory of (\d+) processes", checks["relay_memory"]["detail"])[1])
        assert processes >= 3, proof


def test_verify_proves_the_real_relay():
    with running() as (run, target):
        assert run("host", "add", "*.lab.example.com", "--site", "direct", "--target", target).status == 0
        chain, key = traffic.certificate(NAME, "a.lab.example.com")
        ran = run("verify", "a.lab.example.com", "--key", key, "--ca", traffic.certificates()[1],
                  "-o", "json")
        proof = document(ran)
        states = {check["name"]: check["state"] for check in proof["checks"]}
        if os.geteuid() == 0:
            assert proof["verdict"] == "verified", proof
        else:
            assert "failed" not in states.values(), proof
        assert states["certificates_equal"] == states["chain_trusted"] == "passed", proof
        assert states["bytes_relayed"] == "passed" and proof["relayed"]["bytes_to_client"] > 0, proof
        text = run("verify", "a.lab.example.com")
        assert text.status == 0, text
        print(text.out)


if __name__ == "__main__":
    cases.run(globals())
