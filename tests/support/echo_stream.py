"""A target and a client of one long stream, each a process of its own, so that what the test does
beside them takes no time from the stream.

    echo_stream.py target HELLO                          prints its port; echoes until its stdin ends
    echo_stream.py client PORT HELLO AT_LEAST [PAUSE]    prints "streaming"; streams until its stdin ends and
                                                         AT_LEAST bytes were sent; prints its findings as JSON

HELLO is in hex. The client compares every byte that comes back with what it sent, and rests for PAUSE seconds after each
chunk of 256 KiB."""

import contextlib
import json
import random
import selectors
import socket
import sys
import threading
import time

from traffic import connect

# A prime: no chunk of another size looks like its neighbour.
PATTERN = random.Random(7).randbytes(1_048_573)
CHUNK = 256 * 1024
NOTED_GAP = 0.003


class Echo:
    """A connection of the target; it reads no more while it has bytes to give back."""

    def __init__(self, connection, hello):
        self.connection, self.hello, self.pending = connection, hello, b""

    def ready(self):
        """What it waits for next; None when it has ended."""
        if not self.pending:
            try:
                chunk = self.connection.recv(CHUNK)
            except BlockingIOError:  # it was ready for nothing
                return selectors.EVENT_READ
            if not chunk:
                self.connection.shutdown(socket.SHUT_WR)
                return None
            swallowed = min(len(self.hello), len(chunk))
            assert chunk[:swallowed] == self.hello[:swallowed], "another hello arrived"
            self.hello, self.pending = self.hello[swallowed:], chunk[swallowed:]
        with contextlib.suppress(BlockingIOError):
            if self.pending:
                self.pending = self.pending[self.connection.send(self.pending):]
        return selectors.EVENT_WRITE if self.pending else selectors.EVENT_READ


def target(hello):
    """One thread for thousands of connections."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listening, selectors.DefaultSelector() as selector:
        listening.setblocking(False)
        selector.register(listening, selectors.EVENT_READ, listening)
        selector.register(sys.stdin, selectors.EVENT_READ, sys.stdin)
        print(listening.getsockname()[1], flush=True)
        while True:
            for key, _ in selector.select():
                if key.data is sys.stdin:
                    return
                if key.data is listening:
                    with contextlib.suppress(BlockingIOError):
                        while True:
                            connection, _ = listening.accept()
                            connection.setblocking(False)
                            selector.register(connection, selectors.EVENT_READ, Echo(connection, hello))
                    continue
                wanted = None
                with contextlib.suppress(OSError):
                    wanted = key.data.ready()
                if wanted is None:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
                elif wanted != key.events:
                    selector.modify(key.fileobj, wanted, key.data)


class Client:
    def __init__(self, port, hello, at_least, pause):
        self.connection = connect(port)
        self.connection.settimeout(60)
        self.connection.sendall(hello)
        self.at_least, self.pause = at_least, pause
        self.is_enough = threading.Event()
        self.sent = 0

    def send(self):
        while self.sent < self.at_least or not self.is_enough.is_set():
            at = self.sent % len(PATTERN)
            self.sent += self.connection.send(PATTERN[at:at + CHUNK])
            if self.pause:
                threading.Event().wait(self.pause)
        self.connection.shutdown(socket.SHUT_WR)

    def receive(self):
        received, gaps, last = 0, [], time.monotonic()
        while chunk := self.connection.recv(CHUNK):
            now = time.monotonic()
            if now - last > NOTED_GAP:
                gaps.append((last, now - last))
            last = now
            at = received % len(PATTERN)
            expected = PATTERN[at:at + len(chunk)]
            if len(expected) < len(chunk):
                expected += PATTERN[:len(chunk) - len(expected)]
            if chunk != expected:
                return {"problem": f"a wrong byte in {len(chunk)} from {received} on"}
            received += len(chunk)
        return {"received": received, "gaps": gaps}

    def run(self):
        sender = threading.Thread(target=self.send)
        sender.start()
        print("streaming", flush=True)
        threading.Thread(target=lambda: (sys.stdin.read(), self.is_enough.set()),
                         daemon=True).start()
        found = self.receive()
        if "problem" not in found:
            sender.join()
            found["sent"] = self.sent
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "target":
        target(bytes.fromhex(sys.argv[2]))
    else:
        Client(int(sys.argv[2]), bytes.fromhex(sys.argv[3]), int(sys.argv[4]), float((sys.argv[5:] or [0])[0])).run()
