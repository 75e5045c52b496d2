"""Limits at accept: per client, per client's rate, over all, and what RLIMIT_NOFILE leaves. Over a
limit a client is reset and counted; running out of descriptors never makes the relay spin."""

import contextlib
import os
import socket
import subprocess
import threading

import cases
import relay_process
from traffic import (INTERNAL_ERROR, Serving, alert, client_hello, connect, echo_after_hello,
                     read_exactly)

HELLO = client_hello()


@contextlib.contextmanager
def serving(limits, **arguments):
    with relay_process.RelayProcess(**arguments) as relay, \
            Serving(echo_after_hello(HELLO)) as target:
        relay.set({"revision": 1, "limits": limits, "routes": [
            {"pattern": "a.example.com", "target": target.address}]})
        yield relay, relay.port()


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


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_no_descriptor_left_neither_spins_nor_stays():
    with serving({}) as (relay, port):
        pid = relay.data_pid()
        first = established(port)
        used = len(os.listdir(f"/proc/{pid}/fd"))
        # From outside and behind its back: its own limits do not know.
        subprocess.run(["prlimit", f"--pid={pid}", f"--nofile={used}:"], check=True)
        waiting = [connect(port) for _ in range(20)]
        for client in waiting:
            client.sendall(HELLO + b"ping")
        relay.wait_for("accepting pauses")
        before = cpu_seconds(pid)
        threading.Event().wait(1.5)
        spent = cpu_seconds(pid) - before
        assert spent < 0.2, f"{spent} s of CPU in 1.5 s without a descriptor"
        first.sendall(b"alive")
        assert read_exactly(first, 5) == b"alive"
        subprocess.run(["prlimit", f"--pid={pid}", "--nofile=5000:"], check=True)
        # One descriptor may just have been left for a client, but none for its target.
        answers = [client.recv(7) for client in waiting]
        refused = answers.count(alert(INTERNAL_ERROR))
        assert answers.count(b"ping") + refused == 20 and refused <= 8, answers
        for client in waiting + [first]:
            client.close()
        closed = relay.wait_until("all ended", lambda s: s["active"] == 0)["closed"]
        assert closed["out_of_descriptors"] == refused, closed


def test_refusals_write_a_bounded_number_of_log_lines():
    with serving({"connections_per_client": 1}) as (relay, port):
        first = established(port)
        for _ in range(300):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
        relay.wait_closed("refused_over_client_limit", 300)
        relay.wait_for("refusals without a line of their own")
        lines = [line for line in relay.lines if "connection refused" in line]
        assert 1 <= len(lines) <= 80, len(lines)
        first.close()


if __name__ == "__main__":
    cases.run(globals())
