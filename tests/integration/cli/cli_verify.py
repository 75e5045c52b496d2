"""`adit verify` must fail where something is wrong between a client and home: a stranger's
certificate, at one of many addresses too, or bytes that took another way. Real TLS servers; only the
controller plays its part. Whether the relay is blind: cli_verify_relay.py."""

import contextlib
import json
import os
import socket
import ssl
import tempfile
import threading
import time

import cases
import traffic
from fake_controller import SLOWNESS, FakeController
from verify_stage import (IS_ROOT, NAME, Counters, checks_of, controller, fingerprint, need_tracing,
                          passing, relay_like)


def test_the_proof_is_something_to_look_at():
    need_tracing()
    counters = Counters()
    with traffic.tls_origin("hello", NAME) as home, passing(home.address, counters) as port:
        with relay_like() as pids, controller(port, pids, counters=counters) as fake:
            ran = fake.run("verify", NAME)
            assert ran.status == 0, ran
            assert ran.out.count("✓") == 8 and "TLS ends at home." in ran.out, ran.out
            assert ran.out.count(fingerprint(traffic.certificate(NAME)[0])) == 2, ran.out
            ran = fake.run("verify", NAME, "--color", "never", "--strict")
            assert ran.status == 0, ran
            assert "  ok  relay: memory" in ran.out and ran.out.isascii(), ran.out


def test_another_certificate_outside_fails_with_the_reason():
    with traffic.tls_origin("hello", NAME, "other") as stranger:
        other = traffic.certificate("somebody.example.net")[0]
        with controller(stranger.address[1], chain=other) as fake:
            ran = fake.run("verify", NAME)
            assert ran.status == 1 and "ends TLS in between" in ran.out, ran
            assert "NOT verified" in ran.out and "✗" in ran.out, ran


def test_a_chain_that_does_not_verify_fails():
    with traffic.tls_origin("hello", NAME) as home, controller(home.address[1]) as fake:
        chain = traffic.certificate("somebody.example.net")[0]
        ran = fake.run("verify", NAME, "--ca", chain, "-o", "json")
        assert ran.status == 1 and checks_of(ran)["chain_trusted"]["state"] == "failed", ran
        ran = fake.run("verify", NAME, "--ca", "/nonexistent.pem")
        assert ran.status == 1 and "/nonexistent.pem" in ran.out + ran.err, ran


def bytes_check(counters, is_by_relay):
    """The check of the bytes, and the numbers, of one look that came by the relay or around it."""
    with traffic.tls_origin("hello", NAME) as home, passing(home.address, counters) as relay:
        with controller(relay if is_by_relay else home.address[1], counters=counters) as fake:
            ran = fake.run("verify", NAME, "-o", "json")
            return checks_of(ran)["bytes_relayed"], json.loads(ran.out)["relayed"]


def test_bytes_that_came_by_the_relay_are_counted_exactly():
    counters = Counters()
    counters.add(connections=7, bytes_to_target=1 << 20, bytes_to_client=1 << 20)
    check, relayed = bytes_check(counters, is_by_relay=True)
    assert check["state"] == "passed" and "other visitors" not in check["detail"], check
    assert relayed["connections"] == 1 and relayed["other_connections"] == 0, relayed
    assert 100 < relayed["bytes_to_target"] < 5000 and 500 < relayed["bytes_to_client"] < 9000, relayed


def test_bytes_that_took_another_way_fail():
    check, relayed = bytes_check(Counters(), is_by_relay=False)
    assert check["state"] == "failed" and "we made 1 connection, and 0 came" in check["detail"], check


def test_what_others_moved_before_the_look_is_not_ours():
    counters = Counters()  # the relay has more than the controller knows of: a second old
    counters.add(connections=1, bytes_to_target=9000, bytes_to_client=9000)
    check, relayed = bytes_check(counters, is_by_relay=False)
    assert check["state"] == "failed" and relayed["bytes_to_client"] == 0, (check, relayed)


def test_what_others_move_during_the_look_is_not_ours():
    counters = Counters()
    counters.add(active=1)
    counters.elsewhere = lambda: counters.add(bytes_to_target=100, bytes_to_client=100)
    check, relayed = bytes_check(counters, is_by_relay=False)
    assert check["state"] == "failed", check
    assert relayed["bytes_to_client"] > 0 and relayed["connections"] == 0, relayed


