"""Bandwidth of a route and of a client: exact, fair, spliced, and with every end of a connection as it is
without a limit. All data has a checksum."""

import contextlib
import hashlib
import random
import threading
import time

import cases
import relay_process
from traffic import (Listening, Serving, client_hello, connect, echo, read_all, read_exactly, reset)

HELLO = {name: client_hello(f"{name}.example.com") for name in "ab"}
MBIT = 1_000_000
# Of the bandwidth that was asked for: more is our mistake, less may be a busy machine's or a sanitizer's doing.
MOST, LEAST = (1.25, 0.5) if relay_process.IS_SANITIZED else (1.05, 0.75)


class World:
    """A relay, a target that the test holds, and routes a (with limits) and b (without)."""

    def __init__(self, relay, target):
        self.relay, self.target = relay, target
        self.revision = 0
        self.opened = []

    def update(self, limits, **table):
        self.revision += 1
        self.relay.set({"revision": self.revision, **table, "routes": [
            {"pattern": "a.example.com", "target": self.target.address, "limits": limits},
            {"pattern": "b.example.com", "target": self.target.address}]})

    def pair(self, name="a", source="127.0.0.1"):
        """(client, target) of a new connection, its hello already delivered."""
        client = connect(self.relay.port(), source=source)
        client.sendall(HELLO[name])
        target = self.target.accept()
        assert read_exactly(target, len(HELLO[name])) == HELLO[name]
        self.opened += [client, target]
        return client, target

    def close(self):
        for each in self.opened:
            each.close()


@contextlib.contextmanager
def world(limits, **table):
    with relay_process.RelayProcess() as relay, Listening() as target:
        made = World(relay, target)
        made.update(limits, **table)
        with contextlib.closing(made):
            yield made


class Sender(threading.Thread):
    """Sends `size` random bytes (None: until nobody takes them), then FIN if it shall."""

    def __init__(self, connection, size=None, ends=False):
        super().__init__(daemon=True)
        self.connection, self.left, self.ends = connection, size, ends
        self.hash = hashlib.sha256()
        self.block = random.randbytes(1 << 16)
        self.start()

    def run(self):
        with contextlib.suppress(OSError):
            while self.left is None or self.left > 0:
                part = self.block if self.left is None else self.block[: self.left]
                self.connection.sendall(part)
                self.hash.update(part)
                if self.left is not None:
                    self.left -= len(part)
            if self.ends:
                self.connection.shutdown(1)


class Meter(threading.Thread):
    """Reads all that comes and notes when how much of it was there."""

    def __init__(self, connection):
        super().__init__(daemon=True)
        self.connection, self.total = connection, 0
        self.seen = [(time.monotonic(), 0)]
        self.start()

    def run(self):
        with contextlib.suppress(OSError):
            while got := self.connection.recv(1 << 16):
                self.total += len(got)
                self.seen.append((time.monotonic(), self.total))

    def between(self, start, end):
        """Bytes that came from `start` to `end`."""
        at = [max((total for moment, total in list(self.seen) if moment <= when), default=0)
              for when in (start, end)]
        return at[1] - at[0]


def measure(meters, seconds, warm_up=1.0):
    """Bytes of each meter during `seconds`, after the first burst is over."""
    start = time.monotonic() + warm_up
    threading.Event().wait(warm_up + seconds + 0.1)
    return [meter.between(start, start + seconds) for meter in meters]


def assert_rate(measured, bits, seconds):
    wanted = bits / 8 * seconds
    assert LEAST <= measured / wanted <= MOST, f"{measured / wanted:.3f} of the bandwidth"
    print(f"        {measured * 8 / seconds / MBIT:.2f} Mbit/s of {bits / MBIT:g}")


def test_the_bandwidth_of_a_route_is_exact_in_each_direction():
    for bits in (8 * MBIT, 200 * MBIT):
        with world({"bandwidth": bits}) as w:
            client, target = w.pair()
            Sender(client)
            Sender(target)
            up, down = measure([Meter(target), Meter(client)], 3)
            assert_rate(up, bits, 3)
            assert_rate(down, bits, 3)
            stats = w.relay.stats()
            moved = stats["bytes_to_target"] + stats["bytes_to_client"]
            assert stats["spliced_bytes"] > 0.9 * moved, stats


def test_eight_streams_share_a_route_fairly():
    with world({"bandwidth": 40 * MBIT}) as w:
        pairs = [w.pair(source=f"127.0.0.{i + 1}") for i in range(8)]
        for _, target in pairs:
            Sender(target)
        shares = measure([Meter(client) for client, _ in pairs], 3)
        assert_rate(sum(shares), 40 * MBIT, 3)
        fair = sum(shares) / 8
        print("        shares", [f"{share / fair:.2f}" for share in shares])
        assert all(abs(share - fair) <= 0.4 * fair for share in shares), shares


def test_a_client_has_its_bandwidth_over_all_its_connections():
    with world({"bandwidth_per_client": 16 * MBIT}) as w:
        pairs = [w.pair(), w.pair(), w.pair(source="127.0.0.2")]
        for _, target in pairs:
            Sender(target)
        first, second, other = measure([Meter(client) for client, _ in pairs], 3)
        assert_rate(first + second, 16 * MBIT, 3)
        assert_rate(other, 16 * MBIT, 3)
        assert 0.75 < first / second < 1.33, (first, second)


