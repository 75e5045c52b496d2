"""Reloads of a real relay in which its connections move, for tests that hold those connections."""

import contextlib
import os
import select
import signal
import socket
import time

import relay_process
from relay_process import SLOWNESS
from traffic import TIMEOUT, Listening, client_hello, connect, read_exactly

HELLO = client_hello()


def gone(pid):
    """Waits until the process is no more: it has given everything away."""
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        poller = select.poll()
        poller.register(handle, select.POLLIN)
        ended = bool(poller.poll(10_000 * SLOWNESS))
        os.close(handle)
        assert ended, "the old data process does not end"


def take_over(relay, count=1):
    """Reloads; the pid of the data process that serves then."""
    for _ in range(count):
        before = relay.data_pid()
        relay.process.send_signal(signal.SIGHUP)
        relay.wait_for("connections taken over")
        relay.wait_for("adit-relay: ready")
        after = relay.wait_until("the successor answers", lambda s: s["data_pid"] != before)
        gone(before)
    return after["data_pid"]


def table(target, revision=1, **more):
    route = {"pattern": "a.example.com", "target": target.address, **more.pop("route", {})}
    return {"revision": revision, "routes": [route, *more.pop("routes", [])], **more}


@contextlib.contextmanager
def relay_to(target, **more):
    with relay_process.RelayProcess() as relay:
        relay.set(table(target, **more))
        yield relay, relay.port()


def alive(client, word=b"still here"):
    client.sendall(word)
    assert read_exactly(client, len(word)) == word


def established(port):
    client = connect(port)
    client.sendall(HELLO + b"ping")
    assert read_exactly(client, 4) == b"ping"
    return client


@contextlib.contextmanager
def pair(port, target):
    """(client, target's connection) with the hello delivered."""
    with connect(port) as client:
        client.sendall(HELLO)
        with target.accept() as connection:
            assert read_exactly(connection, len(HELLO)) == HELLO
            yield client, connection


@contextlib.contextmanager
def deaf_target():
    """A target whose queue is full: a connection to it comes to be once `hear()` was called."""
    with Listening(backlog=0) as target:
        fillers = []
        while True:
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(target.address)
            fillers.append(filler)
            if not select.select([], [filler], [], 0.2)[1]:
                break

        def hear():
            for _ in fillers[:-1]:
                target.accept().close()
            fillers[-1].close()

        try:
            yield target, hear
        finally:
            for filler in fillers:
                filler.close()


def ports(relay):
    return {each["protocol"]: each["bound_port"] for each in relay.stats()["listeners"]}


def tell(relay, *down):
    with relay.control() as control:
        control.sites_down(*down)


def in_state(relay, state, count=1):
    """Waits until so many connections are in `state`; what is known of all."""
    deadline = time.monotonic() + TIMEOUT
    with relay.control() as control:
        while True:
            live, _ = control.connections()
            if sum(each["state"] == state for each in live) == count:
                return live
            assert time.monotonic() < deadline, live
