"""Targets by protocol: what a client offers in its ClientHello decides, in the route's order."""

import contextlib

import cases
import proxy_header
import relay_process
from traffic import INTERNAL_ERROR, Listening, alert, client_hello, connect, in_records, read_all


@contextlib.contextmanager
def routed(*protocols, pattern="a.example.com", **route):
    """(relay, port, the usual target, those of `protocols`)."""
    with contextlib.ExitStack() as stack:
        relay = stack.enter_context(relay_process.RelayProcess())
        usual = stack.enter_context(Listening())
        targets = [stack.enter_context(Listening()) for _ in protocols]
        relay.set({"revision": 1, "routes": [
            {"pattern": pattern, "target": usual.address, **route,
             "alpn": [(name, each.address) for name, each in zip(protocols, targets)]}]})
        yield relay, relay.port(), usual, targets


def assert_reaches(target, port, hello):
    with connect(port) as client:
        client.sendall(hello)
        with target.accept() as connection:
            assert connection.recv(1 << 16).endswith(hello)


def test_a_protocol_goes_to_its_own_target():
    with routed("acme-tls/1") as (relay, port, usual, (acme,)):
        assert_reaches(acme, port, client_hello(alpn=["acme-tls/1"]))
        assert_reaches(usual, port, client_hello(alpn=["h2", "http/1.1"]))
        assert_reaches(usual, port, client_hello())
        assert_reaches(usual, port, client_hello(alpn=["acme-tls/10"]))
        assert_reaches(acme, port, in_records(client_hello(alpn=["h2", "acme-tls/1"]), 7))
        route = relay.wait_until("all ended", lambda s: s["active"] == 0)["routes"]["host/a.example.com"]
        assert route["connections"] == 5, route
        acme_host, acme_port = acme.address
        lines = [line for line in relay.lines if f" target={acme_host}:{acme_port} " in line]
        assert len(lines) == 2, relay.lines


def test_the_order_of_the_route_counts():
    with routed("h2", "http/1.1") as (_, port, _, (first, second)):
        assert_reaches(first, port, client_hello(alpn=["http/1.1", "h2"]))
        assert_reaches(second, port, client_hello(alpn=["http/1.1"]))
    with routed("http/1.1", "h2") as (_, port, _, (first, second)):
        assert_reaches(first, port, client_hello(alpn=["h2", "http/1.1"]))
        assert_reaches(second, port, client_hello(alpn=["h2"]))


def test_wildcards_and_the_catch_all_have_them_too():
    for pattern in ("*.example.com", "*"):
        with routed("acme-tls/1", pattern=pattern) as (_, port, usual, (acme,)):
            assert_reaches(acme, port, client_hello(alpn=["acme-tls/1"]))
            assert_reaches(usual, port, client_hello(alpn=["h2"]))


def test_they_are_told_of_the_client_as_the_usual_target_is():
    with routed("acme-tls/1", proxy_protocol="v1") as (_, port, usual, (acme,)):
        for target, protocol in ((acme, "acme-tls/1"), (usual, "h2")):
            hello = client_hello(alpn=[protocol])
            with connect(port) as client:
                client.sendall(hello)
                with target.accept() as connection:
                    wanted = proxy_header.v1(client.getsockname(), ("127.0.0.1", port)) + hello
                    assert connection.recv(1 << 16) == wanted


def test_one_that_is_down_does_not_fall_back():
    with routed("acme-tls/1") as (relay, port, usual, (acme,)):
        acme.close()
        with connect(port) as client:
            client.sendall(client_hello(alpn=["acme-tls/1"]))
            assert read_all(client) == alert(INTERNAL_ERROR)
        relay.wait_closed("target_refused")
        assert_reaches(usual, port, client_hello(alpn=["h2"]))


if __name__ == "__main__":
    cases.run(globals())
