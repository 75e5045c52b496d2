"""Reloads of a real relay in which its connections move, for tests that hold those connections."""

import contextlib
import os
import select
import signal

import relay_process
from relay_process import SLOWNESS
from traffic import client_hello, connect, read_exactly

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
