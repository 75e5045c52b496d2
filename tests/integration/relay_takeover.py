"""A reload moves every live connection into the new data process, whatever it is doing."""

import contextlib
import os
import re
import select
import socket
import threading
import time

import cases
import relay_process
from echo_stream import PATTERN
from relay_process import SLOWNESS
from taken_over import HELLO, alive, deaf_target, established, pair, relay_to, table, take_over
from traffic import (DECODE_ERROR, INTERNAL_ERROR, Listening, Serving, UNRECOGNIZED_NAME, alert,
                     client_hello, connect, echo_after_hello, own_loopback, read_all, read_exactly, with_padding)


def closed_line(relay, number=-1):
    """The values of a log line of a connection's end."""
    lines = [line for line in relay.lines if "connection closed" in line]
    return dict(re.findall(r"(\w+)=(\S+)", lines[number]))


# --- each state


def test_a_connection_that_is_relayed_keeps_its_whole_life():
    with Serving(echo_after_hello(HELLO)) as target, relay_to(target) as (relay, port):
        began = time.monotonic()
        client = established(port)
        before = relay.wait_until("its answer is counted", lambda s: s["bytes_to_client"] == 4)
        take_over(relay, 3)
        after = relay.stats()
        for key in ("accepted", "active", "bytes_to_target", "bytes_to_client", "closed", "routes"):
            assert after[key] == before[key], (key, before[key], after[key])
        alive(client)
        lived = (time.monotonic() - began) * 1000
        client.close()
        stats = relay.wait_closed("finished")
        assert stats["active"] == 0 and stats["routes"]["host/a.example.com"]["active"] == 0
        assert stats["routes"]["host/a.example.com"]["connections"] == 1
        established(port).close()
        relay.wait_closed("finished", 2)
        assert relay.terminate() == 0
        first, second = closed_line(relay, -2), closed_line(relay)
        assert first["conn"] == "1" and second["conn"] == "2"
        assert int(first["to_target"]) == len(HELLO) + 14 and first["to_client"] == "14"
        assert int(first["ms"]) >= lived - 20 and first["host"] == "a.example.com"


def test_a_hello_goes_on_where_it_was():
    with Serving(echo_after_hello(HELLO)) as target, relay_to(target) as (relay, port):
        silent = connect(port)
        parts = []
        for cut in (1, 5, 60, len(HELLO) - 1):
            client = connect(port)
            client.sendall(HELLO[:cut])
            parts.append((client, HELLO[cut:]))
        relay.wait_until("all are accepted", lambda s: s["accepted"] == 5)
        for split in (False, True):
            take_over(relay)
            for place, (client, rest) in enumerate(parts):
                now = len(rest) // 2 if not split else len(rest)
                client.sendall(rest[:now])
                parts[place] = (client, rest[now:])
        for client, _ in [*parts, (silent, None)]:
            if client is silent:
                client.sendall(HELLO)
            alive(client)
            client.close()
        relay.wait_closed("finished", 5)


def test_a_hello_keeps_its_deadline():
    with Serving(echo_after_hello(HELLO)) as target, \
            relay_to(target, timeouts={"hello": 3000}) as (relay, port):
        client = connect(port)
        began = time.monotonic()
        client.sendall(HELLO[:50])
        take_over(relay, 2)
        assert read_all(client) == b""
        took = time.monotonic() - began
        assert 2.9 <= took < 5.5 * SLOWNESS, took
        relay.wait_closed("refused_hello_timeout")
        client.close()


def test_a_malformed_hello_is_refused_when_it_is_whole():
    with Serving(echo_after_hello(HELLO)) as target, relay_to(target) as (relay, port):
        client = connect(port)
        bad = HELLO[:43] + b"\xff" + HELLO[44:]  # a session id of 255 bytes
        client.sendall(bad[:20])
        relay.wait_until("it is accepted", lambda s: s["accepted"] == 1)
        take_over(relay)
        client.sendall(bad[20:])
        assert read_all(client)[:5] == alert(DECODE_ERROR)[:5]
        client.close()


