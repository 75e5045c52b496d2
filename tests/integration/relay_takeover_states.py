"""A reload moves what a connection has besides its bytes: a site that is awaited, a load balancer's word, and targets
that are left to dial."""

import contextlib
import socket
import time

import cases
import proxy_header
import relay_process
from echo_stream import PATTERN
from proxy_header import LOCAL, v1, v2
from relay_process import SLOWNESS
from taken_over import HELLO, alive, deaf_target, in_state, ports, relay_to, table, take_over, tell
from traffic import (INTERNAL_ERROR, Listening, Serving, alert, client_hello, connect, echo_after_hello, read_all,
                     own_loopback, read_exactly, with_padding)

BALANCER = "127.0.0.5"
CLIENT, PUBLIC = ("192.0.2.7", 56324), ("203.0.113.10", 443)
REQUEST = b"GET /.well-known/acme-challenge/abc HTTP/1.1\r\nHost: a.example.com\r\n\r\n"


def raw(target, **more):
    return {"name": "port/game", "pattern": "*", "port": 0, "protocol": "raw", "target": target, **more}


# --- held clients


def test_held_clients_are_dialled_by_the_successor():
    with Listening() as target, Listening() as of_http, Listening() as of_raw:
        route = {"site": "home", "http": {"action": "forward", "target": of_http.address}}
        with relay_to(target, route=route, routes=[raw(of_raw.address, site="home")]) as (relay, _):
            tell(relay, "home", "office")
            at = ports(relay)
            tls, http, game = (connect(at[each]) for each in ("tls", "http", "raw"))
            tls.sendall(HELLO)
            http.sendall(REQUEST)
            in_state(relay, "holding", 3)
            take_over(relay, 2)
            assert relay.stats()["sites_down"] == ["home", "office"]
            in_state(relay, "holding", 3)
            late = connect(at["tls"])
            late.sendall(HELLO)
            in_state(relay, "holding", 4)
            tell(relay, "office")
            for listening, wanted in ((target, HELLO), (target, HELLO), (of_http, REQUEST), (of_raw, b"first")):
                with listening.accept() as connection:
                    if wanted == b"first":
                        game.sendall(wanted)
                    assert read_exactly(connection, len(wanted)) == wanted
            for client in (tls, http, game, late):
                client.close()
            assert relay.wait_until("all have ended", lambda s: s["active"] == 0)["accepted"] == 4


def test_a_held_client_keeps_its_deadline():
    with Listening() as target, relay_to(target, route={"site": "home"}, timeouts={"hold": 3000}) as (relay, port):
        tell(relay, "home")
        with connect(port) as client:
            client.sendall(HELLO)
            in_state(relay, "holding")
            began = time.monotonic()
            take_over(relay, 2)
            assert read_all(client) == alert(INTERNAL_ERROR)
            assert time.monotonic() - began < 5.5 * SLOWNESS
        relay.wait_closed("site_down")


def test_held_clients_count_in_the_bound_of_the_successor():
    bound = 1024  # HoldBudget::kMaxClients
    with Listening() as target, relay_to(target, route={"site": "home"}) as (relay, port):
        tell(relay, "home")
        with contextlib.ExitStack() as stack:
            for _ in range(bound):
                stack.enter_context(connect(port)).sendall(HELLO)
            in_state(relay, "holding", 1000)  # of one page
            relay.wait_until("all are there", lambda s: s["routes"]["host/a.example.com"]["active"] == bound)
            take_over(relay)
            with connect(port) as client:
                client.sendall(HELLO)
                assert read_all(client) == alert(INTERNAL_ERROR)
            relay.wait_closed("refused_over_hold_limit")
        relay.wait_closed("client_left_while_connecting", bound)
        with connect(port) as client:
            client.sendall(HELLO)
            in_state(relay, "holding")


def test_who_may_only_bring_a_challenge_gets_no_second_request_through():
    with Listening() as target:
        route = {"site": "home", "access": {"deny": ["127.0.0.0/8"]},
                 "http": {"action": "forward", "target": target.address}}
        with relay_to(target, route=route) as (relay, _):
            tell(relay, "home")
            with connect(ports(relay)["http"]) as client:
                client.sendall(REQUEST)
                in_state(relay, "holding")
                take_over(relay)
                client.sendall(REQUEST.replace(b"/.well-known/acme-challenge/abc", b"/secret"))
                tell(relay)
                with target.accept() as connection:
                    assert read_exactly(connection, len(REQUEST)) == REQUEST
                    take_over(relay)
                    client.sendall(b"GET /secret HTTP/1.1\r\n\r\n")
                    connection.sendall(b"answer")
                    assert read_exactly(client, 6) == b"answer"
                    connection.settimeout(0.3)
                    with contextlib.suppress(TimeoutError, socket.timeout):
                        raise AssertionError(connection.recv(1))


