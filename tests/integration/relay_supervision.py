"""The two processes: a killed data process comes back and the listeners outlive it, SIGTERM ends
everything, removed routes end only their own connections, listeners change live."""

import ctypes
import os
import signal
import socket
import threading
import time

import cases
import relay_process
from traffic import (Listening, Serving, client_hello, connect, echo_after_hello, read_all,
                     read_exactly)

HELLO = client_hello()


def established(port, hello=HELLO):
    client = connect(port)
    client.sendall(hello + b"ping")
    assert read_exactly(client, 4) == b"ping"
    return client


def assert_alive(client):
    client.sendall(b"still here")
    assert read_exactly(client, 10) == b"still here"


def kill_data_process(relay):
    pid = relay.data_pid()
    os.kill(pid, signal.SIGKILL)
    return pid


def stop(pid):
    """SIGSTOP; returns when every thread has stopped."""
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + 10
    for task in os.listdir(f"/proc/{pid}/task"):
        while True:
            with open(f"/proc/{pid}/task/{task}/stat") as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "T":
                    break
            assert time.monotonic() < deadline, "it does not stop"


def recovery_seconds(relay, port):
    """From kill -9 of the data process to a new connection that was served to its target."""
    killed = kill_data_process(relay)
    start = time.monotonic()
    established(port).close()
    elapsed = time.monotonic() - start
    assert relay.data_pid() != killed
    return elapsed


def test_a_killed_data_process_is_back_at_once_with_its_listeners():
    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(HELLO)) as target:
        relay.set({"revision": 3, "routes": [
            {"pattern": "a.example.com", "target": target.address}]})
        port = relay.port()
        times = [recovery_seconds(relay, port) for _ in range(5)]
        assert relay.port() == port and relay.stats()["revision"] == 3
        # How fast is for tests/bench/restart_bench.py; here it must not wait for anything.
        assert min(times) < 0.5 * relay_process.SLOWNESS, times


def catches(pid, number):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1], 16) for line in status if line.startswith("SigCgt:")) >> (number - 1) & 1


def test_a_failed_assertion_is_said_and_costs_a_moment():
    binary = os.path.join(relay_process.BUILD, "tests", "integration", "relay_that_can_fail")
    with relay_process.RelayProcess(binary=binary) as relay, Serving(echo_after_hello(HELLO)) as target:
        relay.set({"revision": 3, "routes": [{"pattern": "a.example.com", "target": target.address}]})
        port, times = relay.port(), []
        for _ in range(5):
            pid = relay.data_pid()
            assert catches(pid, signal.SIGUSR2)
            handle, start = os.pidfd_open(pid), time.monotonic()
            os.kill(pid, signal.SIGUSR2)
            assert wait_for_end(handle, 10 * relay_process.SLOWNESS)
            established(port).close()
            times.append(time.monotonic() - start)
            assert relay.data_pid() != pid
            relay.wait_for("Assertion")
        print(f"        from the assertion to a served connection: {1000 * min(times):.0f} to {1000 * max(times):.0f} ms")
        assert min(times) < 0.5 * relay_process.SLOWNESS, times
        relay.lines[:] = [line for line in relay.lines if "Assertion" not in line]  # they were asked for


def test_the_shipped_program_has_no_way_to_fail_on_purpose():
    with relay_process.RelayProcess() as relay:
        assert not catches(relay.data_pid(), signal.SIGUSR2) and not catches(relay.process.pid, signal.SIGUSR2)


def test_clients_queued_while_no_data_process_runs_are_served():
    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(HELLO)) as target:
        relay.set({"revision": 1, "routes": [
            {"pattern": "a.example.com", "target": target.address}]})
        port = relay.port()
        pid = relay.data_pid()
        stop(pid)  # accepts no more
        clients = [connect(port) for _ in range(30)]
        for client in clients:
            client.sendall(HELLO + b"ping")
        os.kill(pid, signal.SIGKILL)
        for client in clients:
            assert read_exactly(client, 4) == b"ping"
            client.close()


def test_a_data_process_that_is_killed_again_and_again_always_comes_back():
    with relay_process.RelayProcess() as relay:
        start = time.monotonic()
        for _ in range(3):
            kill_data_process(relay)
            relay.wait_for("data process ended")
            relay.wait_for("adit-relay: ready")
        assert time.monotonic() - start < 5 * relay_process.SLOWNESS
        assert relay.process.poll() is None


def test_the_data_process_ends_with_its_supervisor():
    with relay_process.RelayProcess() as relay:
        pid = relay.data_pid()
        handle = os.pidfd_open(pid)
        relay.process.kill()
        relay.process.wait()
        assert wait_for_end(handle, 5), "the data process outlived its supervisor"


def wait_for_end(pidfd, seconds):
    import select
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    ended = bool(poller.poll(seconds * 1000))
    os.close(pidfd)
    return ended