def test_a_request_head_goes_on_where_it_was():
    head = b"GET /x HTTP/1.1\r\nHost: a.example.com\r\n\r\n"
    with Listening() as target, Listening() as http_target:
        with relay_to(target, route={"http": {"action": "forward", "port": 0,
                                              "target": http_target.address}}) as (relay, _):
            listeners = {each["protocol"]: each["bound_port"] for each in relay.stats()["listeners"]}
            client = connect(listeners["http"])
            client.sendall(head[:25])
            relay.wait_until("it is accepted", lambda s: s["accepted"] == 1)
            take_over(relay)
            client.sendall(head[25:])
            with http_target.accept() as connection:
                assert read_exactly(connection, len(head)) == head
                take_over(relay)
                connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
                assert read_exactly(client, 27).startswith(b"HTTP/1.1 204")
            client.close()


def test_a_target_that_is_being_dialled_is_reached_in_the_successor():
    with deaf_target() as (target, hear), \
            relay_to(target, timeouts={"connect": 60_000}) as (relay, port):
        client = connect(port)
        early = b"early data"
        client.sendall(HELLO)
        relay.wait_until("it is dialled", lambda s: s["routes"]["host/a.example.com"]["active"] == 1)
        client.sendall(early)
        take_over(relay, 2)
        hear()
        while True:  # the last filler may have come in, too
            connection = target.accept()
            with contextlib.suppress(EOFError, ConnectionResetError):
                assert read_exactly(connection, len(HELLO + early)) == HELLO + early
                break
            connection.close()
        connection.sendall(b"answer")
        assert read_exactly(client, 6) == b"answer"
        connection.close()
        client.close()


def test_a_hello_that_is_sent_in_part_goes_on_behind_that_part():
    hello = with_padding(HELLO, 60_000)
    with Listening(address=own_loopback()) as target:
        # So little is taken at once that the hello does not fit into the relay's send buffer either.
        target.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        target.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        with relay_to(target, timeouts={"connect": 60_000}) as (relay, port), connect(port) as client:
            client.sendall(hello)
            with target.accept() as connection:
                before = relay.wait_until("a part is sent", lambda s: s["bytes_to_target"] > 0)
                assert before["bytes_to_target"] < len(hello), "all of it was sent at once"
                take_over(relay, 2)
                client.sendall(b"behind it")
                assert read_exactly(connection, len(hello) + 9) == hello + b"behind it"
                connection.sendall(b"answer")
                assert read_exactly(client, 6) == b"answer"


def test_dialling_keeps_its_deadline():
    with deaf_target() as (target, _), relay_to(target, timeouts={"connect": 3000}) as (relay, port):
        client = connect(port)
        began = time.monotonic()
        client.sendall(HELLO)
        take_over(relay, 2)
        assert read_all(client) == alert(INTERNAL_ERROR)
        took = time.monotonic() - began
        assert 2.9 <= took < 5.5 * SLOWNESS, took
        relay.wait_closed("target_timeout")
        client.close()


def test_a_refusal_lingers_on():
    with Serving(echo_after_hello(HELLO)) as target, relay_to(target) as (relay, port):
        client = connect(port)
        relay.stats()
        client.sendall(client_hello("b.example.com"))
        assert read_exactly(client, 7) == alert(UNRECOGNIZED_NAME)
        take_over(relay)
        with contextlib.suppress(ConnectionError):  # on a slow machine it is over already
            client.sendall(b"is read away")
            assert client.recv(1) == b""
        client.close()
        stats = relay.wait_closed("refused_unknown_name")
        assert stats["accepted"] == 1 and stats["active"] == 0
        assert stats["closed"]["refused_unknown_name"] == 1


def test_half_closed_connections_stay_half_closed():
    with Listening() as target, relay_to(target) as (relay, port):
        with pair(port, target) as (one, its_target), pair(port, target) as (two, other_target):
            one.sendall(b"request")
            one.shutdown(socket.SHUT_WR)
            other_target.sendall(b"greeting")
            other_target.shutdown(socket.SHUT_WR)
            assert read_all(its_target) == b"request"
            assert read_all(two) == b"greeting"
            take_over(relay, 2)
            late = PATTERN[:300_000]
            its_target.sendall(late)
            its_target.shutdown(socket.SHUT_WR)
            two.sendall(late)
            two.shutdown(socket.SHUT_WR)
            assert read_all(one) == late and read_all(other_target) == late
            relay.wait_closed("finished", 2)


def test_resets_while_it_moves_are_passed_on():
    with Listening() as target, relay_to(target) as (relay, port):
        with pair(port, target) as (client, connection), pair(port, target) as (other, second):
            take_over(relay)
            for end in (client, second):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                end.close()
            for end in (connection, other):
                with contextlib.suppress(ConnectionResetError):
                    read_all(end)
                    raise AssertionError("a FIN where a reset was due")
            relay.wait_closed("client_reset")
            relay.wait_closed("target_reset")


