"""Who may use a route, and the relay: allow and deny lists, for a route and for everything, grants that
end by the relay's clock, and ACME challenges, which pass. A client is told by its source address."""

import contextlib
import os
import signal
import time

import cases
import relay_process
from traffic import (ACCESS_DENIED, UNRECOGNIZED_NAME, Serving, alert, client_hello, connect, echo,
                     read_all, read_exactly)

HELLO = client_hello()
ACME = client_hello(alpn=["acme-tls/1"])
CHALLENGE = "/.well-known/acme-challenge/evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr_oA"


@contextlib.contextmanager
def serving(access=None, **table):
    """(relay, update): a.example.com echoes; `update(access, **table)` changes the rules."""
    with relay_process.RelayProcess() as relay, Serving(echo) as target:
        revisions = iter(range(1, 1000))

        def update(new, **settings):
            route = {"pattern": "a.example.com", "target": target.address}
            if new is not None:
                route["access"] = new
            relay.set({"revision": next(revisions), "routes": [route], **settings})

        update(access, **table)
        yield relay, update


def answer(relay, source, hello=HELLO, host="127.0.0.1"):
    """"served", "denied", "unknown" or "reset"."""
    try:
        with connect(relay.port(), host=host, source=source) as client:
            client.sendall(hello)
            got = client.recv(7)
            return {hello[:7]: "served", alert(ACCESS_DENIED): "denied",
                    alert(UNRECOGNIZED_NAME): "unknown"}[got]
    except ConnectionResetError:
        return "reset"


def established(relay, source="127.0.0.1"):
    client = connect(relay.port(), source=source)
    client.sendall(HELLO)
    assert read_exactly(client, len(HELLO)) == HELLO
    return client


def closed(relay, reason):
    return relay.stats()["closed"].get(reason, 0)


def test_the_longest_prefix_decides():
    with serving({"allow": ["127.0.1.0/24", "127.0.2.7/32"],
                  "deny": ["127.0.1.128/25", "127.0.2.0/24"]}) as (relay, _):
        want = {"127.0.1.1": "served", "127.0.1.129": "denied", "127.0.2.7": "served",
                "127.0.2.8": "denied", "127.0.3.1": "denied"}
        assert {source: answer(relay, source) for source in want} == want
        relay.wait_closed("refused_access_denied", 3)
        stats = relay.stats()["routes"]["host/a.example.com"]
        assert stats["connections"] == 2, stats


def test_with_a_deny_list_alone_others_are_welcome():
    with serving({"deny": ["127.0.1.0/24"]}) as (relay, _):
        assert answer(relay, "127.0.1.1") == "denied"
        assert answer(relay, "127.0.2.1") == "served"


def test_clients_of_ipv4_at_a_dual_stack_listener():
    with serving({"deny": ["127.0.1.0/24", "::1/128"]}, addresses=["::"]) as (relay, _):
        assert answer(relay, "127.0.1.1") == "denied"
        assert answer(relay, "127.0.2.1") == "served"
        assert answer(relay, "::1", host="::1") == "denied"


def test_an_unknown_name_is_unknown_to_whoever_is_denied_elsewhere():
    with serving({"deny": ["127.0.0.0/8"]}) as (relay, _):
        assert answer(relay, "127.0.0.1", client_hello("b.example.com")) == "unknown"


def test_acme_passes_the_rules_of_a_route_and_others_with_it_do_not():
    with serving({"deny": ["127.0.0.0/8"]}) as (relay, _):
        assert answer(relay, "127.0.0.1", ACME) == "served"
        assert answer(relay, "127.0.0.1", client_hello(alpn=["acme-tls/1", "h2"])) == "denied"
        assert answer(relay, "127.0.0.1", client_hello(alpn=["h2"])) == "denied"


def test_denied_for_everything_is_reset_at_accept():
    with serving(access=None) as (relay, update):
        update(None, **{"access": {"deny": ["127.0.1.0/24"]}})
        # Nothing was sent: the reset does not wait for a hello.
        with contextlib.suppress(ConnectionResetError):
            with connect(relay.port(), source="127.0.1.1") as client:
                raise AssertionError(client.recv(1))
        assert answer(relay, "127.0.1.1", ACME) == "reset"
        assert answer(relay, "127.0.2.1") == "served"
        relay.wait_closed("refused_by_relay_access", 2)
        assert closed(relay, "refused_access_denied") == 0


def test_who_is_not_in_the_list_for_everything_is_reset_unless_it_brings_acme():
    with serving(access=None) as (relay, update):
        update(None, **{"access": {"allow": ["127.0.1.0/24"], "deny": ["127.0.1.7/32"]}})
        assert answer(relay, "127.0.1.1") == "served"
        assert answer(relay, "127.0.1.7") == "reset"
        assert answer(relay, "127.0.2.1") == "reset"
        assert answer(relay, "127.0.2.1", client_hello("b.example.com")) == "reset"
        assert answer(relay, "127.0.2.1", ACME) == "served"
        relay.wait_closed("refused_by_relay_access", 3)


def test_both_rules_must_let_a_client_in():
    with serving(access=None) as (relay, update):
        update({"allow": ["127.0.0.0/16"]}, **{"access": {"deny": ["127.0.0.7/32"]}})
        assert answer(relay, "127.0.0.1") == "served"
        assert answer(relay, "127.0.0.7") == "reset"
        assert answer(relay, "127.1.0.1") == "denied"


