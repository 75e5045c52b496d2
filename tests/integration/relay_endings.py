"""How relayed connections end: half-close, reset, silence."""

import contextlib
import os
import random
import select
import signal
import socket
import threading
import time

import cases
import relay_process
from relayed import HELLO, relayed, send_until_they_wait
from traffic import Listening, connect, read_all, read_exactly, reset


def test_the_clients_fin_leaves_the_other_direction_open():
    late = random.Random(1).randbytes(300_000)
    with relayed() as (relay, client, target):
        client.sendall(b"request")
        client.shutdown(socket.SHUT_WR)
        assert read_all(target) == b"request"
        target.sendall(late)
        target.shutdown(socket.SHUT_WR)
        assert read_all(client) == late
        relay.wait_closed("finished")


def test_the_targets_fin_leaves_the_other_direction_open():
    late = random.Random(2).randbytes(300_000)
    with relayed() as (relay, client, target):
        target.sendall(b"greeting")
        target.shutdown(socket.SHUT_WR)
        assert read_all(client) == b"greeting"
        client.sendall(late)
        client.shutdown(socket.SHUT_WR)
        assert read_all(target) == late
        relay.wait_closed("finished")


def expect_reset(connection):
    try:
        while connection.recv(1 << 16):
            pass
    except ConnectionResetError:
        return
    raise AssertionError("a FIN where a reset was due")


def test_a_reset_of_the_client_is_passed_on():
    with relayed() as (relay, client, target):
        reset(client)
        expect_reset(target)
        relay.wait_closed("client_reset")


def test_a_reset_of_the_target_is_passed_on():
    with relayed() as (relay, client, target):
        reset(target)
        expect_reset(client)
        relay.wait_closed("target_reset")


def read_until_reset(connection):
    """What comes before the reset; a FIN is an error."""
    got = bytearray()
    while True:
        try:
            chunk = connection.recv(1 << 16)
        except ConnectionResetError:
            return bytes(got)
        assert chunk, "a FIN where a reset was due"
        got += chunk


def test_bytes_that_came_before_a_reset_are_passed_on_before_it():
    with relayed() as (relay, client, target):
        target.sendall(b"last words")
        relay.wait_until("they are passed on", lambda s: s["bytes_to_client"] == 10)
        reset(target)
        assert read_until_reset(client) == b"last words"
        relay.wait_closed("target_reset")


def test_bytes_that_came_together_with_a_reset_are_passed_on_before_it():
    with relayed() as (relay, client, target):
        pid = relay.data_pid()
        os.kill(pid, signal.SIGSTOP)
        try:
            client.sendall(b"unread")
            target.sendall(b"last words")
            reset(target)
        finally:
            os.kill(pid, signal.SIGCONT)
        assert read_until_reset(client) == b"last words"
        relay.wait_closed("target_reset")


def test_a_reset_after_a_fin_ends_the_connection_at_once():
    for who in ("client", "target"):
        with relayed() as (relay, client, target):
            leaving, staying = (client, target) if who == "client" else (target, client)
            leaving.shutdown(socket.SHUT_WR)
            assert read_all(staying) == b""
            reset(leaving)
            # half_closed would be 5 minutes. Behind a FIN nobody reads a reset; poll(2) tells.
            waiting = select.poll()
            waiting.register(staying, 0)
            assert [events & select.POLLERR for _, events in waiting.poll(5000)], who
            relay.wait_closed(f"{who}_reset", timeout=5)


def test_a_reset_after_a_fin_is_seen_while_its_bytes_wait_for_a_slow_reader():
    with relayed() as (relay, client, target):
        send_until_they_wait(relay, client)
        client.shutdown(socket.SHUT_WR)
        threading.Event().wait(0.2)
        assert relay.stats()["active"] == 1
        reset(client)
        relay.wait_closed("client_reset", timeout=5)
        target.settimeout(5)
        read_until_reset(target)


def test_a_reset_after_an_early_fin_ends_a_connection_that_is_being_made():
    with Listening(backlog=0) as target, relay_process.RelayProcess() as relay:
        fillers = []
        for _ in range(4):  # a full accept queue: connecting hangs
            fillers.append(socket.socket())
            fillers[-1].setblocking(False)
            fillers[-1].connect_ex(target.address)
        relay.set({"revision": 1, "timeouts": {"connect": 60_000}, "routes": [
            {"pattern": "a.example.com", "target": target.address}]})
        with connect(relay.port()) as client:
            client.sendall(HELLO)
            relay.wait_until("it connects",
                             lambda s: s["routes"]["host/a.example.com"]["active"] == 1)
            client.sendall(b"early")
            client.shutdown(socket.SHUT_WR)
            threading.Event().wait(0.2)
            reset(client)
            relay.wait_closed("client_left_while_connecting", timeout=5)
        for filler in fillers:
            filler.close()


def test_a_reset_is_passed_on_while_its_bytes_wait_for_a_slow_reader():
    with relayed() as (relay, client, target):
        target.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                target.send(bytes(1 << 16))
        relay.wait_until("bytes flow", lambda stats: stats["bytes_to_client"] > 0)
        reset(target)
        relay.wait_closed("target_reset")
        expect_reset(client)


def test_idle_connections_end():
    with relayed(timeouts={"idle": 400}) as (relay, client, target):
        start = time.monotonic()
        for _ in range(4):  # both directions keep it alive
            client.sendall(b"a")
            assert read_exactly(target, 1) == b"a"
            threading.Event().wait(0.15)
            target.sendall(b"b")
            assert read_exactly(client, 1) == b"b"
            threading.Event().wait(0.15)
        assert relay.stats()["active"] == 1
        assert read_all(client) == b"" and read_all(target) == b""
        assert 1.2 < time.monotonic() - start < 10
        relay.wait_closed("idle_timeout")


def test_half_closed_connections_end_sooner():
    with relayed(timeouts={"half_closed": 300}) as (relay, client, target):
        client.shutdown(socket.SHUT_WR)
        assert read_all(target) == b""
        assert read_all(client) == b""
        relay.wait_closed("half_closed_timeout")


if __name__ == "__main__":
    cases.run(globals())