def test_sigterm_ends_both_at_once_with_live_connections():
    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(HELLO)) as target:
        relay.set({"revision": 1, "routes": [
            {"pattern": "a.example.com", "target": target.address}]})
        clients = [established(relay.port()) for _ in range(50)]
        handle = os.pidfd_open(relay.data_pid())
        start = time.monotonic()
        assert relay.terminate() == 0
        assert time.monotonic() - start < 5 * relay_process.SLOWNESS
        assert wait_for_end(handle, 0)
        assert not os.path.exists(relay.control_path)
        for client in clients:
            try:
                assert client.recv(1) == b""
            except ConnectionResetError:
                pass
            client.close()
        assert sum("reason=shutdown" in line for line in relay.lines) == 50


def test_a_socket_of_somebody_else_at_its_path_is_left_alone():
    with relay_process.RelayProcess() as relay, socket.socket(socket.AF_UNIX) as other:
        os.unlink(relay.control_path)
        other.bind(relay.control_path)
        assert relay.terminate() == 0
        assert os.path.exists(relay.control_path)
        os.unlink(relay.control_path)


def test_a_sighup_after_sigterm_changes_nothing():
    with relay_process.RelayProcess() as relay:
        data = relay.data_pid()
        stop(data)  # it ends only when it is killed, a while after the SIGTERM
        relay.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + 5 * relay_process.SLOWNESS
        while relay.process.poll() is None:
            assert time.monotonic() < end, "it began anew"
            relay.process.send_signal(signal.SIGHUP)
            time.sleep(0.02)
        assert relay.process.returncode == 0
        assert not any("reload" in line for line in relay.lines), relay.lines


def test_a_data_process_that_hangs_at_its_start_is_replaced():
    with relay_process.RelayProcess() as relay:
        relay.terminate()
        cache = os.path.join(relay.state_dir, "table.cache")
        os.mkfifo(cache)  # whoever reads it waits
        with relay_process.RelayProcess(folder=relay.folder, wait=False) as again:
            again.wait_for("not ready in time", timeout=30)
            os.unlink(cache)
            again.wait_for("adit-relay: ready")
            assert again.stats()["revision"] == 0


def copy_of_link(pid):
    """The data process's end of the link to its supervisor."""
    pidfd_getfd = 438
    handle = os.pidfd_open(pid)
    fd = ctypes.CDLL(None, use_errno=True).syscall(pidfd_getfd, handle, 3, 0)
    os.close(handle)
    if fd < 0:
        raise cases.Skip(f"cannot copy a descriptor: {os.strerror(ctypes.get_errno())}")
    return socket.socket(fileno=fd)


def test_a_data_process_that_has_left_and_does_not_end_is_replaced():
    with relay_process.RelayProcess(sandbox=False) as relay:
        pid = relay.data_pid()
        with copy_of_link(pid) as link:
            stop(pid)  # deaf to SIGTERM
            link.shutdown(socket.SHUT_RDWR)
        relay.wait_for(f"not gone in time, killing it pid={pid}", timeout=30)
        relay.wait_for("adit-relay: ready")
        assert relay.data_pid() != pid


def test_readiness_and_watchdog_are_told_to_systemd():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        path = f"\0adit-test-{os.getpid()}-{time.monotonic_ns()}"
        notify.bind(path)
        notify.settimeout(10 * relay_process.SLOWNESS)
        environment = {"NOTIFY_SOCKET": "@" + path[1:], "WATCHDOG_USEC": "200000"}
        with relay_process.RelayProcess(environment=environment) as relay:
            assert notify.recv(100) == b"READY=1"
            assert notify.recv(100) == b"WATCHDOG=1"
            assert notify.recv(100) == b"WATCHDOG=1"
            stop(relay.data_pid())
            # One answer may still be under way.
            notify.settimeout(1)
            silent = False
            for _ in range(3):
                try:
                    notify.recv(100)
                except TimeoutError:
                    silent = True
                    break
            assert silent, "the watchdog is fed although the data process hangs"


def two_routes(first, second, **changes):
    return [{"name": "host/a", "pattern": "a.example.com", "target": first, **changes},
            {"name": "host/b", "pattern": "b.example.com", "target": second}]


def test_a_removed_route_ends_its_own_connections_after_its_drain():
    hello_b = client_hello("b.example.com")
    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(HELLO)) as first, \
            Serving(echo_after_hello(hello_b)) as second:
        routes = two_routes(first.address, second.address, drain_ms=600)
        relay.set({"revision": 1, "routes": routes})
        port = relay.port()
        leaving = [established(port) for _ in range(5)]
        staying = [established(port, hello_b) for _ in range(5)]
        start = time.monotonic()
        relay.set({"revision": 2, "routes": routes[1:]})
        for client in leaving + staying:
            assert_alive(client)
        for client in leaving:
            assert read_all(client) == b""
        assert 0.5 < time.monotonic() - start < 5 * relay_process.SLOWNESS
        for client in staying:
            assert_alive(client)
            client.close()
        closed = relay.wait_closed("route_removed", 5)["closed"]
        assert closed["route_removed"] == 5, closed


