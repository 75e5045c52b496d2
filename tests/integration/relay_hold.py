"""A home that is away for a moment: its new clients wait instead of being refused, within bounds."""

import contextlib
import http.client
import random
import socket
import threading
import time

import cases
import relay_process
from relayed import HELLO
from traffic import (Listening, Serving, alert, client_hello, connect, echo, echo_after_hello, read_all,
                     read_exactly, reset)

INTERNAL_ERROR = 80


@contextlib.contextmanager
def holding(*down, target=None, **table):
    """(relay, control, target): a.example.com is of site home, b.example.com of site office."""
    with contextlib.ExitStack() as stack:
        relay = stack.enter_context(relay_process.RelayProcess())
        target = target or stack.enter_context(Listening())
        routes = [{"pattern": "a.example.com", "site": "home", "target": target.address},
                  {"pattern": "b.example.com", "site": "office", "target": target.address}]
        relay.set({"revision": 1, "routes": routes, **table})
        control = stack.enter_context(relay.control())
        control.sites_down(*down)
        yield relay, control, target


def held(control, count):
    """Waits until so many are held."""
    deadline = time.monotonic() + 20
    while True:
        live, _ = control.connections()
        if sum(each["state"] == "holding" for each in live) == count:
            return live
        assert time.monotonic() < deadline, live


def test_a_held_client_is_dialled_as_soon_as_its_site_is_up():
    with holding("home", "office") as (relay, control, target), connect(relay.port()) as client:
        client.sendall(HELLO + b"early")
        held(control, 1)
        assert control.stats()["sites_down"] == ["home", "office"]
        control.sites_down("home")  # another site: nothing happens
        assert held(control, 1)[0]["connect_us"] == 0
        control.sites_down()
        with target.accept() as connection:
            assert read_exactly(connection, len(HELLO) + 5) == HELLO + b"early"
            connection.sendall(b"hello")
            assert read_exactly(client, 5) == b"hello"
        assert control.stats()["sites_down"] == []


def test_other_sites_and_what_is_relayed_already_live_on():
    with holding() as (relay, control, target), connect(relay.port()) as client:
        client.sendall(HELLO)
        with target.accept() as connection:
            assert read_exactly(connection, len(HELLO)) == HELLO
            control.sites_down("home")
            client.sendall(b"still here")
            assert read_exactly(connection, 10) == b"still here"
            other = client_hello("b.example.com")
            with connect(relay.port()) as second:
                second.sendall(other)
                with target.accept() as of_office:
                    assert read_exactly(of_office, len(other)) == other


def test_after_the_hold_time_the_client_is_refused():
    with holding("home", timeouts={"hold": 150}) as (relay, control, _), connect(relay.port()) as client:
        client.sendall(HELLO)
        assert read_all(client) == alert(INTERNAL_ERROR)
        assert relay.wait_closed("site_down")["active"] == 0


def test_plain_http_is_held_too():
    def page(connection):
        while b"\r\n\r\n" not in connection.recv(65536):
            pass
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")

    with Serving(page) as target:
        route = {"pattern": "a.example.com", "site": "home", "target": target.address,
                 "http": {"action": "forward", "target": target.address}}
        with holding("home", target=target, routes=[route]) as (relay, control, _):
            ports = {each["protocol"]: each["bound_port"] for each in control.stats()["listeners"]}
            client = http.client.HTTPConnection("127.0.0.1", ports["http"], timeout=20)
            client.request("GET", "/", headers={"Host": "a.example.com"})
            held(control, 1)
            control.sites_down()
            assert client.getresponse().read() == b"ok"
            client.close()
            control.sites_down("home")
            relay.set({"revision": 2, "routes": [route], "timeouts": {"hold": 100}})
            client.request("GET", "/", headers={"Host": "a.example.com"})
            assert client.getresponse().status == 502
            client.close()


def test_clients_that_give_up_are_not_dialled_for():
    with holding("home") as (relay, control, target):
        leaving, gone = connect(relay.port()), connect(relay.port())
        for client in (leaving, gone):
            client.sendall(HELLO)
        held(control, 2)
        leaving.close()
        reset(gone)
        relay.wait_closed("client_left_while_connecting", 2)
        control.sites_down()
        with connect(relay.port()) as client:
            client.sendall(HELLO + b"!")
            with target.accept() as connection:  # the first that comes is the third client's
                assert read_exactly(connection, len(HELLO) + 1).endswith(b"!")


def test_no_more_than_the_bound_are_held_and_the_others_are_told_at_once():
    bound = 1024
    with Serving(echo_after_hello(HELLO)) as target, \
            holding("home", target=target) as (relay, control, _), contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(relay.port())) for _ in range(bound + 20)]
        for client in clients:
            client.sendall(HELLO)
        relay.wait_closed("refused_over_hold_limit", 20, timeout=30)
        held_count = relay.wait_until("the rest is held", lambda s: s["active"] >= bound)["active"]
        control.sites_down()
        served = 0
        for client in clients:
            client.sendall(b"!")
            with contextlib.suppress(OSError):
                served += client.recv(1) == b"!"
        assert served == bound, (served, held_count)


def test_what_is_held_loses_no_byte_when_many_come_back_at_once():
    data = random.Random(5).randbytes(200_000)
    with Serving(echo) as target, holding("home", target=target) as (relay, control, _):
        results, port = [], relay.port()

        def visit():
            with connect(port) as client:
                sender = threading.Thread(target=lambda: (client.sendall(HELLO + data),
                                                          client.shutdown(socket.SHUT_WR)))
                sender.start()
                results.append(read_all(client) == HELLO + data)
                sender.join()

        visitors = [threading.Thread(target=visit) for _ in range(50)]
        for visitor in visitors:
            visitor.start()
        held(control, 50)
        control.sites_down()
        for visitor in visitors:
            visitor.join()
        assert results == [True] * 50, results


def test_a_route_that_is_removed_ends_what_is_held_for_it():
    with holding("home") as (relay, control, _), connect(relay.port()) as client:
        client.sendall(HELLO)
        held(control, 1)
        relay.set({"revision": 2, "routes": [
            {"pattern": "c.example.com", "target": ("127.0.0.1", 1)}]})
        relay.wait_closed("route_removed", timeout=20)


if __name__ == "__main__":
    cases.run(globals())
