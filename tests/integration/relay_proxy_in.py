"""The PROXY header of a load balancer that is trusted: who it names is the client, for the log, the target and the
limits. From it the header is a must, and refused when it is not right; from everybody else it is no TLS and no HTTP."""

import contextlib
import re

import cases
import proxy_header
import relay_process
from proxy_header import LOCAL, v1, v2
from traffic import Listening, Serving, client_hello, connect, echo_after_hello, read_all, read_exactly

HELLO = client_hello()
BALANCER = "127.0.0.5"
CLIENT, PUBLIC = ("192.0.2.7", 56324), ("203.0.113.10", 443)
CLIENT6, PUBLIC6 = ("2001:db8::7", 56324), ("2001:db8:1::10", 443)
REQUEST = b"GET / HTTP/1.1\r\nHost: a.example.com\r\n\r\n"


@contextlib.contextmanager
def trusting(target, http="redirect", version="none", **table):
    """(relay, port of TLS, port of plain HTTP); 127.0.0.5 is the load balancer."""
    with relay_process.RelayProcess() as relay:
        relay.set({"revision": 1, "accept_proxy": [f"{BALANCER}/32", "2001:db8::/32"], "routes": [
            {"pattern": "a.example.com", "target": target, "proxy_protocol": version,
             "http": {"action": http, "target": target, "proxy_protocol": version}}], **table})
        ports = {each["protocol"]: each["bound_port"] for each in relay.stats()["listeners"]}
        yield relay, ports["tls"], ports["http"]


def balancer(port):
    return connect(port, source=BALANCER)


def assert_untouched(target):
    target.socket.settimeout(0)
    with contextlib.suppress(BlockingIOError):
        target.accept()
        raise AssertionError("the target was dialled")


def test_who_is_named_is_the_client_of_the_log_and_of_the_target():
    with Listening() as target, trusting(target.address, version="v1") as (relay, port, _):
        for header, source, destination in (
                (v1(CLIENT, PUBLIC), CLIENT, PUBLIC), (v1(CLIENT6, PUBLIC6), CLIENT6, PUBLIC6),
                (v2(CLIENT, PUBLIC), CLIENT, PUBLIC), (v2(CLIENT6, PUBLIC6, checksum=False), CLIENT6, PUBLIC6),
                (v2(CLIENT, PUBLIC, proxy_header.value(0xEE, bytes(900)),
                    proxy_header.value(proxy_header.AUTHORITY, b"b.example.com")), CLIENT, PUBLIC)):
            with balancer(port) as client:
                client.sendall(header + HELLO)
                with target.accept() as connection:
                    wanted = v1(source, destination) + HELLO
                    assert read_exactly(connection, len(wanted)) == wanted, header
            line = relay.wait_for("connection closed")
            shown = f"[{source[0]}]" if ":" in source[0] else source[0]
            assert f"client={shown}:{source[1]} " in line, line


def test_a_header_in_single_bytes_and_a_hello_much_later():
    with Listening() as target, trusting(target.address) as (_, port, _):
        for header in (v1(CLIENT, PUBLIC), v2(CLIENT6, PUBLIC6)):
            with balancer(port) as client:
                for at in range(len(header)):
                    client.sendall(header[at:at + 1])
                client.sendall(HELLO)
                with target.accept() as connection:
                    assert read_exactly(connection, len(HELLO)) == HELLO


def test_plain_http_begins_with_the_header_too():
    with Listening() as target, trusting(target.address, "forward", "v2") as (_, _, port):
        with balancer(port) as client:
            client.sendall(v2(CLIENT, PUBLIC) + REQUEST)
            with target.accept() as connection:
                header, rest = proxy_header.read_v2(connection.recv(1 << 16))
                assert rest == REQUEST and header["source"] == CLIENT, header
                assert header["destination"] == PUBLIC, header


def test_redirects_and_refusals_answer_behind_a_balancer_as_well():
    with Listening() as target, trusting(target.address) as (relay, port, http_port):
        with balancer(http_port) as client:
            client.sendall(v1(CLIENT, PUBLIC) + REQUEST)
            assert read_all(client).startswith(b"HTTP/1.1 301 ")
        with balancer(port) as client:
            client.sendall(v1(CLIENT, PUBLIC) + client_hello("b.example.com"))
            assert read_all(client)[-1] == 112
        assert "client=192.0.2.7:56324 " in relay.wait_for("reason=refused_unknown_name")
        assert_untouched(target)