def test_a_route_that_changes_or_comes_back_keeps_its_connections():
    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(HELLO)) as first, \
            Listening() as other:
        routes = two_routes(first.address, other.address, drain_ms=300)
        relay.set({"revision": 1, "routes": routes})
        port = relay.port()
        client = established(port)
        relay.set({"revision": 2, "routes": two_routes(other.address, other.address)})
        assert_alive(client)
        relay.set({"revision": 3, "routes": routes[1:]})
        relay.set({"revision": 4, "routes": routes})
        threading.Event().wait(0.6)  # longer than the drain that must not come
        assert_alive(client)
        assert relay.stats()["routes"]["host/a"]["active"] == 1
        client.close()


def test_clients_queued_on_a_removed_port_are_still_served():
    with relay_process.RelayProcess(workers=1) as relay, Serving(echo_after_hello(HELLO)) as target:
        for revision in range(1, 21):
            relay.set({"revision": 2 * revision, "routes": [
                {"name": "host/a", "pattern": "a.example.com", "target": target.address}]})
            clients = [connect(relay.port()) for _ in range(20)]
            # The last of them may still be queued now.
            relay.set({"revision": 2 * revision + 1, "routes": []})
            for client in clients:
                client.sendall(HELLO + b"ping")
                assert read_exactly(client, 4) == b"ping"
                client.close()


def test_clients_of_a_removed_port_are_served_although_another_table_follows():
    with relay_process.RelayProcess(workers=1) as relay, Serving(echo_after_hello(HELLO)) as target:
        route = {"name": "host/a", "pattern": "a.example.com", "target": target.address}
        relay.set({"revision": 1, "routes": [route]})
        client = connect(relay.port())
        relay.wait_until("it has come", lambda s: s["active"] == 1)
        relay.set({"revision": 2, "routes": []})
        relay.set({"revision": 3, "routes": []})
        client.sendall(HELLO + b"ping")
        assert read_exactly(client, 4) == b"ping"
        client.close()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def test_the_listen_address_may_become_narrower_and_wider_on_the_same_port():
    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(HELLO)) as target:
        port = free_port()
        routes = [{"pattern": "a.example.com", "port": port, "target": target.address}]
        for revision, addresses in enumerate((["::"], ["127.0.0.1"], ["::"], ["0.0.0.0"], ["::"],
                                              ["::1", "127.0.0.1"], ["127.0.0.1"], ["0.0.0.0"])):
            table = {"revision": revision + 1, "addresses": addresses, "routes": routes}
            with relay.control() as control:
                assert control.check(table) == []
            stats = relay.set(table)
            assert [each["address"] for each in stats["listeners"]] == sorted(addresses)
            for _ in range(4):
                established(port).close()
        with socket.create_server(("127.0.0.1", 0)) as other, relay.control() as control:
            routes[0]["port"] = other.getsockname()[1]
            assert len(control.check({"revision": 9, "addresses": ["::"], "routes": routes})) == 1


def test_a_port_that_cannot_be_listened_on_is_a_warning_and_tried_again():
    port = free_port()
    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(HELLO)) as target, \
            socket.socket() as other, socket.socket() as another:
        table = {"revision": 1, "routes": [
            {"pattern": "a.example.com", "port": port, "target": target.address}]}
        with relay.control() as control:
            assert control.check(table) == []  # it is bound now, and nobody listens
            # One that shares it, begins to listen and then does not share it any more; and a third,
            # on another address, because of which the kernel looks closely.
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            other.bind(("127.0.0.1", port))
            other.listen()
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)
            another.bind(("127.0.0.9", port))
            reply = control.set(table)
            assert reply["problems"] == [] and reply["revision"] == 1, reply
            assert f"cannot listen on 127.0.0.1:{port}: listen" in reply["warning"], reply
            (listener,) = control.stats()["listeners"]
            assert listener["bound_port"] == 0 and "EADDRINUSE" in listener["problem"], listener
        other.close()
        stats = relay.wait_until("listened on at last",
                                 lambda s: s["listeners"][0]["bound_port"] == port)
        assert stats["listeners"][0]["problem"] == ""
        established(port).close()


def test_listeners_need_not_fit_into_the_soft_limit_of_descriptors():
    with relay_process.RelayProcess(prefix=["prlimit", "--nofile=64:4096"]) as relay, \
            Serving(echo_after_hello(HELLO)) as target:
        ports = sorted({free_port() for _ in range(60)})
        stats = relay.set({"revision": 1, "routes": [
            {"name": f"host/{port}", "pattern": "a.example.com", "port": port,
             "target": target.address} for port in ports]})
        assert [each["bound_port"] for each in stats["listeners"]] == ports
        established(ports[-1]).close()


if __name__ == "__main__":
    cases.run(globals())