def test_other_visitors_are_named_where_they_were_counted_too():
    counters = Counters()
    counters.add(active=1)
    def two_come_behind_us():
        if counters.relays["connections"] == 3 + 1:
            counters.add(connections=2)
    counters.elsewhere = two_come_behind_us
    check, relayed = bytes_check(counters, is_by_relay=True)
    assert check["state"] == "passed" and "3 connections of other visitors" in check["detail"], check
    assert relayed["connections"] == 3 and relayed["other_connections"] == 3, relayed


def test_a_controller_that_cannot_ask_the_relay_leaves_the_bytes_unchecked():
    with traffic.tls_origin("hello", NAME) as home, controller(home.address[1]) as fake:
        fake.answers["POST", "/v1/plan"] = (503, {"title": "No", "detail": "too many are waiting"})
        ran = fake.run("verify", NAME, "-o", "json")
        check = checks_of(ran)["bytes_relayed"]
        assert check["state"] == "unchecked" and "too many are waiting" in check["detail"], check


def test_what_could_not_be_checked_fails_only_when_that_is_asked_for():
    counters = Counters()
    with traffic.tls_origin("hello", NAME) as home, passing(home.address, counters) as port:
        with controller(port, (1, 1), counters=counters) as fake:
            ran = fake.run("verify", NAME, "-o", "json")
            checks = checks_of(ran)
            assert ran.status == 0 and json.loads(ran.out)["verdict"] == "incomplete", ran
            for name in ("processes", "libraries", "files", "capabilities", "memory", "contents"):
                assert checks["relay_" + name]["state"] == "unchecked", checks
                assert checks["relay_" + name]["detail"].startswith("not checked ("), checks
            ran = fake.run("verify", NAME, "--strict")
            assert ran.status == 1 and "not everything could be checked" in ran.out, ran
            assert "--strict" in fake.run("verify", "--help").out


def test_a_wireguard_key_that_cannot_be_read_is_a_gap_and_no_secret():
    with traffic.tls_origin("hello", NAME) as home, tempfile.TemporaryDirectory() as state:
        with controller(home.address[1], state_dir=state) as fake:
            ran = fake.run("verify", NAME, "-o", "json")
            check = checks_of(ran)["wireguard_key"]
            assert check["state"] == "unchecked", check
            assert "wireguard.key is not searched for" in check["detail"], check
            with open(os.path.join(state, "wireguard.key"), "w") as file:
                file.write("no key\n")
            assert "wireguard_key" in checks_of(fake.run("verify", NAME, "-o", "json"))


def test_the_places_to_connect_to():
    with traffic.tls_origin("hello", NAME) as home:
        port = home.address[1]
        with controller(1) as fake:  # the relay's listener is elsewhere; --at wins
            ran = fake.run("verify", NAME, "--at", f"127.0.0.1:{port}", "-o", "json")
            assert json.loads(ran.out)["outside"]["place"] == f"127.0.0.1:{port}", ran
            ran = fake.run("verify", NAME, "--at", "nonsense")
            assert ran.status == 1 and "--at" in ran.err, ran
        with controller(port) as fake:
            ran = fake.run("verify", "missing.invalid", "--outside")
            assert ran.status == 1, ran


@contextlib.contextmanager
def at_many_addresses(*places):
    """(port, prefix): NAME's `places` as [(address, certificate name or None)] all on one port; a
    command with the prefix finds NAME there. None: the address takes connections and says nothing."""
    if not IS_ROOT:
        raise cases.Skip("needs root for an /etc/hosts of its own")
    with contextlib.ExitStack() as stack:
        port = 0
        for address, name in places:
            listener = stack.enter_context(socket.create_server((address, port)))
            port = listener.getsockname()[1]
            if name is not None:
                threading.Thread(target=serve_tls, args=(listener, name), daemon=True).start()
        hosts = stack.enter_context(tempfile.NamedTemporaryFile("w", suffix=".hosts"))
        hosts.writelines(f"{address} {NAME}\n" for address, _ in places)
        hosts.flush()
        script = f'mount --bind {hosts.name} /etc/hosts && exec "$@"'
        yield port, ("unshare", "--mount", "sh", "-c", script, "sh")


def serve_tls(listener, name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*traffic.certificate(name))
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as server:
                server.recv(1)


def look_outside(*places):
    traffic.certificate(NAME)
    with at_many_addresses(*places) as (port, prefix), controller(port) as fake:
        ran = fake.run("verify", NAME, "--outside", "-o", "json", prefix=prefix)
        return json.loads(ran.out), checks_of(ran)["certificates_equal"]


