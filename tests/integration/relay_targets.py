"""Several targets for one route: fail-over in order, shares by weight, what connections and checks tell
of a target's health, and addresses to dial from. What needs a network of its own: relay_targets_box.py."""

import collections
import contextlib
import hashlib
import os
import select
import socket
import threading
import time

import cases
import relay_process
from traffic import (INTERNAL_ERROR, TIMEOUT, Listening, Serving, alert, client_hello, connect, echo, read_all,
                     read_exactly, tls_origin)

HELLO = client_hello()
DOWN = "target down"


def free_address():
    """Where nobody listens: the port stays bound, so that nobody else gets it."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    return holder


class Named(Serving):
    """Echoes, and counts its clients and where they came from."""

    def __init__(self):
        self.sources = collections.Counter()
        super().__init__(self.serve_one)

    def serve_one(self, connection):
        self.sources[connection.getpeername()[0]] += 1
        echo(connection)

    @property
    def clients(self):
        return self.sources.total()


def table(targets, revision=1, others=(), settings=None, **route):
    """One route to `targets`, as (ip, port[, weight]); without weights they are in order."""
    targets = [target if len(target) == 3 else (*target, 0) for target in targets]
    return {"revision": revision, **(settings or {}), "routes": [
        {"pattern": "a.example.com", "targets": targets, **route}, *others]}


def ask(port, data=b"and more"):
    """What comes back of a hello and `data` that follows at once."""
    with connect(port) as client:
        client.sendall(HELLO + data)
        client.shutdown(socket.SHUT_WR)
        return read_all(client)


def wait_for_health(relay, state, target, timeout=20):
    """Until `target` is in `state`; what is known of it then."""
    deadline = time.monotonic() + timeout * relay_process.SLOWNESS
    with relay.control() as control:
        while True:
            known = {each["target"]: each for each in control.health()}
            if known.get(target, {}).get("state") == state:
                return known[target]
            assert time.monotonic() < deadline, known
            threading.Event().wait(0.02)


def test_a_target_that_refuses_is_passed_over_and_no_byte_is_lost():
    data = os.urandom(300_000)
    with relay_process.RelayProcess() as relay, free_address() as dead, Named() as second, Named() as third:
        relay.set(table([dead.getsockname(), second.address, third.address]))
        port = relay.port()
        for _ in range(10):
            assert ask(port, data) == HELLO + data
        closed = relay.wait_closed("finished", 10)["closed"]
        assert closed["target_refused"] == 0, closed
        assert (second.clients, third.clients) == (10, 0)
        line = relay.wait_for("connection closed")
        assert f"target={second.address[0]}:{second.address[1]} " in line and "reason=finished" in line, line
        health = {each["target"]: each for each in relay.health()}
        assert health[dead.getsockname()]["state"] == "down", health
        assert health[dead.getsockname()]["last_error"] == "target_refused", health
        assert health[second.address]["state"] == "healthy" and health[second.address]["connect_us"] > 0, health
        assert health[third.address]["state"] == "untested", health
        assert any(DOWN in line for line in relay.lines)


def test_when_all_are_down_each_is_tried_and_the_client_is_told():
    with relay_process.RelayProcess() as relay, contextlib.ExitStack() as stack:
        dead = [stack.enter_context(free_address()) for _ in range(3)]
        relay.set(table([each.getsockname() for each in dead]))
        port = relay.port()
        for _ in range(5):  # all of them are down from the third on, and tried all the same
            assert ask(port) == alert(INTERNAL_ERROR)
        relay.wait_closed("target_refused", 5)
        failures = [each["failures"] for each in relay.health()]
        assert failures == [5, 5, 5], failures


def test_weights_are_shares_of_the_connections():
    with relay_process.RelayProcess() as relay, Named() as heavy, Named() as light, Named() as spare:
        relay.set(table([(*heavy.address, 3), (*light.address, 1), (*spare.address, 0)]))
        port = relay.port()
        for _ in range(1000):
            assert ask(port, b"") == HELLO
        assert spare.clients == 0 and heavy.clients + light.clients == 1000
        assert abs(light.clients - 250) <= 10, light.clients
        light.close()
        heavy.close()
        assert ask(port, b"") == HELLO and spare.clients == 1  # weight 0 takes over


def test_a_target_that_is_back_is_tried_by_one_connection_at_a_time():
    with relay_process.RelayProcess(workers=1) as relay, Named() as second:
        holder = free_address()
        first = holder.getsockname()
        relay.set(table([first, second.address]))
        port = relay.port()
        for _ in range(3):
            ask(port)
        assert wait_for_health(relay, "down", first)["failures"] == 3
        holder.listen(64)
        served = second.clients
        deadline = time.monotonic() + 20 * relay_process.SLOWNESS
        with holder:
            while time.monotonic() < deadline:  # the pause: nobody goes there
                with connect(port) as client:
                    client.sendall(HELLO)
                    ready, _, _ = select.select([client, holder], [], [], TIMEOUT)
                    if ready == [holder]:  # the one that tries it
                        holder.accept()[0].close()
                        break
                    assert read_exactly(client, len(HELLO)) == HELLO
            assert second.clients > served
            assert wait_for_health(relay, "healthy", first)["failures"] == 0
            relay.wait_for("target healthy again")


def test_pushes_of_tables_keep_health():
    with relay_process.RelayProcess() as relay, free_address() as dead, Named() as second:
        targets = [dead.getsockname(), second.address]
        relay.set(table(targets))
        for _ in range(4):
            ask(relay.port())
        before = wait_for_health(relay, "down", dead.getsockname())
        other = {"pattern": "b.example.com", "targets": [(*dead.getsockname(), 0), (*second.address, 0)]}
        for revision in range(2, 30):
            relay.set(table(targets[::-1], revision, [other], drain_ms=revision))
        health = relay.health()
        after = [each for each in health if each["target"] == dead.getsockname()]
        assert len(after) == 2 and all(each["state"] == "down" for each in after), health
        assert all(each["failures"] == before["failures"] for each in after), health
        assert after[0]["since_ms"] >= before["since_ms"], (before, after)


@contextlib.contextmanager
def checked(kind, first):
    """A relay with two targets, the first one `first`, checked by `kind`; (relay, second target)."""
    with relay_process.RelayProcess() as relay, tls_origin("second", "a.example.com") as second:
        relay.set(table([first, second.address], check=kind))
        yield relay, second


def test_a_check_takes_a_target_out_and_brings_it_back():
    with Listening() as first, checked("tcp", first.address) as (relay, second):
        for _ in range(2):
            first.accept().close()
        wait_for_health(relay, "healthy", first.address)
        wait_for_health(relay, "healthy", second.address)
        first.socket.close()
        started = time.monotonic()
        relay.wait_for(DOWN)
        assert time.monotonic() - started < 9 * relay_process.SLOWNESS
        assert wait_for_health(relay, "down", first.address)["last_error"] == "target_refused"
        with socket.create_server(first.address) as again:
            started = time.monotonic()
            again.settimeout(20)
            again.accept()[0].close()
            wait_for_health(relay, "healthy", first.address)
            assert time.monotonic() - started < 7 * relay_process.SLOWNESS


def test_a_tls_check_wants_an_answer_in_tls():
    def talk_something_else(connection):
        connection.recv(4096)
        connection.sendall(b"220 mail.example.com ESMTP\r\n")

    with Serving(talk_something_else) as first, checked("tls", first.address) as (relay, second):
        assert wait_for_health(relay, "down", first.address)["last_error"] == "no_tls_answer"
        assert wait_for_health(relay, "healthy", second.address)["failures"] == 0
        assert relay.stats()["closed"]["target_refused"] == 0
        with connect(relay.port()) as client:
            client.sendall(HELLO)
            assert read_exactly(client, 2) == b"\x16\x03"  # the second one's handshake
    with Listening() as silent, checked("tls", silent.address) as (relay, _):
        assert wait_for_health(relay, "down", silent.address)["last_error"] == "no_tls_answer"


def test_a_check_says_first_what_a_target_with_proxy_protocol_waits_for():
    local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"

    for version in ("v1", "v2"):
        with relay_process.RelayProcess() as relay, Listening() as target:
            relay.set({"revision": 1, "routes": [
                {"pattern": "a.example.com", "target": target.address, "check": "tls",
                 "proxy_protocol": version}]})
            with target.accept() as connection:
                if version == "v2":
                    assert read_exactly(connection, len(local)) == local
                else:
                    line = b"PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\n" % (
                        connection.getpeername()[1], target.address[1])
                    assert read_exactly(connection, len(line)) == line
                assert read_exactly(connection, 3) == b"\x16\x03\x01"
                connection.sendall(alert(80))
                wait_for_health(relay, "healthy", target.address)


def test_routes_to_the_same_target_share_its_check():
    with relay_process.RelayProcess() as relay, Listening() as target, Named() as other:
        relay.set({"revision": 1, "routes": [
            {"pattern": f"h{n}.example.com", "check": "tcp", "targets": [(*target.address, 0), (*other.address, 0)]}
            for n in range(50)]})
        moments = []
        for _ in range(3):  # at once, a second later, five seconds later
            target.accept().close()
            moments.append(time.monotonic())
        assert moments[1] - moments[0] > 0.8 and moments[2] - moments[1] > 4, moments
        assert other.clients <= 4, other.clients


def test_clients_lose_nothing_while_a_target_dies():
    """Whom the dying target's kernel had accepted for it and reset is counted as that; nobody else
    notices."""
    clients, outcomes, data = 500, [], os.urandom(40_000)
    want = hashlib.sha256(HELLO + data).digest()
    lock, some_are_served = threading.Lock(), threading.Event()

    def one(port):
        try:
            outcome = hashlib.sha256(ask(port, data)).digest() == want
        except TimeoutError:
            outcome = "timeout"
        except OSError:  # wherever it is noticed
            outcome = "reset"
        with lock:
            outcomes.append(outcome)
            if len(outcomes) == 50:
                some_are_served.set()

    with relay_process.RelayProcess() as relay, Named() as first, Named() as second:
        relay.set(table([first.address, second.address]))
        port = relay.port()
        threads = [threading.Thread(target=one, args=(port,)) for _ in range(clients)]
        for thread in threads[:100]:
            thread.start()
        assert some_are_served.wait(60)
        first.close()
        for thread in threads[100:]:
            thread.start()
        for thread in threads:
            thread.join(60)
        counts = collections.Counter(outcomes)
        closed = relay.wait_until("all are closed", lambda s: s["active"] == 0)["closed"]
        assert counts[True] + counts["reset"] == clients and second.clients >= clients - 100, (counts, closed)
        assert counts["reset"] == closed["target_reset"] and closed["finished"] == counts[True], (counts, closed)


def test_targets_of_sites_are_dialled_from_each_source_address_in_turn():
    with relay_process.RelayProcess(workers=1) as relay, Named() as target:
        settings = {"source_addresses": ["127.0.0.2", "127.0.0.3", "2001:db8::7", "192.0.2.99"]}
        relay.set(table([target.address], settings=settings, site="home"))
        for _ in range(25):
            assert ask(relay.port()) == HELLO + b"and more"
        # The fourth is of another family, the fifth is not ours: their turn is the next one's.
        assert set(target.sources) == {"127.0.0.1", "127.0.0.2", "127.0.0.3"}, target.sources
        assert min(target.sources.values()) >= 5, target.sources
        target.sources.clear()
        relay.set(table([target.address], 2, settings=settings, site="direct"))
        for _ in range(10):
            ask(relay.port())
        assert target.sources == {"127.0.0.1": 10}, target.sources


if __name__ == "__main__":
    cases.run(globals())
