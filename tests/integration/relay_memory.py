"""What an idle established connection costs in user memory: at most 2 KiB."""

import cases
import relay_process
from traffic import Serving, client_hello, connect, read_exactly

COUNT = 2000
LIMIT = 2048


def private_bytes(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        for line in file:
            if line.startswith("Private_Dirty:"):
                return int(line.split()[1]) * 1024
    raise AssertionError("no Private_Dirty")


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


if __name__ == "__main__":
    cases.run(globals())