def test_without_a_header_a_balancer_is_refused():
    with Listening() as target, trusting(target.address) as (relay, port, http_port):
        for where, data in ((port, HELLO), (http_port, REQUEST), (port, b"\r\n\r\n\x00\r\nQUIX"), (port, b"PROXY\r\n")):
            with balancer(where) as client:
                client.sendall(data)
                assert read_all(client) == b"", data
        closed = relay.wait_closed("refused_no_proxy_header", 4)["closed"]
        assert sum(closed.values()) == 4, closed
        assert f"client={BALANCER}:" in relay.wait_for("reason=refused_no_proxy_header")
        assert_untouched(target)


def test_a_malformed_header_is_refused():
    good = v2(CLIENT, PUBLIC)
    malformed = [b"PROXY TCP4 192.0.2.7 203.0.113.10 56324\r\n", b"PROXY TCP4 2001:db8::7 2001:db8::a 1 2\r\n",
                 b"PROXY TCP4 192.0.2.7 203.0.113.10 1 99999\r\n", b"PROXY TCP4 192.0.2.7 203.0.113.10 1 2\n",
                 b"PROXY UNKNOWNX\r\n", proxy_header.SIGNATURE + b"\x31", proxy_header.SIGNATURE + b"\x21\x51",
                 good[:-1] + bytes([good[-1] ^ 1]), good[:20] + bytes([good[20] ^ 1]) + good[21:],
                 proxy_header.SIGNATURE + b"\x21\x21\x00\x0c" + bytes(12), good[:15] + bytes([good[15] - 3]) + good[16:]]
    too_long = [b"PROXY UNKNOWN " + b"x" * 200, proxy_header.SIGNATURE + b"\x21\x11\xff\xff",
                proxy_header.SIGNATURE + b"\x20\x00\x0f\xf1"]
    with Listening() as target, trusting(target.address) as (relay, port, http_port):
        for data in malformed + too_long:
            for where in (port, http_port):
                with balancer(where) as client:
                    client.sendall(data)
                    assert read_all(client) == b"", data
        relay.wait_closed("refused_proxy_header_too_long", 2 * len(too_long))
        closed = relay.wait_closed("refused_malformed_proxy_header", 2 * len(malformed))["closed"]
        assert sum(closed.values()) == 2 * len(malformed + too_long), closed
        assert_untouched(target)


def test_from_everybody_else_it_is_no_tls_and_no_http():
    with Listening() as target, trusting(target.address) as (relay, port, http_port):
        for header in (v1(CLIENT, PUBLIC), v2(CLIENT, PUBLIC)):
            with connect(port, source="127.0.0.6") as client:
                client.sendall(header + HELLO)
                assert read_all(client) == b""
            with connect(http_port, source="127.0.0.6") as client:
                client.sendall(header + REQUEST)
                assert read_all(client).startswith(b"HTTP/1.1 400 ")
        relay.wait_closed("refused_malformed_head", 2)
        relay.wait_closed("refused_not_tls", 2)
        with connect(port, source="127.0.0.6") as client:  # which needs no header
            client.sendall(HELLO)
            target.socket.settimeout(20)
            target.accept().close()


def test_a_balancers_own_connection_stays_its_own():
    with Listening() as target, trusting(target.address, version="v1") as (relay, port, http_port):
        for header in (LOCAL, b"PROXY UNKNOWN\r\n"):
            with balancer(port) as client:  # a check of what is behind the relay
                client.sendall(header + HELLO)
                with target.accept() as connection:
                    wanted = v1(client.getsockname(), ("127.0.0.1", port)) + HELLO
                    assert read_exactly(connection, len(wanted)) == wanted
            with balancer(http_port) as client:  # a check of the relay
                client.sendall(header)
        relay.wait_closed("client_left_before_hello", 2)
        balancer(port).close()
        closed = relay.wait_closed("client_left_before_hello", 3)["closed"]
        assert not any(reason.startswith("refused") for reason in closed if closed[reason]), closed


def test_limits_by_client_are_those_of_whom_it_names():
    limits = {"connections_per_client": 2}

    def served(port, client):
        connection = balancer(port)
        connection.sendall(v2((client, 1000), PUBLIC) + HELLO + b"ping")
        assert read_exactly(connection, 4) == b"ping"
        return connection

    with Serving(echo_after_hello(HELLO)) as target, trusting(target.address, limits=limits) as (relay, port, _):
        clients = [served(port, f"192.0.2.{n}") for n in range(1, 6) for _ in range(2)]
        with balancer(port) as client:
            client.sendall(v2(("192.0.2.3", 1000), PUBLIC) + HELLO)
            try:
                raise AssertionError(f"served: {client.recv(1)!r}")
            except ConnectionResetError:
                pass
        assert relay.wait_closed("refused_over_client_limit")["active"] == 10
        # The balancer itself is nobody's client: as many as there may be in all.
        silent = [balancer(port) for _ in range(5)]
        relay.wait_until("all are accepted", lambda s: s["active"] == 15)
        for connection in silent + clients[4:6]:
            connection.close()
        relay.wait_until("those of one client are gone", lambda s: s["active"] == 8)
        served(port, "192.0.2.3").close()
        for connection in clients:
            connection.close()
        closed = relay.wait_until("all ended", lambda s: s["active"] == 0)["closed"]
        assert closed["refused_over_client_limit"] == 1 and closed["finished"] == 11, closed


