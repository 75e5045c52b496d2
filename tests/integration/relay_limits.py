"""Limits at accept: per client, per client's rate, over all, and what RLIMIT_NOFILE leaves. Over a
limit a client is reset and counted; running out of descriptors never makes the relay spin, and what
it writes to its log is bounded too."""

import contextlib
import os
import select
import socket
import subprocess
import tempfile
import threading
import time

import cases
import relay_process
from traffic import (INTERNAL_ERROR, Listening, Serving, alert, client_hello, connect,
                     echo_after_hello, read_all, read_exactly)

HELLO = client_hello()


@contextlib.contextmanager
def serving_later(limits, **arguments):
    """Gives a function that sets the table and returns (relay, port)."""
    with relay_process.RelayProcess(**arguments) as relay, \
            Serving(echo_after_hello(HELLO)) as target:

        def start():
            relay.set({"revision": 1, "limits": limits, "routes": [
                {"pattern": "a.example.com", "target": target.address}]})
            return relay, relay.port()

        yield start


@contextlib.contextmanager
def serving(limits, **arguments):
    with serving_later(limits, **arguments) as start:
        yield start()


def established(port, source="127.0.0.1"):
    client = connect(port, source=source)
    client.sendall(HELLO + b"ping")
    assert read_exactly(client, 4) == b"ping"
    return client


def assert_reset(port, source="127.0.0.1"):
    """The relay resets a new client; it never answers and never sends FIN."""
    with contextlib.suppress(ConnectionResetError):
        with connect(port, source=source) as client:
            got = client.recv(1)
            raise AssertionError(f"served: {got!r}")


def test_connections_per_client():
    with serving({"connections_per_client": 3}) as (relay, port):
        clients = [established(port) for _ in range(3)]
        assert_reset(port)
        others = established(port, "127.0.0.2")
        assert relay.stats()["closed"]["refused_over_client_limit"] == 1
        clients.pop().close()
        relay.wait_closed("finished")
        clients.append(established(port))
        for client in clients + [others]:
            client.close()


def test_new_connections_per_second_of_a_client():
    with serving({"rate_per_client": 5}) as (relay, port):
        clients = []
        refused = 0
        for _ in range(12):
            try:
                clients.append(established(port))
            except ConnectionResetError:
                refused += 1
        assert 5 <= len(clients) <= 8 and refused >= 4, (len(clients), refused)
        established(port, "127.0.0.2").close()
        assert relay.stats()["closed"]["refused_over_client_rate"] == refused
        for client in clients:
            client.close()


def test_connections_over_all():
    with serving({"connections": 4}) as (relay, port):
        clients = [established(port, f"127.0.0.{i + 1}") for i in range(4)]
        assert_reset(port, "127.0.0.9")
        stats = relay.stats()
        assert stats["closed"]["refused_over_global_limit"] == 1
        assert stats["effective_limits"]["connections"] == 4
        for client in clients:
            client.close()


def test_clients_without_a_hello_have_a_limit_of_their_own():
    with serving({"connections": 8}) as (relay, port):
        silent = [connect(port) for _ in range(4)]  # half of the connections may be silent
        relay.wait_until("four are accepted", lambda s: s["accepted"] == 4)
        assert_reset(port)
        assert relay.stats()["closed"]["refused_over_hello_limit"] == 1
        for client in silent:
            client.close()
        relay.wait_closed("client_left_before_hello", 4)
        established(port).close()