def stuff(sender):
    """Sends until nothing is taken for a while; how much that was."""
    sender.setblocking(False)
    sent = 0
    while select.select([], [sender], [], 0.3)[1]:
        at = sent % len(PATTERN)
        with contextlib.suppress(BlockingIOError):
            sent += sender.send(PATTERN[at:at + (1 << 16)])
    sender.setblocking(True)
    return sent


def expected(count):
    return (PATTERN * (count // len(PATTERN) + 1))[:count]


def test_full_pipes_of_slow_readers_move_with_their_bytes():
    with Listening() as target, relay_to(target) as (relay, port):
        with pair(port, target) as (client, connection):
            up, down = stuff(client), stuff(connection)
            for round_of_reading in range(3):
                take_over(relay)
                if round_of_reading == 1:  # the state in between, with pipes that are half full
                    got_up = read_exactly(connection, up // 3)
                    got_down = read_exactly(client, down // 3)
            client.shutdown(socket.SHUT_WR)
            connection.shutdown(socket.SHUT_WR)
            results = {}
            reader = threading.Thread(target=lambda: results.update(up=read_all(connection)))
            reader.start()
            got_down += read_all(client)
            reader.join()
            assert got_up + results["up"] == expected(up), "altered on the way to the target"
            assert got_down == expected(down), "altered on the way to the client"
        stats = relay.wait_closed("finished")
        assert stats["bytes_to_target"] == up + len(HELLO) and stats["bytes_to_client"] == down
        assert stats["spliced_bytes"] > 0


def test_a_removed_route_keeps_its_drain_and_a_changed_one_its_old_target():
    with Serving(echo_after_hello(HELLO)) as target, Serving(echo_after_hello(HELLO)) as other:
        hello_b = client_hello("b.example.com")
        with Serving(echo_after_hello(hello_b)) as of_b, relay_to(
                target, routes=[{"pattern": "b.example.com", "target": of_b.address,
                                 "drain_ms": 4000 * SLOWNESS}]) as (relay, port):
            changed = established(port)
            removed = connect(port)
            removed.sendall(hello_b)
            alive(removed)
            relay.set(table(other, 2))
            began = time.monotonic()
            take_over(relay, 2)
            alive(removed)
            alive(changed)
            with contextlib.suppress(ConnectionResetError):
                assert read_all(removed) == b""
            took = time.monotonic() - began
            assert 3.5 * SLOWNESS <= took <= 7 * SLOWNESS, took
            removed.close()
            relay.wait_closed("route_removed")
            changed.close()
            relay.wait_closed("finished")
            assert relay.terminate() == 0
            assert closed_line(relay)["target"] == "{}:{}".format(*target.address)


def test_limits_count_what_was_taken_over():
    limits = {"connections": 20, "connections_per_client": 6, "rate_per_client": 1000}
    with Serving(echo_after_hello(HELLO)) as target, relay_to(target, limits=limits) as (relay, port):
        clients = [established(port) for _ in range(6)]
        take_over(relay, 2)
        with contextlib.suppress(OSError, EOFError):
            established(port)
            raise AssertionError("a seventh connection of one client")
        relay.wait_closed("refused_over_client_limit")
        clients.pop().close()
        relay.wait_closed("finished")
        clients.append(established(port))
        for client in clients:
            client.close()


def test_another_number_of_workers():
    cpus = os.sched_getaffinity(0)
    if len(cpus) < 2:
        raise cases.Skip("needs two CPUs")
    # Without --workers there is one for each CPU that the process may use.
    with Serving(echo_after_hello(HELLO)) as target, \
            relay_process.RelayProcess(workers=None) as relay:
        relay.set(table(target))
        clients = [established(relay.port()) for _ in range(50)]
        for usable in (sorted(cpus)[:1], sorted(cpus)[:2], sorted(cpus)[:1]):
            os.sched_setaffinity(relay.process.pid, usable)
            take_over(relay)
            assert relay.stats()["workers"] == len(usable)
            clients.append(established(relay.port()))
            for client in clients:
                alive(client)
        for client in clients:
            client.close()


if __name__ == "__main__":
    cases.run(globals())