def test_outside_looks_at_every_address_of_the_name():
    document, check = look_outside(("127.0.0.1", NAME), ("127.0.0.2", NAME), ("127.0.0.3", NAME))
    assert check["state"] == "passed" and "at 3 addresses" in check["detail"], check
    assert [seen["place"].split(":")[0] for seen in document["addresses"]] == [
        "127.0.0.1", "127.0.0.2", "127.0.0.3"], document


def test_a_stranger_at_one_of_the_addresses_fails():
    document, check = look_outside(("127.0.0.1", NAME), ("127.0.0.2", "somebody.example.net"))
    assert check["state"] == "failed" and document["verdict"] == "failed", check
    assert " at 127.0.0.2:" in check["detail"] and "ends TLS in between" in check["detail"], check
    assert document["outside"]["place"].startswith("127.0.0.2:"), document


def test_an_address_that_says_nothing_is_not_verified_and_holds_nobody_up():
    start = time.monotonic()
    _, check = look_outside(("127.0.0.2", None), ("127.0.0.1", NAME))
    assert time.monotonic() - start < 60 * SLOWNESS, "the addresses share one deadline of 20 s"
    assert check["state"] == "unchecked" and "at 1 of 2 addresses" in check["detail"], check


def test_nobody_answers():
    with traffic.tls_origin("hello", NAME) as home:
        port = home.address[1]
    with controller(port) as fake:
        ran = fake.run("verify", NAME, "-o", "json")
        assert ran.status == 1, ran
        assert "a client gets no certificate" in checks_of(ran)["certificates_equal"]["detail"], ran
        assert checks_of(ran)["bytes_relayed"]["state"] == "unchecked", ran


def test_a_key_file_that_is_none_is_refused_before_anything_else():
    with traffic.tls_origin("hello", NAME) as home, controller(home.address[1]) as fake:
        ran = fake.run("verify", NAME, "--key", traffic.certificates()[1])
        assert ran.status == 1 and "--key: " in ran.err and "no private key" in ran.err, ran
        assert ran.out == "", ran


def starting(fake, answers):
    """`fake`, whose relay is as each of `answers` says, one for each question; then as it is."""
    status = fake.answers["GET", "/v1/status"]
    fake.answers["GET", "/v1/status"] = [{**status, "relay": answer} for answer in answers] + [status]
    return fake


def test_a_relay_that_is_just_starting_is_waited_for():
    with traffic.tls_origin("hello", NAME) as home, controller(home.address[1]) as fake:
        away = {"connected": False, "problem": "relay: connect /run/adit-relay/relay.sock: refused"}
        started = {"connected": True, "problem": "", "listeners": []}
        ran = starting(fake, [away, away, started]).run("verify", NAME, "-o", "json")
        assert checks_of(ran)["certificates_equal"]["state"] == "passed", ran
        assert fake.lines().count("GET /v1/status") >= 4, fake.lines()


def test_a_relay_that_is_away_is_told_by_the_controllers_own_words():
    with traffic.tls_origin("hello", NAME) as home, controller(home.address[1]) as fake:
        fake.answers["GET", "/v1/status"] = {
            "relay": {"connected": False, "problem": "/run/adit-relay/relay.sock: nobody is there"}}
        ran = fake.run("verify", NAME)
        assert ran.status == 1 and ran.err == (
            "adit: the controller has no relay: /run/adit-relay/relay.sock: nobody is there\n"), ran
        asked = len(fake.asked)
        ran = fake.run("verify", NAME, "--at", f"127.0.0.1:{home.address[1]}", "-o", "json")
        assert checks_of(ran)["certificates_equal"]["state"] == "passed", ran
        # Once to begin with, once for the processes: who says where to look needs no listener.
        assert fake.lines()[asked:].count("GET /v1/status") == 2, fake.lines()


def test_a_host_that_nobody_has():
    with FakeController({("GET", "/v1/routes/test"): {"match": "none", "why": "no such name"}}) as fake:
        ran = fake.run("verify", "x.example.com")
        assert fake.run("verify", "*.example.com").err == (
            "adit: *.example.com is a pattern; verify a real name that it serves\n")
        assert (ran.status, ran.err) == (1, "adit: no host matches x.example.com: no such name\n"), ran


if __name__ == "__main__":
    cases.run(globals())