def test_the_descriptor_limit_bounds_connections():
    with serving({}, prefix=["prlimit", "--nofile=200:300"]) as (relay, _):
        pipes = 300 // 16
        allowed = (300 * 8 // 10 - 2 * pipes) // 2
        assert relay.stats()["effective_limits"]["connections"] == allowed


def leave_descriptors(control, count):
    """The data process may open so many descriptors more, and no other. From outside and behind its
    back: its own limits do not know. Gives a function that takes this back."""
    # Whoever asked before this connection is gone by now, and its descriptor closed.
    pid = [control.stats() for _ in range(3)][-1]["data_pid"]
    used = {int(number) for number in os.listdir(f"/proc/{pid}/fd")}
    limit = [number for number in range(len(used) + count + 1) if number not in used][count]
    subprocess.run(["prlimit", f"--pid={pid}", f"--nofile={limit}:"], check=True)
    return lambda: subprocess.run(["prlimit", f"--pid={pid}", "--nofile=5000:"], check=True)


def test_no_descriptor_left_neither_spins_nor_stays():
    with serving({}) as (relay, port), relay.control() as control:
        pid = relay.data_pid()
        first = established(port)
        give_back = leave_descriptors(control, 0)
        waiting = [connect(port) for _ in range(20)]
        for client in waiting:
            client.sendall(HELLO + b"ping")
        relay.wait_for("accepting pauses")
        before = relay_process.cpu_seconds(pid)
        threading.Event().wait(1.5)
        spent = relay_process.cpu_seconds(pid) - before
        assert spent < 0.2, f"{spent} s of CPU in 1.5 s without a descriptor"
        first.sendall(b"alive")
        assert read_exactly(first, 5) == b"alive"
        give_back()
        for client in waiting:
            assert read_exactly(client, 4) == b"ping"
        for client in waiting + [first]:
            client.close()
        closed = relay.wait_until("all ended", lambda s: s["active"] == 0)["closed"]
        assert closed["finished"] == 21 and not closed.get("out_of_descriptors"), closed


def test_a_client_without_a_descriptor_for_its_target_is_told_and_counted():
    with serving({}) as (relay, port), relay.control() as control:
        first = established(port)
        give_back = leave_descriptors(control, 1)
        with connect(port) as client:
            client.sendall(HELLO + b"ping")
            assert read_exactly(client, 7) == alert(INTERNAL_ERROR)
        give_back()
        established(port).close()
        first.close()
        closed = relay.wait_until("all ended", lambda s: s["active"] == 0)["closed"]
        assert closed["out_of_descriptors"] == 1 and closed["finished"] == 2, closed


def lines_with(relay, *parts):
    return [line for line in relay.lines if all(part in line for part in parts)]


def test_of_refusals_at_accept_one_is_logged_and_the_others_counted():
    with serving({"connections_per_client": 1}) as (relay, port):
        first = established(port)
        for _ in range(300):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
        relay.wait_closed("refused_over_client_limit", 300)
        first.close()
        relay.wait_closed("finished")
        assert relay.terminate() == 0
        assert len(lines_with(relay, "connection refused")) == 1, relay.lines
        told = "<6>relay: 299 more refused reason=refused_over_client_limit clients=1"
        assert lines_with(relay, "more refused") == [told], relay.lines


def test_of_refusals_each_client_network_and_reason_is_logged_once_a_minute():
    with serving({}) as (relay, port):
        for data in (b"no TLS at all\r\n", client_hello("unknown.example.com")):
            for i in range(60):
                with connect(port, source=f"127.0.{i % 3}.{1 + i}") as client:
                    client.sendall(data)
                    read_all(client)
        relay.wait_closed("refused_not_tls", 60)
        relay.wait_closed("refused_unknown_name", 60)
        assert relay.terminate() == 0
        for reason in ("refused_not_tls", "refused_unknown_name"):
            lines = lines_with(relay, "connection closed", f"reason={reason}")
            assert len(lines) == 3, lines
            told = f"<6>relay: 57 more refused reason={reason} clients=3"
            assert lines_with(relay, "more refused", reason) == [told], relay.lines


def test_a_target_that_is_down_does_not_fill_the_log():
    with serving({}) as (relay, port), Listening() as gone:
        gone.close()
        relay.set({"revision": 2, "routes": [{"pattern": "a.example.com", "target": gone.address}]})
        for _ in range(600):
            with connect(port) as client:
                client.sendall(HELLO)
                assert read_all(client) == alert(INTERNAL_ERROR)
        relay.wait_closed("target_refused", 600)
        assert relay.terminate() == 0
        assert len(lines_with(relay, "connection closed", "host=a.example.com")) == 1, relay.lines
        told = "<6>relay: 599 more refused reason=target_refused clients=1"
        assert lines_with(relay, " more ") == [told], relay.lines


def test_clients_that_leave_early_are_counted_as_that():
    with serving({}) as (relay, port):
        for _ in range(10):
            connect(port).close()
        relay.wait_closed("client_left_before_hello", 10)
        assert relay.terminate() == 0
        assert len(lines_with(relay, "connection closed")) == 1, relay.lines
        told = "<6>relay: 9 more left reason=client_left_before_hello clients=1"
        assert lines_with(relay, " more ") == [told], relay.lines


def test_relayed_connections_write_at_most_100_lines_a_second():
    with serving({}, workers=1) as (relay, port):
        start = time.monotonic()
        for _ in range(500):
            established(port).close()
        relay.wait_closed("finished", 500)
        seconds = time.monotonic() - start
        assert relay.terminate() == 0
        lines = len(lines_with(relay, "connection closed", "reason=finished"))
        assert 100 <= lines <= 100 * (seconds + 1), (lines, seconds)
        if lines < 500:
            assert lines_with(relay, " more ") == [
                f"<6>relay: {500 - lines} more connections closed"], relay.lines


class ErrorPipe:
    """A named pipe for a relay's stderr, which is read only when the test says so."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "stderr")
        os.mkfifo(self.path)
        self.end = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)

    def redirect(self):
        """What starts a program with this stderr."""
        return ["sh", "-c", 'exec "$@" 2>"$0"', self.path]

    def fill(self):
        for size in (4096, 1):
            with contextlib.suppress(BlockingIOError):
                while True:
                    os.write(self.end, b"." * size)

    def read(self):
        out = b""
        with contextlib.suppress(BlockingIOError):
            while True:
                out += os.read(self.end, 1 << 16)
        return out.decode()

    def wait_for(self, part, timeout=20):
        deadline = time.monotonic() + timeout
        out = ""
        while part not in out:
            assert time.monotonic() < deadline, f"no {part!r} in {out[-2000:]}"
            select.select([self.end], [], [], 0.1)
            out += self.read()
        return out

    def close(self):
        os.close(self.end)


def test_a_stderr_that_nobody_reads_stops_nobody():
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(ErrorPipe(folder)) as pipe, \
            serving_later({}, prefix=pipe.redirect(), wait=False, workers=1) as start:
        pipe.wait_for("adit-relay: ready")
        relay, port = start()
        pipe.fill()
        for _ in range(50):
            established(port).close()
        relay.wait_closed("finished", 50)
        pipe.read()
        established(port).close()
        out = pipe.wait_for("connection closed")
        assert "<4>log: lines dropped, as stderr was full count=50\n" in out, out
        assert relay.terminate() == 0


if __name__ == "__main__":
    cases.run(globals())
