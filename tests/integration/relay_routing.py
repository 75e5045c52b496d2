"""Which target a client reaches: by exact name, wildcard and catch-all, however its ClientHello is
cut. With real TLS and verified certificates where the handshake matters."""

import cases
import relay_process
from traffic import (Listening, client_hello, connect, echo_after_hello, in_records, read_all,
                     read_exactly, Serving, tls_ask, tls_origin, with_name, with_padding)


def test_exact_wildcard_and_catch_all_with_real_tls():
    with relay_process.RelayProcess() as relay, \
            tls_origin("exact", "app.example.com") as exact, \
            tls_origin("wildcard", "*.example.com") as wildcard, \
            tls_origin("any", "other.example.net", "a.b.example.com") as anything:
        relay.set({"revision": 1, "routes": [
            {"pattern": "app.example.com", "target": exact.address},
            {"pattern": "*.example.com", "target": wildcard.address},
            {"pattern": "*", "target": anything.address}]})
        port = relay.port()
        assert tls_ask(port, "app.example.com") == "exact"
        assert tls_ask(port, "APP.Example.COM") == "exact"
        assert tls_ask(port, "www.example.com") == "wildcard"
        assert tls_ask(port, "other.example.net") == "any"
        assert tls_ask(port, "a.b.example.com") == "any", "a wildcard is one label"
        routes = relay.wait_until("all ended", lambda s: s["active"] == 0)["routes"]
        assert routes["host/app.example.com"]["connections"] == 2, routes
        assert routes["host/*.example.com"]["connections"] == 1, routes
        assert routes["host/*"]["connections"] == 2, routes


def check_delivered(hellos):
    """Each list of writes must arrive whole and unchanged at the target of a.example.com."""
    with relay_process.RelayProcess() as relay, Listening() as target:
        relay.set({"revision": 1, "routes": [
            {"pattern": "a.example.com", "target": target.address}]})
        port = relay.port()
        for name, writes in hellos.items():
            with connect(port) as client:
                for part in writes:
                    client.sendall(part)
                with target.accept() as connection:
                    whole = b"".join(writes)
                    assert read_exactly(connection, len(whole)) == whole, name
                    client.sendall(b"more")
                    assert read_exactly(connection, 4) == b"more", name


def test_fragmented_hellos_arrive_unchanged():
    hello = client_hello()
    check_delivered({
        "whole": [hello],
        "byte by byte": [bytes([b]) for b in hello],
        "two halves": [hello[:100], hello[100:]],
        "records of one byte": [in_records(hello, 1)],
        "records of 40 bytes": [in_records(hello, 40)],
        "records of 7 bytes in segments of 3": [
            in_records(hello, 7)[i : i + 3] for i in range(0, len(in_records(hello, 7)), 3)],
        "6 KB": [with_padding(hello, 6000)],
        "15.9 KB in one record": [with_padding(hello, 15500)],
        "21.5 KB in two records": [with_padding(hello, 21000)],
        "60 KB": [with_padding(hello, 60000)],
        "early data behind the hello": [hello + b"\x17\x03\x03\x00\x05early" + bytes(3000)],
        "upper case": [with_name(hello, b"a.example.com", b"A.EXAMPLE.com")],
        "a trailing dot": [with_name(client_hello("aa.example.com"), b"aa.example.com",
                                     b"a.example.com.")],
    })


def test_no_name_and_ip_literal_match_only_the_catch_all():
    hello = client_hello(None)
    literal = with_name(client_hello("a.example"), b"a.example", b"192.0.2.1")
    with relay_process.RelayProcess() as relay, Listening() as target:
        relay.set({"revision": 1, "routes": [{"pattern": "*", "target": target.address}]})
        for each in (hello, literal):
            with connect(relay.port()) as client:
                client.sendall(each)
                with target.accept() as connection:
                    assert read_exactly(connection, len(each)) == each


def test_each_port_has_its_own_routes():
    hello = client_hello()
    with relay_process.RelayProcess() as relay, \
            Serving(lambda c: (read_exactly(c, len(hello)), c.sendall(b"one"))) as one, \
            Serving(lambda c: (read_exactly(c, len(hello)), c.sendall(b"two"))) as two:
        relay.set({"revision": 1, "routes": [
            {"name": "one", "pattern": "a.example.com", "port": 0, "target": one.address}],
            "addresses": ["127.0.0.1", "127.0.0.2"]})
        first = {entry["address"]: entry["bound_port"] for entry in relay.stats()["listeners"]}
        assert set(first) == {"127.0.0.1", "127.0.0.2"} and all(first.values()), first
        for address, port in first.items():
            with connect(port, address) as client:
                client.sendall(hello)
                assert read_all(client) == b"one"
        relay.set({"revision": 2, "routes": [
            {"name": "one", "pattern": "a.example.com", "port": 0, "target": two.address}],
            "addresses": ["127.0.0.1", "127.0.0.2"]})
        second = {entry["address"]: entry["bound_port"] for entry in relay.stats()["listeners"]}
        assert second == first, "a listener is its configured address and port, also with 0"
        with connect(first["127.0.0.1"]) as client:
            client.sendall(hello)
            assert read_all(client) == b"two"


def test_dual_stack_listener_serves_both_families():
    hello = client_hello()
    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(hello)) as target:
        relay.set({"revision": 1, "addresses": ["::"], "routes": [
            {"pattern": "a.example.com", "target": target.address}]})
        for host in ("127.0.0.1", "::1"):
            try:
                client = connect(relay.port(), host)
            except OSError:
                if host == "::1":
                    raise cases.Skip("no IPv6 loopback here") from None
                raise
            with client:
                client.sendall(hello + b"ping")
                assert read_exactly(client, 4) == b"ping"


if __name__ == "__main__":
    cases.run(globals())
