"""SIGHUP: the program is executed anew in the same process, a successor serves, what was established
goes on in the old data process. When the successor does not come up, all stays as it was."""

import os
import shutil
import signal
import threading

import cases
import relay_process
from traffic import Serving, client_hello, connect, echo_after_hello, read_exactly

HELLO = client_hello()


def established(port):
    client = connect(port)
    client.sendall(HELLO + b"ping")
    assert read_exactly(client, 4) == b"ping"
    return client


def assert_alive(client):
    client.sendall(b"still here")
    assert read_exactly(client, 10) == b"still here"


def one_route(target, port=0):
    return {"revision": 4, "routes": [
        {"pattern": "a.example.com", "port": port, "target": target.address}]}


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def reload(relay):
    """The data process before and after."""
    before = relay.data_pid()
    relay.process.send_signal(signal.SIGHUP)
    relay.wait_for("a successor serves")
    after = relay.wait_until("the successor answers", lambda s: s["data_pid"] != before)
    return before, after["data_pid"]


def test_established_connections_go_on_and_new_ones_are_served():
    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(HELLO)) as target:
        relay.set(one_route(target))
        port = relay.port()
        old = [established(port) for _ in range(10)]
        before, after = reload(relay)
        stats = relay.stats()
        assert stats["supervisor_pid"] == relay.process.pid and stats["revision"] == 4
        assert relay.port() == port
        new = [established(port) for _ in range(10)]
        for client in old + new:
            assert_alive(client)
        handle = os.pidfd_open(before)
        for client in old:
            client.close()
        assert ended(handle), "the old data process stays without a connection"
        for client in new:
            assert_alive(client)
            client.close()


def ended(pidfd):
    import select
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    result = bool(poller.poll(10_000 * relay_process.SLOWNESS))
    os.close(pidfd)
    return result


def test_no_new_connection_is_lost_and_nothing_leaks_over_many_reloads():
    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(HELLO)) as target:
        relay.set(one_route(target))
        port = relay.port()
        done = threading.Event()
        problems = []
        served = [0]

        def connect_on_and_on():
            while not done.is_set():
                try:
                    established(port).close()
                    served[0] += 1
                except (OSError, EOFError, AssertionError) as problem:
                    problems.append(repr(problem))

        thread = threading.Thread(target=connect_on_and_on)
        thread.start()
        try:
            reload(relay)
            first = descriptors(relay.process.pid)
            for _ in range(8):
                reload(relay)
        finally:
            done.set()
            thread.join()
        assert not problems and served[0] > 50, (problems[:5], served)
        relay.wait_until("the old ones are gone",
                         lambda s: descriptors(relay.process.pid) <= first)


def test_the_successor_outlives_a_crash_and_the_next_one_finds_the_listeners():
    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(HELLO)) as target:
        relay.set(one_route(target))
        port = relay.port()
        _, after = reload(relay)
        os.kill(after, signal.SIGKILL)
        relay.wait_for("adit-relay: ready")
        established(port).close()
        assert relay.terminate() == 0


def test_a_program_that_cannot_start_leaves_everything_as_it_was():
    with relay_process.RelayProcess() as outer:
        folder = outer.folder
        program = os.path.join(folder, "adit-relay")
        shutil.copy(relay_process.BINARY, program)
        original, relay_process.BINARY = relay_process.BINARY, program
        try:
            with relay_process.RelayProcess() as relay, \
                    Serving(echo_after_hello(HELLO)) as target:
                relay.set(one_route(target))
                port = relay.port()
                client = established(port)
                pid = relay.data_pid()
                for content, mode in ((None, 0), (b"#!/bin/false\n", 0o755), (b"\x7fELF", 0o755)):
                    os.unlink(program) if os.path.exists(program) else None
                    if content is not None:
                        with open(program, "wb") as file:
                            file.write(content)
                        os.chmod(program, mode)
                    relay.process.send_signal(signal.SIGHUP)
                    relay.wait_for("reload: ")
                    assert_alive(client)
                    established(port).close()
                    assert relay.data_pid() == pid
                shutil.copy(original, program + ".new")
                os.replace(program + ".new", program)
                _, after = reload(relay)
                assert after != pid
                assert_alive(client)
                established(port).close()
                client.close()
        finally:
            relay_process.BINARY = original


if __name__ == "__main__":
    cases.run(globals())
