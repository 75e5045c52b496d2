"""Raw TCP ports: any protocol, also one in which the server speaks first; opened and closed live."""

import contextlib
import os
import random
import signal
import socket
import threading
import time

import cases
import relay_control
import relay_process
from relayed import HELLO
from traffic import Listening, Serving, connect, echo, read_all, read_exactly, reset


def raw(target, port=0, name="port/game", **more):
    return {"name": name, "pattern": "*", "port": port, "protocol": "raw", "target": target, **more}


def free_port():
    """Nobody's at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


@contextlib.contextmanager
def relayed_raw(**table):
    """(relay, client, target connection) of a raw port on which nobody has spoken."""
    with relay_process.RelayProcess() as relay, Listening() as target:
        relay.set({"revision": 1, "routes": [raw(target.address)], **table})
        with connect(relay.port()) as client, target.accept() as connection:
            yield relay, client, connection


def test_the_server_may_speak_first():
    with relayed_raw() as (relay, client, target):
        target.sendall(b"220 mail.example.com ESMTP\r\n")
        assert read_exactly(client, 28) == b"220 mail.example.com ESMTP\r\n"
        client.sendall(b"QUIT\r\n")
        client.shutdown(socket.SHUT_WR)
        assert read_all(target) == b"QUIT\r\n"
        target.sendall(b"221 bye\r\n")
        target.close()
        assert read_all(client) == b"221 bye\r\n"
        assert relay.wait_closed("finished")["routes"]["port/game"]["connections"] == 1


def test_the_server_need_not_wait_for_the_handshake_to_end():
    """An ACK that waits for our first bytes would keep it from speaking for 200 ms."""
    def greet(connection):
        connection.sendall(b"220")
        connection.recv(1)

    took = []
    with relay_process.RelayProcess() as relay, Serving(greet) as target:
        relay.set({"revision": 1, "routes": [raw(target.address)]})
        port = relay.port()
        for _ in range(5):
            start = time.monotonic()
            with connect(port) as client:
                assert read_exactly(client, 3) == b"220"
            took.append(time.monotonic() - start)
    assert min(took) < 0.1, took


def test_bytes_of_any_kind_pass_unchanged_in_both_directions():
    data = random.Random(3).randbytes(4 << 20)
    with relay_process.RelayProcess() as relay, Serving(echo) as target:
        relay.set({"revision": 1, "routes": [raw(target.address)]})
        for first in (b"\x00", HELLO, b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff"):
            with connect(relay.port()) as client:
                sender = threading.Thread(target=lambda: (client.sendall(first + data),
                                                          client.shutdown(socket.SHUT_WR)))
                sender.start()
                assert read_all(client) == first + data
                sender.join()
        relay.wait_closed("finished", 4)


def test_nothing_waits_for_the_hello_timeout():
    with relayed_raw(timeouts={"hello": 200}) as (relay, client, target):
        threading.Event().wait(0.6)
        assert relay.stats()["active"] == 1
        client.sendall(b"late")
        assert read_exactly(target, 4) == b"late"


def test_resets_pass_in_both_directions():
    for who in ("client", "target"):
        with relayed_raw() as (relay, client, target):
            target.sendall(b"!")
            assert read_exactly(client, 1) == b"!"  # else the relay may still be connecting
            leaving, staying = (client, target) if who == "client" else (target, client)
            reset(leaving)
            with contextlib.suppress(ConnectionResetError):
                assert read_all(staying) is None, "a FIN where a reset was due"
            relay.wait_closed(f"{who}_reset")


def test_a_target_that_refuses_is_a_reset_to_the_client():
    with relay_process.RelayProcess() as relay:
        relay.set({"revision": 1, "routes": [raw(("127.0.0.1", free_port()))]})
        with contextlib.suppress(ConnectionResetError), connect(relay.port()) as client:
            assert read_all(client) is None, "a FIN where a reset was due"
        assert relay.wait_closed("target_refused")["active"] == 0


def test_ports_are_opened_and_closed_live_and_leave_the_others_alone():
    with relay_process.RelayProcess() as relay, Serving(echo) as target:
        relay.set({"revision": 1, "routes": [raw(target.address)]})
        first = relay.port()
        with connect(first) as client:
            client.sendall(b"a")
            assert read_exactly(client, 1) == b"a"
            ports = [free_port() for _ in range(3)]
            more = [raw(target.address, port, f"port/{port}") for port in ports]
            relay.set({"revision": 2, "routes": [raw(target.address), *more]})
            for port in ports:
                with connect(port) as other:
                    other.sendall(b"b")
                    assert read_exactly(other, 1) == b"b"
            relay.set({"revision": 3, "routes": [raw(target.address)]})
            for port in ports:
                with contextlib.suppress(ConnectionRefusedError):
                    connect(port)
                    raise AssertionError(f"port {port} is still open")
            client.sendall(b"c")
            assert read_exactly(client, 1) == b"c"
            assert relay.port() == first


def test_clients_in_the_queue_of_a_port_that_is_removed_are_served():
    with relay_process.RelayProcess(workers=1) as relay, Serving(echo) as target:
        relay.set({"revision": 1, "routes": [raw(target.address, drain_ms=60_000)]})
        port = relay.port()
        with contextlib.ExitStack() as stack:
            pid = relay.data_pid()
            control = stack.enter_context(relay.control())
            os.kill(pid, signal.SIGSTOP)
            try:
                clients = [stack.enter_context(connect(port)) for _ in range(20)]
                body = relay_control.encode_table({"revision": 2, "routes": []})
                control.send(relay_control.SET, relay_control.field(1, body))
            finally:
                os.kill(pid, signal.SIGCONT)
            control.receive()
            for client in clients:
                client.sendall(b"queued")
                assert read_exactly(client, 6) == b"queued"


def test_connections_of_a_removed_port_end_after_its_drain():
    with relay_process.RelayProcess() as relay, Serving(echo) as target:
        relay.set({"revision": 1, "routes": [raw(target.address, drain_ms=50)]})
        with connect(relay.port()) as client:
            client.sendall(b"a")
            assert read_exactly(client, 1) == b"a"
            relay.set({"revision": 2, "routes": []})
            assert read_all(client) == b""
        relay.wait_closed("route_removed")


def test_a_port_of_two_protocols_is_refused():
    with relay_process.RelayProcess() as relay, relay.control() as control:
        tls = {"pattern": "a.example.com", "port": 8443, "target": ("127.0.0.1", 1)}
        problems = control.check({"revision": 1, "routes": [tls, raw(("127.0.0.1", 1), 8443)]})
        assert problems == ["port 8443: routes for TLS and for a raw port"], problems
        named = {**raw(("127.0.0.1", 1)), "pattern": "a.example.com"}
        (problem,) = control.check({"revision": 1, "routes": [named]})
        assert problem.endswith("a raw port has neither names nor plain HTTP"), problem


def test_a_balancer_may_stand_in_front_and_the_target_may_be_told():
    with relay_process.RelayProcess() as relay, Listening() as target:
        relay.set({"revision": 1, "accept_proxy": ["127.0.0.0/8"],
                   "routes": [raw(target.address, proxy_protocol="v1")]})
        line = b"PROXY TCP4 192.0.2.7 203.0.113.1 40000 25565\r\n"
        for more in (b"", b"with it"):
            with connect(relay.port()) as client:
                client.sendall(line + more)
                with target.accept() as connection:
                    assert read_exactly(connection, len(line) + len(more)) == line + more
                    connection.sendall(b"hello")
                    assert read_exactly(client, 5) == b"hello"
        with connect(relay.port()) as client:
            client.sendall(b"no header at all")
            with contextlib.suppress(ConnectionResetError):
                assert read_all(client) == b""
        relay.wait_closed("refused_no_proxy_header")


def test_access_and_limits_hold_for_raw_ports_too():
    with relay_process.RelayProcess() as relay, Serving(echo) as target:
        relay.set({"revision": 1, "routes": [
            raw(target.address, access={"deny": ["127.0.0.0/8"]})]})
        with contextlib.suppress(ConnectionResetError), connect(relay.port()) as client:
            assert read_all(client) is None, "a FIN where a reset was due"
        relay.wait_closed("refused_access_denied")
        relay.set({"revision": 2, "routes": [raw(target.address, limits={"connections": 1})]})
        with connect(relay.port()) as client:
            client.sendall(b"a")
            assert read_exactly(client, 1) == b"a"
            with contextlib.suppress(ConnectionResetError), connect(relay.port()) as other:
                assert read_all(other) is None, "a FIN where a reset was due"
        relay.wait_closed("refused_over_route_limit")


def test_a_raw_port_survives_a_reload_and_a_crash():
    with relay_process.RelayProcess() as relay, Serving(echo) as target:
        relay.set({"revision": 1, "routes": [raw(target.address)]})
        port = relay.port()
        old = relay.data_pid()
        os.kill(old, signal.SIGKILL)
        with connect(port) as client:
            client.sendall(b"after a crash")
            assert read_exactly(client, 13) == b"after a crash"
        before = relay.data_pid()
        relay.process.send_signal(signal.SIGHUP)
        relay.wait_for("a successor serves")
        with connect(port) as client:
            client.sendall(b"after a reload")
            assert read_exactly(client, 14) == b"after a reload"
        assert len({old, before, relay.data_pid()}) == 3


if __name__ == "__main__":
    cases.run(globals())
