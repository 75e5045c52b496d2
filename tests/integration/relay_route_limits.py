"""Limits of one route: connections, connections and new connections per second of one client. What is
over a limit gets an answer, is counted, and costs the route's other clients nothing."""

import contextlib

import cases
import relay_process
from traffic import ACCESS_DENIED, Serving, alert, client_hello, connect, echo, read_all, read_exactly

HELLO = {name: client_hello(f"{name}.example.com") for name in "ab"}


@contextlib.contextmanager
def serving(limits, workers=2):
    """(relay, update): a.example.com has `limits`, b.example.com none; update(limits) changes them."""
    with relay_process.RelayProcess(workers=workers) as relay, Serving(echo) as target:
        revisions = iter(range(1, 1000))

        def update(new, names="ab"):
            routes = {name: {"pattern": f"{name}.example.com", "target": target.address}
                      for name in names}
            if "a" in routes:
                routes["a"]["limits"] = new
            relay.set({"revision": next(revisions), "routes": list(routes.values())})

        update(limits)
        yield relay, update


def established(relay, name="a", source="127.0.0.1"):
    client = connect(relay.port(), source=source)
    client.sendall(HELLO[name])
    got = client.recv(7)
    if got == alert(ACCESS_DENIED):
        client.close()
        return None
    rest = len(HELLO[name]) - len(got)
    assert got + read_exactly(client, rest) == HELLO[name]
    return client


def close_all(clients):
    for client in clients:
        client.close()


def test_connections_of_a_route():
    with serving({"connections": 3}) as (relay, _):
        clients = [established(relay, source=f"127.0.0.{i + 1}") for i in range(3)]
        assert all(clients) and established(relay, source="127.0.0.9") is None
        clients.append(established(relay, "b"))
        relay.wait_closed("refused_over_route_limit")
        route = relay.stats()["routes"]["host/a.example.com"]
        assert (route["active"], route["connections"]) == (3, 3), route
        clients.pop(0).close()
        relay.wait_closed("finished")
        clients.append(established(relay))
        assert all(clients)
        close_all(clients)


def test_connections_of_a_client_to_a_route_count_over_all_workers():
    with serving({"connections_per_client": 4}, workers=4) as (relay, _):
        clients = [established(relay) for _ in range(12)]
        assert sum(client is not None for client in clients) == 4
        relay.wait_closed("refused_over_route_client_limit", 8)
        others = [established(relay, source="127.0.0.2"), established(relay, "b")]
        assert all(others)
        kept = [client for client in clients if client]
        kept.pop().close()
        relay.wait_closed("finished")
        kept.append(established(relay))
        assert all(kept)
        close_all(kept + others)


def test_new_connections_per_second_of_a_client_to_a_route():
    with serving({"rate_per_client": 5}) as (relay, _):
        clients = [established(relay) for _ in range(20)]
        served = sum(client is not None for client in clients)
        assert 5 <= served <= 9, served
        relay.wait_closed("refused_over_route_client_rate", 20 - served)
        others = [established(relay, "b"), established(relay, source="127.0.0.2")]
        assert all(others)
        close_all([client for client in clients if client] + others)


def test_limits_survive_pushes_and_change_live():
    with serving({"connections_per_client": 2}) as (relay, update):
        clients = [established(relay), established(relay)]
        update({"connections_per_client": 2, "connections": 100})
        assert established(relay) is None  # those of before the push count
        update({"connections_per_client": 3})
        clients.append(established(relay))
        assert all(clients) and established(relay) is None
        update({"connections_per_client": 1})
        for client in clients:  # what is open goes on
            client.sendall(b"alive")
            assert read_exactly(client, 5) == b"alive"
        update({})
        clients.append(established(relay))
        assert clients[-1]
        close_all(clients)
        relay.wait_until("all ended", lambda s: s["active"] == 0)
        update({"connections_per_client": 1})
        clients = [established(relay)]
        assert clients[0] and established(relay) is None
        close_all(clients)


def test_a_route_that_comes_back_while_it_drains_counts_on():
    with serving({"connections": 1, "connections_per_client": 1}) as (relay, update):
        client = established(relay)
        update({}, names="b")
        update({"connections": 1})
        assert established(relay) is None
        update({"connections_per_client": 1})
        assert established(relay) is None
        client.close()
        relay.wait_closed("finished")
        client = established(relay)
        assert client
        client.close()


def test_over_a_limit_over_http():
    def quiet(connection):
        while connection.recv(65536):
            pass

    with relay_process.RelayProcess() as relay, Serving(quiet) as target:
        def update(revision, limits):
            relay.set({"revision": revision, "routes": [
                {"pattern": "a.example.com", "target": target.address, "limits": limits,
                 "http": {"action": "forward", "target": target.address}}]})

        def ask():
            client = connect(port)
            client.sendall(b"GET / HTTP/1.1\r\nHost: a.example.com\r\n\r\n")
            return client

        update(1, {"connections": 1})
        port = [each["bound_port"] for each in relay.stats()["listeners"]
                if each["protocol"] == "http"][0]
        first = ask()
        relay.wait_until("one is relayed", lambda s: s["bytes_to_target"] > 0)
        assert read_all(ask()).startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        first.close()
        relay.wait_closed("finished")
        update(2, {"connections_per_client": 1})
        with ask():
            relay.wait_until("one is relayed", lambda s: s["routes"]["host/a.example.com"]["active"] == 1)
            assert read_all(ask()).startswith(b"HTTP/1.1 429 Too Many Requests\r\n")


if __name__ == "__main__":
    cases.run(globals())