# --- raw ports


def test_a_raw_connection_goes_on_in_both_directions():
    with Listening() as target, relay_process.RelayProcess() as relay:
        relay.set({"revision": 1, "routes": [raw(target.address)]})
        with connect(relay.port()) as client, target.accept() as connection:
            take_over(relay)  # nobody has spoken
            connection.sendall(b"220 ready\r\n")
            assert read_exactly(client, 11) == b"220 ready\r\n"
            client.sendall(PATTERN[:300_000])
            assert read_exactly(connection, 100_000) == PATTERN[:100_000]
            take_over(relay, 2)
            client.shutdown(socket.SHUT_WR)
            assert read_all(connection) == PATTERN[100_000:300_000]
            connection.close()
            assert read_all(client) == b""
        relay.wait_closed("finished")


def test_a_raw_connection_is_dialled_on():
    with deaf_target() as (target, hear), relay_process.RelayProcess() as relay:
        relay.set({"revision": 1, "timeouts": {"connect": 60_000}, "routes": [raw(target.address)]})
        with connect(relay.port()) as client:
            in_state(relay, "connecting")
            take_over(relay, 2)
            client.sendall(b"who speaks first")
            hear()
            while True:  # the last filler may have come in, too
                with target.accept() as connection:
                    with contextlib.suppress(EOFError, ConnectionResetError):
                        assert read_exactly(connection, 16) == b"who speaks first"
                        break


# --- the PROXY protocol


@contextlib.contextmanager
def behind_a_balancer(target, **more):
    route = {"site": "home", "proxy_protocol": "v2", **more.pop("route", {})}
    with relay_to(target, route=route, accept_proxy=[f"{BALANCER}/32"], **more) as (relay, port):
        yield relay, port


def told(connection):
    """The header that the target got, and what followed, with the hello."""
    got = read_exactly(connection, 16)
    got += read_exactly(connection, int.from_bytes(got[14:], "big"))
    header, rest = proxy_header.read_v2(got)
    assert rest == b""
    return header


def test_what_a_balancer_said_stays_true():
    header = v2(CLIENT, PUBLIC)
    with Listening() as target, behind_a_balancer(target) as (relay, port):
        # Cut inside the header, right behind it, and inside the hello; the last one is held.
        whole = header + HELLO
        for cut in (7, len(header), len(header) + 30, len(whole)):
            with connect(port, source=BALANCER) as client:
                if cut == len(whole):
                    tell(relay, "home")
                client.sendall(whole[:cut])
                in_state(relay, "holding" if cut == len(whole) else "awaiting_hello")
                take_over(relay, 2)
                client.sendall(whole[cut:])
                tell(relay)
                with target.accept() as connection:
                    seen = told(connection)
                    assert seen["source"] == CLIENT and seen["destination"] == PUBLIC, (cut, seen)
                    assert read_exactly(connection, len(HELLO)) == HELLO
            line = relay.wait_for("connection closed")
            assert f"client={CLIENT[0]}:{CLIENT[1]} " in line, line
        assert relay.wait_until("all have ended", lambda s: s["active"] == 0)["accepted"] == 4


def test_a_raw_connection_behind_a_balancer():
    with Listening() as target, relay_process.RelayProcess() as relay:
        relay.set({"revision": 1, "accept_proxy": [f"{BALANCER}/32"],
                   "routes": [raw(target.address, proxy_protocol="v1", site="home")]})
        tell(relay, "home")
        header = v1(CLIENT, PUBLIC)
        with connect(relay.port(), source=BALANCER) as client, connect(relay.port(), source=BALANCER) as other:
            client.sendall(header[:10])
            other.sendall(header)
            in_state(relay, "holding")
            take_over(relay, 2)
            client.sendall(header[10:])
            in_state(relay, "holding", 2)
            tell(relay)
            for _ in range(2):
                with target.accept() as connection:
                    assert read_exactly(connection, len(header)) == header