def test_the_narrower_of_both_bandwidths_holds():
    with world({"bandwidth": 24 * MBIT, "bandwidth_per_client": 16 * MBIT}) as w:
        pairs = [w.pair(), w.pair(source="127.0.0.2")]
        Sender(pairs[0][1])
        meters = [Meter(client) for client, _ in pairs]
        assert_rate(measure(meters, 3)[0], 16 * MBIT, 3)
        Sender(pairs[1][1])
        both = measure(meters, 3)
        assert_rate(sum(both), 24 * MBIT, 3)
        assert 0.75 < both[0] / both[1] < 1.33, both


def test_other_routes_are_not_slowed():
    with world({"bandwidth": 8 * MBIT}) as w:
        Sender(w.pair()[1])
        client, target = w.pair("b")
        sender = Sender(target, 50_000_000, ends=True)
        start = time.monotonic()
        assert hashlib.sha256(read_all(client)).digest() == sender.hash.digest()
        assert time.monotonic() - start < 10


def test_small_talk_costs_what_it_is():
    """What a message reserves and does not need is for others."""
    with relay_process.RelayProcess() as relay, Serving(echo) as target:
        relay.set({"revision": 1, "routes": [{"pattern": "a.example.com", "target": target.address,
                                              "limits": {"bandwidth": 8 * MBIT}}]})
        with connect(relay.port()) as client:
            client.sendall(HELLO["a"])
            read_exactly(client, len(HELLO["a"]))
            start = time.monotonic()
            for i in range(1000):
                client.sendall(b"%5d" % i)
                assert read_exactly(client, 5) == b"%5d" % i
            # 5 kB are 5 ms of the line; 1000 portions would be 5 s.
            assert time.monotonic() - start < 3


def test_half_close_loses_nothing_either_way():
    with world({"bandwidth": 16 * MBIT}) as w:
        for size in (0, 1, 4_000_000):
            client, target = w.pair()
            sender = Sender(client, size, ends=True)
            got = read_all(target)
            assert len(got) == size and hashlib.sha256(got).digest() == sender.hash.digest()
            back = Sender(target, size, ends=True)
            got = read_all(client)
            assert len(got) == size and hashlib.sha256(got).digest() == back.hash.digest()
        w.relay.wait_closed("finished", 3)


def throttled(w, source, sink):
    """`source` has sent what takes 15 s to pass at 80 kbit/s, and something of it has passed."""
    Sender(source, 150_000).join()
    read_exactly(sink, 2048)


def test_a_reset_is_passed_on_at_once():
    with world({"bandwidth": 80_000}) as w:
        for leaving, reason in ((0, "client_reset"), (1, "target_reset")):
            for sending in (0, 1):
                pair = w.pair()
                throttled(w, pair[sending], pair[1 - sending])
                start = time.monotonic()
                reset(pair[leaving])
                with contextlib.suppress(ConnectionResetError):
                    while pair[1 - leaving].recv(1 << 16):
                        pass
                    raise AssertionError("the end was a FIN")
                took = time.monotonic() - start
                assert took < 2 * relay_process.SLOWNESS, f"{reason} {took} s later"
                w.relay.wait_closed(reason, 1 + sending)


def test_a_removed_route_ends_what_waits_with_a_reset():
    with world({"bandwidth": 80_000}) as w:
        client, target = w.pair()
        throttled(w, target, client)
        w.relay.set({"revision": 99, "routes": []})
        with contextlib.suppress(ConnectionResetError):
            while client.recv(1 << 16):
                pass
            raise AssertionError("the end was a FIN")
        w.relay.wait_closed("route_removed", timeout=15)


def test_waiting_for_the_line_is_no_silence():
    """A portion takes longer than both timeouts here; real silence still ends the connection."""
    times = {"idle": 1500, "half_closed": 700}
    with world({"bandwidth": 8_000}, timeouts=times) as w:
        client, target = w.pair()
        sender = Sender(client, 6_000, ends=True)
        assert hashlib.sha256(read_all(target)).digest() == sender.hash.digest()
        w.relay.wait_closed("half_closed_timeout")
        client, target = w.pair()
        target.sendall(bytes(4_000))
        assert read_exactly(client, 4_000) == bytes(4_000)
        w.relay.wait_closed("idle_timeout")
        closed = w.relay.stats()["closed"]
        assert (closed["half_closed_timeout"], closed["idle_timeout"]) == (1, 1), closed


def test_a_new_bandwidth_holds_for_open_connections():
    with world({"bandwidth": 8 * MBIT}) as w:
        client, target = w.pair()
        Sender(target)
        meter = Meter(client)
        assert_rate(measure([meter], 3)[0], 8 * MBIT, 3)
        w.update({"bandwidth": 40 * MBIT})
        assert_rate(measure([meter], 3)[0], 40 * MBIT, 3)
        w.update({})
        assert measure([meter], 1)[0] > 40 * MBIT / 8 * 2
        w.update({"bandwidth": 16 * MBIT})
        # What is already in the buffers of both ends comes first.
        assert_rate(measure([meter], 3, warm_up=3)[0], 16 * MBIT, 3)
        assert w.relay.stats()["active"] == 1


def test_who_waits_costs_nothing():
    with world({"bandwidth": 1 * MBIT}) as w:
        pairs = [w.pair(source=f"127.0.0.{i + 1}") for i in range(20)]
        for client, target in pairs:
            Sender(target)
            Sender(client)
            Meter(client)
            Meter(target)
        pid = w.relay.data_pid()
        measure([], 1)
        before = relay_process.cpu_seconds(pid)
        measure([], 2, warm_up=0)
        spent = relay_process.cpu_seconds(pid) - before
        print(f"        {spent:.2f} s of CPU in 2 s")
        assert spent < 0.3 * relay_process.SLOWNESS


if __name__ == "__main__":
    cases.run(globals())