def test_an_ipv6_64_is_one_client():
    with Serving(echo_after_hello(HELLO)) as target, \
            trusting(target.address, limits={"connections_per_client": 2}) as (relay, port, _):

        def from_there(address):
            connection = balancer(port)
            connection.sendall(v2((address, 1000), PUBLIC6) + HELLO + b"ping")
            return connection

        first = [from_there("2001:db8:0:7::1"), from_there("2001:db8:0:7:ffff::2")]
        for connection in first:
            assert read_exactly(connection, 4) == b"ping"
        try:
            raise AssertionError(f"served: {from_there('2001:db8:0:7:1:2:3:4').recv(1)!r}")
        except ConnectionResetError:
            pass
        neighbour = from_there("2001:db8:0:8::1")
        assert read_exactly(neighbour, 4) == b"ping"
        for connection in [*first, neighbour]:
            connection.close()
        closed = relay.wait_until("all ended", lambda s: s["active"] == 0)["closed"]
        assert closed["refused_over_client_limit"] == 1 and closed["finished"] == 3, closed


def test_a_balancer_counts_over_all():
    limits = {"connections": 4, "connections_per_client": 1}
    with Serving(echo_after_hello(HELLO)) as target, trusting(target.address, limits=limits) as (relay, port, _):
        connections = []
        for n in range(4):
            connections.append(balancer(port))
            connections[-1].sendall(v1((f"192.0.2.{n}", 1), PUBLIC) + HELLO + b"ping")
            assert read_exactly(connections[-1], 4) == b"ping"
        try:
            with balancer(port) as client:
                raise AssertionError(f"served: {client.recv(1)!r}")
        except ConnectionResetError:
            pass
        assert relay.stats()["closed"]["refused_over_global_limit"] == 1
        for connection in connections:
            connection.close()


def test_header_and_hello_have_one_deadline():
    with Listening() as target, trusting(target.address, timeouts={"hello": 300}) as (relay, port, http_port):
        for where, data in ((port, b"PROXY TCP4 "), (port, v1(CLIENT, PUBLIC)), (port, v2(CLIENT, PUBLIC)[:20]),
                            (http_port, v1(CLIENT, PUBLIC)), (http_port, b"")):
            with balancer(where) as client:
                client.sendall(data)
                assert read_all(client) == b"", data  # who said no word of HTTP gets none
        with balancer(http_port) as client:
            client.sendall(v1(CLIENT, PUBLIC) + b"GET / HTTP/1.1\r\n")
            assert read_all(client).startswith(b"HTTP/1.1 408 ")
        relay.wait_closed("refused_hello_timeout", 6)
        assert_untouched(target)


def test_who_leaves_within_the_header_is_no_refusal():
    with Listening() as target, trusting(target.address) as (relay, port, _):
        for data in (b"PROXY TCP4 ", v2(CLIENT, PUBLIC)[:20], v1(CLIENT, PUBLIC) + HELLO[:50]):
            with balancer(port) as client:
                client.sendall(data)
        relay.wait_closed("client_left_in_hello", 3)


def test_trust_is_given_and_taken_by_a_new_table():
    with Listening() as target, trusting(target.address) as (relay, port, _):
        route = {"pattern": "a.example.com", "target": target.address}
        relay.set({"revision": 2, "routes": [route]})
        with balancer(port) as client:
            client.sendall(HELLO)
            target.accept().close()
        relay.set({"revision": 3, "routes": [route], "accept_proxy": ["127.0.0.0/8"]})
        with connect(port, source="127.9.9.9") as client:
            client.sendall(v1(CLIENT, PUBLIC) + HELLO)
            target.accept().close()
        lines = [relay.wait_for("connection closed") for _ in range(2)]
        assert re.search(r"client=127\.0\.0\.5:\d+ ", lines[0]), lines
        assert "client=192.0.2.7:56324 " in lines[1], lines


if __name__ == "__main__":
    cases.run(globals())
