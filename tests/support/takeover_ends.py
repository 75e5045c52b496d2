"""Real data processes in a take-over whose supervisor, and perhaps other end, is the test."""

import contextlib
import os
import struct

import relay_process
from fake_supervisor import BATCH, BEGIN, DRAIN, SERVE, SERVING, FakeSupervisor, TakeoverEnd
from traffic import Serving, client_hello, connect, echo_after_hello, read_exactly

HELLO = client_hello()
COUNT = 200  # more than one batch holds: 253 descriptors
PER_BATCH = 126


def alive(client):
    client.sendall(b"still here")
    assert read_exactly(client, 10) == b"still here"


def is_cut(client):
    with contextlib.suppress(ConnectionError):
        client.sendall(b"?")
        return client.recv(1) == b""
    return True


@contextlib.contextmanager
def serving(count=COUNT, workers=2):
    """(supervisor, data process, its port, clients)"""
    with Serving(echo_after_hello(HELLO)) as target, FakeSupervisor() as supervisor:
        process, port = supervisor.serving({"revision": 1, "routes": [
            {"pattern": "a.example.com", "target": target.address}]}, workers)
        clients = [connect(port) for _ in range(count)]
        for client in clients:
            client.sendall(HELLO)
            alive(client)
        try:
            yield supervisor, process, port, clients
        finally:
            for client in clients:
                client.close()


def drain(process):
    """Tells it to give its connections away; the end at which they come."""
    ours, theirs = TakeoverEnd.pair()
    process.take_over(theirs)
    process.tell(DRAIN)
    return ours


def first_batch(end):
    """Its descriptors, after Begin."""
    kind, _, body, _ = end.receive()
    assert kind == BEGIN and struct.unpack("=QQ", body) == (COUNT, COUNT)
    kind, count, _, fds = end.receive()
    assert kind == BATCH and count == PER_BATCH and len(fds) == 2 * PER_BATCH
    return fds


def close_all(fds):
    for fd in fds:
        os.close(fd)


def everything_goes_on(process, clients):
    process.wait_for_line("what is left is served here to its end")
    for client in clients:
        alive(client)


def ends_with_the_last(process, clients):
    for client in clients:
        client.close()
    assert process.process.wait(20 * relay_process.SLOWNESS) == 0


def take_over(supervisor):
    """A successor that was told to serve, and the test's end of its socket."""
    successor = supervisor.start()
    ours, theirs = TakeoverEnd.pair()
    successor.take_over(theirs)
    successor.tell(SERVE)
    return successor, ours


def begin(last_id, connections):
    return struct.pack("=QQ", last_id, connections)


def serves(successor, port, says=None):
    successor.wait_for(SERVING)
    if says:
        successor.wait_for_line(says)
    with connect(port) as client:
        client.sendall(HELLO)
        alive(client)
