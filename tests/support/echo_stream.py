"""A target and a client of one long stream, each a process of its own, so that what the test does
beside them takes no time from the stream.

    echo_stream.py target HELLO                  prints its port; echoes until its stdin ends
    echo_stream.py client PORT HELLO AT_LEAST    prints "streaming"; streams until its stdin ends and
                                                 AT_LEAST bytes were sent; prints its findings as JSON

HELLO is in hex. The client compares every byte that comes back with what it sent."""

import json
import random
import socket
import sys
import threading
import time

from traffic import Serving, connect, echo_after_hello

# A prime: no chunk of another size looks like its neighbour.
PATTERN = random.Random(7).randbytes(1_048_573)
NOTED_GAP = 0.003


def target(hello):
    with Serving(echo_after_hello(hello)) as serving:
        print(serving.address[1], flush=True)
        sys.stdin.read()


class Client:
    def __init__(self, port, hello, at_least):
        self.connection = connect(port)
        self.connection.settimeout(60)
        self.connection.sendall(hello)
        self.at_least = at_least
        self.is_enough = threading.Event()
        self.sent = 0

    def send(self):
        while self.sent < self.at_least or not self.is_enough.is_set():
            at = self.sent % len(PATTERN)
            self.sent += self.connection.send(PATTERN[at:at + 256 * 1024])
        self.connection.shutdown(socket.SHUT_WR)

    def receive(self):
        received, gaps, last = 0, [], time.monotonic()
        while chunk := self.connection.recv(1 << 18):
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
        Client(int(sys.argv[2]), bytes.fromhex(sys.argv[3]), int(sys.argv[4])).run()
