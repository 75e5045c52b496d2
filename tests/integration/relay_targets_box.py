"""Targets in a network of their own (tests/support/box.sh): ones that swallow everything, and so few
ports to dial from that they run out."""

import contextlib
import os
import shutil
import socket
import subprocess
import time

import cases
import relay_process
from relay_targets import HELLO, Named, ask, table, wait_for_health
from traffic import INTERNAL_ERROR, TIMEOUT, alert, connect, read_all, read_exactly

PORTS = 20  # of each source address for a target
HOLE = 9    # a port of the box that swallows everything


def black_holes(count):
    """Targets that never answer."""
    nft = shutil.which("nft", path=os.environ["PATH"] + ":/usr/sbin")
    if not nft:
        raise cases.Skip("no nft")
    rules = f"""table inet hole {{
      chain in {{ type filter hook input priority 0; tcp dport {HOLE} drop; }}
    }}"""
    subprocess.run([nft, "-f", "-"], input=rules.encode(), check=True)
    return [(f"127.0.0.{9 + n}", HOLE) for n in range(count)]


def test_a_target_that_swallows_everything_is_passed_over_within_the_deadline():
    (hole,) = black_holes(1)
    with relay_process.RelayProcess(workers=1) as relay, Named() as second:
        relay.set(table([hole, second.address], settings={"timeouts": {"connect": 2000}}))
        for _ in range(3):  # each waits for half of the time
            started = time.monotonic()
            assert ask(relay.port()) == HELLO + b"and more"
            took = time.monotonic() - started
            assert 0.9 < took < 2, took
        assert wait_for_health(relay, "down", hole)["last_error"] == "target_timeout"
        started = time.monotonic()
        assert ask(relay.port()) == HELLO + b"and more"  # within the pause of a second
        assert time.monotonic() - started < 0.9
        assert relay.stats()["closed"]["target_timeout"] == 0


def test_when_nobody_answers_the_client_is_told_within_the_deadline():
    holes = black_holes(3)
    with relay_process.RelayProcess() as relay:
        relay.set(table(holes, settings={"timeouts": {"connect": 1500}}))
        started = time.monotonic()
        assert ask(relay.port()) == alert(INTERNAL_ERROR)
        took = time.monotonic() - started
        assert 1.4 < took < 3, took
        relay.wait_closed("target_timeout")
        assert [each["failures"] for each in relay.health()] == [1, 1, 1]


class Clients:
    """Clients of a relay that keep their connections; their ports are not of the small range."""

    def __init__(self, port):
        self.port = port
        self.source = 50_000
        self.open = []

    def come(self):
        """True if the target answers, False if the relay says that it cannot be reached."""
        self.source += 1
        client = socket.create_connection(("127.0.0.1", self.port), TIMEOUT, ("127.0.0.1", self.source))
        client.sendall(HELLO)
        first = read_exactly(client, 7)
        if first == alert(INTERNAL_ERROR):
            assert read_all(client) == b""
            client.close()
            return False
        assert first + read_exactly(client, len(HELLO) - 7) == HELLO
        self.open.append(client)
        return True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for client in self.open:
            client.close()


@contextlib.contextmanager
def few_ports(sources, **route):
    """(relay, its clients, the target) where each source address has PORTS ports."""
    with relay_process.RelayProcess(workers=1) as relay, Named() as target:
        relay.set(table([target.address], settings={"source_addresses": sources}, site="home", **route))
        with Clients(relay.port()) as clients:
            with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as file:
                file.write(f"40000 {40000 + PORTS - 1}")
            yield relay, clients, target


def test_further_source_addresses_carry_more_connections_than_one_has_ports():
    sources = ["127.0.0.2", "127.0.0.3"]
    with few_ports(sources) as (relay, clients, target):
        for _ in range(PORTS * (1 + len(sources))):
            assert clients.come(), target.sources
        assert target.sources == {address: PORTS for address in ["127.0.0.1", *sources]}, target.sources
        assert relay.stats()["closed"]["out_of_ports"] == 0


def test_clients_beyond_the_last_port_are_refused_and_cost_nothing():
    with few_ports(["127.0.0.2"], check="none") as (relay, clients, _):
        for _ in range(2 * PORTS):
            assert clients.come()
        assert not clients.come()
        pid = relay.data_pid()
        before, started = relay_process.cpu_seconds(pid), time.monotonic()
        for _ in range(500):
            assert not clients.come()
        used = relay_process.cpu_seconds(pid) - before
        assert used < 0.5 * relay_process.SLOWNESS, (used, time.monotonic() - started)
        closed = relay.wait_closed("out_of_ports", 501)["closed"]
        assert closed["target_unreachable"] == 0, closed
        assert relay.stats()["active"] == 2 * PORTS
        clients.open.pop().close()
        deadline = time.monotonic() + 10 * relay_process.SLOWNESS
        while not clients.come():  # a port that was free a moment ago is used again
            assert time.monotonic() < deadline, "a freed port is not used again"


def test_another_target_has_ports_of_its_own():
    with Named() as second, few_ports([]) as (relay, clients, target):
        relay.set(table([target.address, second.address], 2, site="home"))
        for _ in range(2 * PORTS):
            assert clients.come()
        assert (target.clients, second.clients) == (PORTS, PORTS)
        health = {each["target"]: each["failures"] for each in relay.health()}
        assert health[target.address] == 0, health  # it is not the target's fault
        assert not clients.come()


def test_source_addresses_of_ipv6():
    for address in ("2001:db8::1", "2001:db8::2", "2001:db8::3"):
        subprocess.run(["ip", "address", "add", f"{address}/128", "dev", "lo"], check=True)
    with relay_process.RelayProcess(workers=1) as relay, \
            socket.create_server(("2001:db8::1", 0), family=socket.AF_INET6, backlog=64) as target:
        target.settimeout(TIMEOUT)
        relay.set(table([target.getsockname()[:2]], site="home", settings={
            "source_addresses": ["2001:db8::2", "2001:db8::3", "127.0.0.2"]}))
        seen = set()
        for _ in range(8):
            with connect(relay.port()) as client:
                client.sendall(HELLO)
                with target.accept()[0] as connection:
                    assert read_exactly(connection, len(HELLO)) == HELLO
                    seen.add(connection.getpeername()[0])
        assert {"2001:db8::2", "2001:db8::3"} <= seen, seen


if __name__ == "__main__":
    cases.run(globals())
