"""One connection through a relay, with its client and its target in the hands of the test."""

import contextlib

import relay_process
from traffic import Listening, client_hello, connect, read_exactly

HELLO = client_hello()


@contextlib.contextmanager
def relayed(**table):
    """(relay, client, target connection) with the hello already delivered."""
    with relay_process.RelayProcess() as relay, Listening() as target:
        relay.set({"revision": 1, "routes": [
            {"pattern": "a.example.com", "target": target.address}], **table})
        with connect(relay.port()) as client:
            client.sendall(HELLO)
            with target.accept() as connection:
                assert read_exactly(connection, len(HELLO)) == HELLO
                yield relay, client, connection


def send_until_they_wait(relay, client):
    """The client sends until its bytes wait in the relay, not yet in its own send buffer."""
    sent, step = 0, 64 << 10
    while True:
        client.sendall(bytes(step))
        sent += step
        with contextlib.suppress(TimeoutError):
            relay.wait_until("all is passed on",
                             lambda s: s["bytes_to_target"] == sent + len(HELLO), 0.2)
            continue
        return sent
