"""The PROXY header that a target is sent: who the client is and what it connected to, in one write with the
client's first bytes, and nothing else of the connection changed."""

import contextlib
import re
import socket

import cases
import proxy_header
import relay_process
from traffic import Listening, client_hello, connect, read_exactly, with_padding

HELLO = client_hello("a.example.com", ["h2", "http/1.1"])
CHALLENGE = b"GET /.well-known/acme-challenge/abc HTTP/1.1\r\nHost: a.example.com\r\n\r\n"


@contextlib.contextmanager
def telling(version, http_version="none", addresses=("127.0.0.1",)):
    """(relay, port of TLS, port of plain HTTP, target)."""
    with relay_process.RelayProcess() as relay, Listening() as target:
        relay.set({"revision": 1, "addresses": addresses, "routes": [
            {"pattern": "a.example.com", "target": target.address, "proxy_protocol": version,
             "http": {"action": "redirect", "target": target.address, "proxy_protocol": http_version}}]})
        ports = {each["protocol"]: each["bound_port"] for each in relay.stats()["listeners"]}
        yield relay, ports["tls"], ports["http"], target


def first_bytes(target):
    """What one read of the target gets: what was sent in one write comes in one piece."""
    with target.accept() as connection:
        return connection.recv(1 << 16)


def test_version_1_comes_with_the_hello():
    with telling("v1") as (_, port, _, target), connect(port, source="127.0.0.2") as client:
        client.sendall(HELLO)
        wanted = proxy_header.v1(client.getsockname(), ("127.0.0.1", port)) + HELLO
        assert first_bytes(target) == wanted


def test_version_2_comes_with_the_hello_and_says_more():
    with telling("v2") as (relay, port, _, target):
        seen = []
        for _ in range(2):
            with connect(port, source="127.0.0.2") as client:
                client.sendall(HELLO)
                header, rest = proxy_header.read_v2(first_bytes(target))
                assert rest == HELLO
                assert header["source"] == client.getsockname(), header
                assert header["destination"] == ("127.0.0.1", port), header
                values = header["values"]
                assert values[proxy_header.ALPN] == b"\x00\x0c\x02h2\x08http/1.1", values
                assert values[proxy_header.AUTHORITY] == b"a.example.com", values
                seen.append(values[proxy_header.UNIQUE_ID].decode())
        # What tells of the run of the relay is the same, what tells of the connection is in its log line.
        runs, ids = zip(*(re.fullmatch(r"([0-9a-f]+)-(\d+)", each).groups() for each in seen))
        assert runs[0] == runs[1] and ids[0] != ids[1], seen
        relay.wait_for(f"connection closed conn={ids[0]} ")


def test_a_hello_without_protocols_and_plain_http_have_no_alpn():
    with telling("v2", "v2") as (_, port, http_port, target):
        with connect(port) as client:
            client.sendall(client_hello("a.example.com"))
            header, _ = proxy_header.read_v2(first_bytes(target))
            assert proxy_header.ALPN not in header["values"], header
        with connect(http_port) as client:
            client.sendall(CHALLENGE)
            header, rest = proxy_header.read_v2(first_bytes(target))
            assert rest == CHALLENGE and header["destination"] == ("127.0.0.1", http_port), header
            assert header["values"][proxy_header.AUTHORITY] == b"a.example.com", header
            assert proxy_header.ALPN not in header["values"], header


def test_tls_and_plain_http_are_told_by_themselves():
    with telling("none", "v1") as (_, port, http_port, target):
        with connect(port) as client:
            client.sendall(HELLO)
            assert first_bytes(target) == HELLO
        with connect(http_port) as client:
            client.sendall(CHALLENGE)
            wanted = proxy_header.v1(client.getsockname(), ("127.0.0.1", http_port)) + CHALLENGE
            assert first_bytes(target) == wanted


def test_ipv6_and_mapped_clients():
    if not socket.has_ipv6:
        raise cases.Skip("no IPv6 here")
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        raise cases.Skip(f"no IPv6 here: {error}") from error
    with telling("v1", addresses=["::"]) as (_, port, _, target):
        with connect(port, host="::1") as client:
            client.sendall(HELLO)
            wanted = proxy_header.v1(client.getsockname(), ("::1", port)) + HELLO
            assert wanted.startswith(b"PROXY TCP6 ::1 ::1 ") and first_bytes(target) == wanted
        with connect(port) as client:  # arrives as ::ffff:127.0.0.1
            client.sendall(HELLO)
            wanted = proxy_header.v1(client.getsockname(), ("127.0.0.1", port)) + HELLO
            assert wanted.startswith(b"PROXY TCP4 ") and first_bytes(target) == wanted


def test_a_long_hello_for_a_slow_target_arrives_whole():
    hello = with_padding(HELLO, 60_000)
    with telling("v2") as (relay, port, _, target):
        target.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with connect(port) as client:
            client.sendall(hello + b"what follows")
            with target.accept() as connection:
                got = b""
                while not got.endswith(b"what follows"):
                    got += connection.recv(1000)
                header, rest = proxy_header.read_v2(got)
                assert rest == hello + b"what follows" and header["source"] == client.getsockname()
                connection.sendall(b"answer")
                assert read_exactly(client, 6) == b"answer"
        relay.wait_until("the client's bytes are counted, the header is not",
                         lambda s: s["bytes_to_target"] == len(hello) + 12)


def test_a_changed_route_tells_new_clients():
    with telling("none") as (relay, port, _, target):
        with connect(port) as client:
            client.sendall(HELLO)
            assert first_bytes(target) == HELLO
        relay.set({"revision": 2, "routes": [
            {"pattern": "a.example.com", "target": target.address, "proxy_protocol": "v1"}]})
        with connect(port) as client:
            client.sendall(HELLO)
            assert first_bytes(target).startswith(b"PROXY TCP4 127.0.0.1 127.0.0.1 ")


if __name__ == "__main__":
    cases.run(globals())
