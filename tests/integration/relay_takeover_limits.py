"""A reload moves a connection's seat among those of its client and route, its turn on a narrow line, and what its
record will tell."""

import contextlib
import socket
import threading
import time

import cases
import relay_process
from echo_stream import PATTERN
from relay_process import SLOWNESS
from taken_over import HELLO, alive, established, in_state, pair, relay_to, take_over
from traffic import ACCESS_DENIED, Listening, Serving, alert, connect, echo_after_hello, read_all

MBIT = 1_000_000


def test_limits_of_a_route_count_what_was_taken_over():
    limits = {"connections": 4, "connections_per_client": 2}
    with Serving(echo_after_hello(HELLO)) as target, relay_to(target, route={"limits": limits}) as (relay, port):
        def refused(reason, source=None):
            with connect(port, source=source) as client:
                client.sendall(HELLO)
                assert read_all(client) == alert(ACCESS_DENIED)
            relay.wait_closed(reason)

        clients = [established(port), established(port)]
        take_over(relay, 2)
        refused("refused_over_route_client_limit")
        for _ in range(2):
            clients.append(connect(port, source="127.0.0.2"))
            clients[-1].sendall(HELLO)
            alive(clients[-1])
        take_over(relay)
        refused("refused_over_route_limit", "127.0.0.3")
        clients.pop(0).close()
        relay.wait_closed("finished")
        clients.append(established(port))
        refused("refused_over_route_limit", "127.0.0.3")
        for client in clients:
            client.close()
        relay.wait_closed("finished", 5)


class Stream:
    """`size` bytes and FIN from one end to the other, each end with a thread."""

    def __init__(self, source, sink, size):
        self.source, self.sink, self.size = source, sink, size
        self.problem, self.ended = "", 0.0
        self.threads = [threading.Thread(target=each, daemon=True) for each in (self.send, self.receive)]
        self.began = time.monotonic()
        for thread in self.threads:
            thread.start()

    def send(self):
        with contextlib.suppress(OSError):
            for at in range(0, self.size, 1 << 16):
                self.source.sendall(self.part(at, min(1 << 16, self.size - at)))
            self.source.shutdown(socket.SHUT_WR)

    @staticmethod
    def part(at, length):
        at %= len(PATTERN)
        return (PATTERN[at:] + PATTERN)[:length] if at + length > len(PATTERN) else PATTERN[at:at + length]

    def receive(self):
        got = 0
        try:
            while chunk := self.sink.recv(1 << 16):
                if chunk != self.part(got, len(chunk)):
                    self.problem = f"a wrong byte behind {got}"
                got += len(chunk)
        except OSError as error:
            self.problem = str(error)
        self.ended = time.monotonic()
        if got != self.size:
            self.problem = self.problem or f"{got} of {self.size} bytes"

    def mbits(self):
        for thread in self.threads:
            thread.join(120)
            assert not thread.is_alive(), "it stands still"
        assert not self.problem, self.problem
        return self.size * 8 / (self.ended - self.began) / MBIT


def assert_rates(streams, wanted, together=False):
    # Less than it may have is the machine's doing, more is ours.
    most, least = (1.4, 0.3) if relay_process.IS_SANITIZED else (1.2, 0.5)
    rates = [stream.mbits() for stream in streams]
    print("        " + ", ".join(f"{rate:.2f}" for rate in rates) + f" Mbit/s of {wanted}")
    for rate in [sum(rates)] if together else rates:
        assert least * wanted <= rate <= most * wanted, rates


def test_a_throttled_stream_keeps_its_bandwidth_and_its_bytes():
    for limits in ({"bandwidth": 16 * MBIT}, {"bandwidth_per_client": 16 * MBIT}):
        with Listening() as target, relay_to(target, route={"limits": limits}) as (relay, port):
            with pair(port, target) as (client, connection):
                streams = [Stream(client, connection, 10_000_000), Stream(connection, client, 10_000_000)]
                for _ in range(3):
                    threading.Event().wait(0.8)
                    take_over(relay)
                assert_rates(streams, 16)
            stats = relay.wait_closed("finished")
            assert stats["bytes_to_client"] == 10_000_000 and stats["spliced_bytes"] > 0, stats


def test_the_line_of_a_client_is_shared_in_the_successor():
    with Listening() as target, relay_to(target, route={"limits": {"bandwidth_per_client": 16 * MBIT}}) as (relay, port):
        with pair(port, target) as (one, its), pair(port, target) as (two, others):
            streams = [Stream(its, one, 5_000_000), Stream(others, two, 5_000_000)]
            for _ in range(2):
                threading.Event().wait(0.8)
                take_over(relay)
            assert_rates(streams, 16, together=True)


def test_a_slow_line_goes_on_by_its_timer():
    with Listening() as target, relay_to(target, route={"limits": {"bandwidth": 65_536}}) as (relay, port):
        with pair(port, target) as (client, connection):
            stream = Stream(connection, client, 40_960)  # in portions of a quarter of a second
            for _ in range(2):
                threading.Event().wait(1)
                take_over(relay)
            assert_rates([stream], 0.065536)


def test_a_connection_leaves_one_record_at_its_end():
    with Serving(echo_after_hello(HELLO)) as target, relay_to(target) as (relay, port):
        with established(port) as client:
            before = in_state(relay, "relaying")[0]
            take_over(relay, 2)
            with relay.control() as control:
                assert control.records()["records"] == []
            alive(client)
        relay.wait_closed("finished")
        with relay.control() as control:
            (record,) = control.records()["records"]
        for key in ("id", "client", "host", "route", "target", "connect_us"):
            assert record[key] == before[key], (key, before, record)
        assert record["state"] == "finished" and record["bytes_to_client"] == 14, record
        assert abs(record["started_ms"] - before["started_ms"]) <= 50 * SLOWNESS, (before, record)


if __name__ == "__main__":
    cases.run(globals())