def test_a_grant_lets_in_until_its_time_and_what_is_open_goes_on():
    with serving({"deny": ["127.0.0.0/8"]}) as (relay, update):
        until = int(time.time()) + 3
        update({"deny": ["127.0.0.0/8"], "grants": {"127.0.1.7/32": until}})
        guest = established(relay, "127.0.1.7")
        assert answer(relay, "127.0.1.8") == "denied"
        # Asked until the answer changes: never before its time, and soon after it.
        while (answered := answer(relay, "127.0.1.7")) == "served":
            assert time.time() < until + 10
        assert answered == "denied" and time.time() >= until
        guest.sendall(b"still here")
        assert read_exactly(guest, 10) == b"still here"
        guest.close()


def test_new_rules_leave_open_connections_alone():
    with serving() as (relay, update):
        with established(relay) as client:
            update({"deny": ["127.0.0.0/8"]}, **{"access": {"deny": ["127.0.0.0/8"]}})
            assert answer(relay, "127.0.0.1") == "reset"
            update({"deny": ["127.0.0.0/8"]})
            assert answer(relay, "127.0.0.1") == "denied"
            client.sendall(b"x" * 100_000)
            assert read_exactly(client, 100_000) == b"x" * 100_000
            update(None)
            assert answer(relay, "127.0.0.1") == "served"


def test_a_table_with_rules_that_clash_is_refused():
    with serving() as (relay, _), relay.control() as control:
        route = {"pattern": "a.example.com", "target": ("192.0.2.1", 443)}
        for policy, problem in (
                ({"access": {"allow": ["192.0.2.0/24"], "deny": ["192.0.2.0/24"]}},
                 "access: 192.0.2.0/24 is allowed and denied"),
                ({"limits": {"bandwidth": 7999}},
                 "limits: bandwidth must be at least 8000 bit/s")):
            problems = control.check({"revision": 9, "routes": [{**route, **policy}]})
            assert problems == [f"route 1 (a.example.com): {problem}"], problems


def test_rules_survive_the_data_process():
    with serving({"deny": ["127.0.1.0/24"]}) as (relay, _):
        before = relay.data_pid()
        os.kill(before, signal.SIGKILL)
        relay.wait_for("data process ended")
        relay.wait_until("another one serves", lambda s: s["data_pid"] != before)
        assert answer(relay, "127.0.1.1") == "denied"
        assert answer(relay, "127.0.2.1") == "served"


# --- plain HTTP


def ok(connection):
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def status(port, source, path="/", host="a.example.com"):
    with connect(port, source=source) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        got = read_all(client)
        return int(got.split()[1]) if got else None


@contextlib.contextmanager
def serving_http(action, **table):
    with relay_process.RelayProcess() as relay, Serving(ok) as target:
        route = {"pattern": "a.example.com", "target": target.address,
                 "http": {"action": action, "target": target.address}}
        relay.set({"revision": 1, **table, "routes": [{**route, "access": {"deny": ["127.0.1.0/24"]}}]})
        yield relay, [each["bound_port"] for each in relay.stats()["listeners"]
                      if each["protocol"] == "http"][0]


def test_http_denied_is_403_and_challenges_pass():
    for action, served in (("redirect", 301), ("forward", 200)):
        with serving_http(action) as (relay, port):
            assert status(port, "127.0.2.1") == served
            assert status(port, "127.0.1.1") == 403
            assert status(port, "127.0.1.1", CHALLENGE) == 200
            assert status(port, "127.0.1.1", CHALLENGE + "/..") == 403
            assert status(port, "127.0.1.1", host="b.example.com") == 404
            relay.wait_closed("refused_access_denied", 2)


def test_behind_a_challenge_of_a_denied_client_nothing_follows():
    asked = []

    def keep_alive(connection):
        connection.settimeout(1)
        with contextlib.suppress(TimeoutError):
            while got := connection.recv(65536):
                asked.append(got)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def request(path):
        return f"GET {path} HTTP/1.1\r\nHost: a.example.com\r\n\r\n".encode()

    for access in ({}, {"access": {"allow": ["127.0.2.0/24"]}}):
        with relay_process.RelayProcess() as relay, Serving(keep_alive) as target:
            relay.set({"revision": 1, **access, "routes": [
                {"pattern": "a.example.com", "target": target.address,
                 "access": {"deny": ["127.0.1.0/24"]},
                 "http": {"action": "forward", "target": target.address}}]})
            port = [each["bound_port"] for each in relay.stats()["listeners"]
                    if each["protocol"] == "http"][0]
            with connect(port, source="127.0.1.1") as client:
                client.sendall(b"\r\n\r\n" + request(CHALLENGE) + request("/secret"))
                assert client.recv(15) == b"HTTP/1.1 200 OK"
                with contextlib.suppress(ConnectionResetError):
                    client.sendall(request("/secret"))
                    read_all(client)
            assert b"".join(asked) == b"\r\n\r\n" + request(CHALLENGE), asked
            asked.clear()


def test_http_outside_the_list_for_everything_is_reset_but_for_challenges():
    with serving_http("forward", access={"allow": ["127.0.2.0/24"]}) as (relay, port):
        assert status(port, "127.0.2.1") == 200
        assert status(port, "127.0.3.1", CHALLENGE) == 200
        with contextlib.suppress(ConnectionResetError):
            raise AssertionError(status(port, "127.0.3.1"))
        relay.wait_closed("refused_by_relay_access")


if __name__ == "__main__":
    cases.run(globals())
