"""What the relay holds: an idle established connection at most 2 KiB of user memory, the hellos of strangers no more than
their budget, which ends at their deadline; after the push of a large table neither its message nor a second copy of it."""

import contextlib

import cases
import relay_control
import relay_process
from traffic import Serving, client_hello, connect, read_exactly, with_padding

HOSTS = 100_000
COUNT = 2000
LIMIT = 2048
PUSH_LIMIT = 30_000_000  # the bytes of the table are 16 MB, its index 4, everything else 5
MANY_LIMIT = 30_000_000  # nothing is left of the table before


def memory_bytes(pid, kind):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        for line in file:
            if line.startswith(kind + ":"):
                return int(line.split()[1]) * 1024
    raise AssertionError(f"no {kind}")


def private_bytes(pid):
    return memory_bytes(pid, "Private_Dirty")


def encoded_table():
    """HOSTS hosts, as revision 1."""
    http = {"action": "redirect", "port": 8080, "target": ("192.0.2.1", 80)}
    routes = [{"pattern": f"host{i}.example.com", "port": 8443, "target": ("192.0.2.1", 1001), "http": http}
              for i in range(HOSTS)]
    return relay_control.encode_table({"revision": 1, "routes": routes})


def pushed(relay, encoded, revision):
    """PSS of both processes after a push of the table with another target for each host."""
    encoded = encoded.replace(relay_control.number(1, 1), relay_control.number(1, revision), 1)
    encoded = encoded.replace(relay_control.number(2, 1001), relay_control.number(2, 1000 + revision))
    with relay.control() as control:
        reply = control.set(encoded, digest=revision)
        assert not reply["problems"] and not reply["warning"], reply
        assert control.stats()["revision"] == revision  # asked after all that the push leaves to do
    return sum(memory_bytes(pid, "Pss") for pid in (relay.process.pid, relay.data_pid()))


def test_an_idle_connection_costs_at_most_2_kib():
    if relay_process.IS_SANITIZED:
        raise cases.Skip("sanitizers keep memory of their own")
    hello = client_hello()

    def serve(connection):
        read_exactly(connection, len(hello))
        connection.sendall(b"ready")
        connection.recv(1)

    with relay_process.RelayProcess() as relay, Serving(serve) as target:
        relay.set({"revision": 1, "routes": [
            {"pattern": "a.example.com", "target": target.address}]})
        port, pid = relay.port(), relay.data_pid()

        def idle_connections(count):
            clients = []
            for _ in range(count):
                clients.append(connect(port))
                clients[-1].sendall(hello)
                assert read_exactly(clients[-1], 5) == b"ready"
            return clients

        for client in idle_connections(20):  # what is made once is made now
            client.close()
        relay.wait_closed("finished", 20)
        before = private_bytes(pid)
        clients = idle_connections(COUNT)
        per_connection = (private_bytes(pid) - before) / COUNT
        print(f"        {per_connection:.0f} bytes per idle connection")
        for client in clients:
            client.close()
        assert 0 < per_connection <= LIMIT, per_connection


# A hello may have 64 KiB, and its buffer a third more while it grows.
HELLO_BUDGET = 64 << 20
BEGUN = with_padding(client_hello(), 60_000)[:-1]


@contextlib.contextmanager
def strangers(hello_ms):
    """(relay, a function that begins `count` hellos with `start`, with one client address for each 100)."""
    with relay_process.RelayProcess() as relay, contextlib.ExitStack() as stack:
        relay.set({"revision": 1, "timeouts": {"hello": hello_ms},
                   "limits": {"connections": 8000, "connections_per_client": 100},
                   "routes": [{"pattern": "a.example.com", "target": ("127.0.0.1", 1)}]})
        port = relay.port()

        def begin(count, start):
            for number in range(count):
                client = stack.enter_context(connect(port, source=f"127.0.1.{1 + number // 100}"))
                with contextlib.suppress(ConnectionError):  # over the budget it is reset
                    client.sendall(start)

        yield relay, begin


def test_hellos_of_strangers_hold_no_more_than_their_budget():
    if relay_process.IS_SANITIZED:
        raise cases.Skip("sanitizers keep memory of their own")
    count = 1500
    assert count * len(BEGUN) > HELLO_BUDGET
    with strangers(hello_ms=600_000) as (relay, begin):
        if relay.stats()["effective_limits"]["connections"] // 2 <= count:
            raise cases.Skip("so few descriptors that the number of hellos is the bound")
        pid = relay.data_pid()
        before = private_bytes(pid)
        begin(count, BEGUN)
        stats = relay.wait_until("some are over it", lambda s: s["accepted"] == count and
                                 s["closed"].get("refused_over_hello_limit", 0) > 0)
        held = private_bytes(pid) - before
        print(f"        {stats['active']} hellos of {len(BEGUN)} bytes hold {held >> 10} KiB")
        # Who was refused gave its buffer back; besides the budget there are the connections.
        assert held < HELLO_BUDGET * 5 // 4, held
        assert stats["active"] > HELLO_BUDGET // 2 // (96 << 10), stats["active"]


def test_a_slow_hello_costs_little_and_ends_at_its_deadline():
    count = 2000
    with strangers(hello_ms=5000) as (relay, begin):
        pid = relay.data_pid()
        before = private_bytes(pid)
        begin(count, BEGUN[:1])
        relay.wait_until("all are there", lambda s: s["accepted"] == count)
        held = (private_bytes(pid) - before) / count
        print(f"        {held:.0f} bytes for each client that has said one byte")
        closed = relay.wait_closed("refused_hello_timeout", count, timeout=60)
        assert closed["active"] == 0, closed
        assert relay_process.IS_SANITIZED or held <= 6144, held


def test_a_push_of_100_000_hosts_leaves_its_table_once():
    if relay_process.IS_SANITIZED:
        raise cases.Skip("sanitizers keep memory of their own")
    encoded = encoded_table()
    with relay_process.RelayProcess() as relay:
        first = pushed(relay, encoded, 1)
        print(f"        {first / 1e6:.1f} MB after a push of {HOSTS} hosts")
        assert first <= PUSH_LIMIT, first
        later = [pushed(relay, encoded, revision) for revision in range(2, 12)]
        print("        then " + " ".join(f"{each / 1e6:.1f}" for each in later))
        assert max(later) <= MANY_LIMIT, later


if __name__ == "__main__":
    cases.run(globals())