def test_a_balancers_own_connections_count_for_no_client():
    limits = {"connections": 20, "connections_per_client": 1, "rate_per_client": 1000}
    with Serving(echo_after_hello(HELLO)) as target, behind_a_balancer(
            target, limits=limits, route={"proxy_protocol": "none"}) as (relay, port):
        clients = [connect(port, source=BALANCER) for _ in range(3)]
        for client in clients:
            client.sendall(LOCAL + HELLO)
            alive(client)
        unsaid = connect(port, source=BALANCER)
        named = connect(port, source=BALANCER)
        named.sendall(v2(CLIENT, PUBLIC) + HELLO)
        alive(named)
        take_over(relay, 2)
        for client in (*clients, named):
            alive(client)
        with connect(port, source=BALANCER) as second:  # of the client that is named
            second.sendall(v2(CLIENT, PUBLIC) + HELLO)
            with contextlib.suppress(ConnectionResetError):
                assert second.recv(1) == b""
        relay.wait_closed("refused_over_client_limit")
        unsaid.sendall(LOCAL + HELLO)
        alive(unsaid)
        for client in (*clients, named, unsaid):
            client.close()
        relay.wait_closed("finished", 5)
        assert relay.stats()["active"] == 0


def test_a_balancer_that_is_none_any_more_is_a_client_like_others():
    limits = {"connections": 20, "connections_per_client": 1, "rate_per_client": 1000}
    with Serving(echo_after_hello(HELLO)) as target, behind_a_balancer(
            target, limits=limits, route={"proxy_protocol": "none"}) as (relay, port):
        own = connect(port, source=BALANCER)
        own.sendall(LOCAL + HELLO)
        alive(own)
        take_over(relay)
        relay.set(table(target, 2, limits=limits))
        client = connect(port, source=BALANCER)  # its first one that counts for it
        client.sendall(HELLO)
        alive(client)
        for each in (own, client):
            each.close()
        relay.wait_closed("finished", 2)


def test_a_header_and_hello_that_are_sent_in_part_go_on_behind_that_part():
    hello = with_padding(HELLO, 60_000)
    with Listening(address=own_loopback()) as target:
        target.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        target.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        with behind_a_balancer(target, timeouts={"connect": 60_000}) as (relay, port):
            with connect(port, source=BALANCER) as client:
                client.sendall(v2(CLIENT, PUBLIC) + hello)
                with target.accept() as connection:
                    before = relay.wait_until("a part is sent", lambda s: s["bytes_to_target"] > 0)
                    assert before["bytes_to_target"] < len(hello), "all of it was sent at once"
                    take_over(relay, 2)
                    client.sendall(b"behind it")
                    assert told(connection)["source"] == CLIENT
                    assert read_exactly(connection, len(hello) + 9) == hello + b"behind it"
            stats = relay.wait_until("it has ended", lambda s: s["active"] == 0)
            assert stats["bytes_to_target"] == len(hello) + 9, stats


# --- targets


def test_the_next_target_is_dialled_by_the_successor():
    with deaf_target() as (first, _), Serving(echo_after_hello(HELLO)) as second:
        targets = [(*first.address, 0), (*second.address, 0)]
        with relay_to(first, route={"targets": targets}, timeouts={"connect": 6000 * SLOWNESS}) as (relay, port):
            began = time.monotonic()
            with connect(port) as client:
                client.sendall(HELLO + b"ping")
                assert in_state(relay, "connecting")[0]["target"] == first.address
                take_over(relay, 2)
                assert in_state(relay, "connecting")[0]["target"] == first.address
                assert read_exactly(client, 4) == b"ping"
                took = time.monotonic() - began  # half of the time was the first one's
                assert 2.9 * SLOWNESS <= took < 5.5 * SLOWNESS, took
                known = in_state(relay, "relaying")[0]
                assert known["target"] == second.address and known["connect_us"] > 0, known
                health = {each["target"]: each["last_error"] for each in relay.health()}
                assert health[first.address] == "target_timeout", health
                take_over(relay)
                assert in_state(relay, "relaying")[0]["connect_us"] == known["connect_us"]
                alive(client)


def test_a_protocol_leads_to_its_target_in_the_successor():
    hello = client_hello("a.example.com", ["h2", "http/1.1"])
    with Listening() as other, Listening() as target:
        route = {"site": "home", "alpn": [("h2", target.address)]}
        with relay_to(other, route=route) as (relay, port):
            tell(relay, "home")
            with connect(port) as client:
                client.sendall(hello)
                assert in_state(relay, "holding")[0]["target"] == target.address
                take_over(relay)
                assert in_state(relay, "holding")[0]["target"] == target.address
                tell(relay)
                with target.accept() as connection:
                    assert read_exactly(connection, len(hello)) == hello


if __name__ == "__main__":
    cases.run(globals())
