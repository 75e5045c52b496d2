"""SIGHUP: the program is executed anew in the same process, a successor serves, what was established
goes on in it. When the successor does not come up, all stays as it was."""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import cases
import relay_control
import relay_process
from traffic import Serving, client_hello, connect, echo_after_hello, read_all, read_exactly

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


def reload(relay, ask=lambda relay: relay.process.send_signal(signal.SIGHUP)):
    """The data process before and after."""
    before = relay.data_pid()
    ask(relay)
    relay.wait_for("a successor serves")
    after = relay.wait_until("the successor answers", lambda s: s["data_pid"] != before)
    return before, after["data_pid"]


def test_a_controller_reloads_the_relay_and_is_answered():
    def ask(relay):
        with relay.control() as control:
            control.reload()

    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(HELLO)) as target:
        relay.set(one_route(target))
        client = established(relay.port())
        supervisor = relay.process.pid
        for _ in range(3):
            before, after = reload(relay, ask)
            assert after != before
        assert_alive(client)
        assert relay.stats()["supervisor_pid"] == supervisor
        client.close()
        relay.wait_closed("finished")


def test_established_connections_go_on_and_new_ones_are_served():
    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(HELLO)) as target:
        relay.set(one_route(target))
        port = relay.port()
        old = [established(port) for _ in range(10)]
        handle = os.pidfd_open(relay.data_pid())
        reload(relay)
        stats = relay.stats()
        assert stats["supervisor_pid"] == relay.process.pid and stats["revision"] == 4
        assert relay.port() == port
        new = [established(port) for _ in range(10)]
        for client in old + new:
            assert_alive(client)
        assert ended(handle), "the old data process stays without a connection"
        for client in old + new:
            assert_alive(client)
            client.close()


def ended(pidfd):
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


@contextlib.contextmanager
def replaceable_program():
    """`with replaceable_program() as (file, replace)`: relays run from `file`; replace(content) or
    replace() puts another program, or the right one, in its place."""
    original = relay_process.BINARY
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "adit-relay")

        def replace(content=None):
            if content is None:
                shutil.copy(original, program + ".new")
            else:
                with open(program + ".new", "wb") as file:
                    file.write(content)
                os.chmod(program + ".new", 0o755)
            os.replace(program + ".new", program)

        replace()
        relay_process.BINARY = program
        try:
            yield program, replace
        finally:
            relay_process.BINARY = original


# Its --version works; the first refuses how it is called, the second what is handed over.
REFUSING = (b'#!/bin/sh\nfor a; do [ "$a" = --version ] && exit 0; done\n'
            b'echo "--workers: no such option" >&2\nexit 2\n',
            b'#!/bin/sh\nfor a; do [ "$a" = --version ] && exit 0; done\n'
            b'[ -n "$ADIT_RELAY_STATE" ] && exit 1\nexit 0\n')


def test_a_program_that_cannot_start_leaves_everything_as_it_was():
    with replaceable_program() as (program, replace), relay_process.RelayProcess() as relay, \
            Serving(echo_after_hello(HELLO)) as target:
        relay.set(one_route(target))
        port = relay.port()
        client = established(port)
        pid = relay.data_pid()
        for content in (None, b"#!/bin/false\n", b"\x7fELF", *REFUSING):
            os.unlink(program) if content is None else replace(content)
            relay.process.send_signal(signal.SIGHUP)
            relay.wait_for("refuses to take over")
            assert_alive(client)
            established(port).close()
            assert relay.data_pid() == pid
        replace()
        _, after = reload(relay)
        assert after != pid
        assert_alive(client)
        established(port).close()
        client.close()


def test_check_says_whether_the_program_would_take_over():
    def check(handed_over=None, *options):
        environment, fds = {**os.environ}, ()
        if handed_over is not None:
            memory = os.memfd_create("state", 0)
            os.write(memory, handed_over)
            environment["ADIT_RELAY_STATE"], fds = str(memory), (memory,)
        result = subprocess.run([relay_process.BINARY, *options, "--check"], env=environment,
                                pass_fds=fds, capture_output=True, text=True, timeout=20)
        for fd in fds:
            os.close(fd)
        return result

    good = b"adit-relay-state 1\nlock 3\ncontrol 4\nprocess 99 5\nlistener 127.0.0.1 0 4433 6 7\n" \
        b"http_listener 127.0.0.1 0 8080 8 9\n"
    assert check().returncode == 0
    assert check(good).returncode == 0
    assert check(good, "--workers", "0").returncode == 2
    for bad in (b"", b"adit-relay-state 2\n", good + b"something new 8\n", good + b"listener x 0 1\n"):
        result = check(bad)
        assert result.returncode == 1 and result.stderr, (bad, result)


def test_a_set_during_a_reload_is_refused_or_kept():
    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(HELLO)) as target:
        routes = [{"pattern": f"n{i}.example.com", "target": target.address} for i in range(20_000)]
        encoded = relay_control.encode_table({"revision": 0, "routes": routes})

        def at(revision):  # the first field: a tag, a length and the number
            return relay_control.number(1, revision) + encoded[len(relay_control.number(1, 0)):]

        revision = 1
        with relay.control() as control:
            control.set(at(revision))
        for _ in range(5):
            with relay.control() as control:
                relay.process.send_signal(signal.SIGHUP)
                with contextlib.suppress(EOFError, ConnectionError):
                    while True:  # until the old data process has no controller any more
                        with contextlib.suppress(relay_control.Refused):
                            assert control.set(at(revision + 1))["warning"] == ""
                            revision += 1
            assert relay.stats()["revision"] == revision, "was answered, and lost"
            os.kill(relay.data_pid(), signal.SIGKILL)
            relay.wait_for("data process ended")
            relay.wait_for("adit-relay: ready")
            assert relay.stats()["revision"] == revision, "was answered, and is not on the disk"


def refusal(ask, table):
    """What it says when it does not even look at the table; asked for some seconds until it does so."""
    end = time.monotonic() + 5 * relay_process.SLOWNESS
    while time.monotonic() < end:
        try:
            ask(table)
        except relay_control.Refused as refused:
            return str(refused)
    return "never refused"


def test_while_a_successor_starts_nothing_changes_and_if_it_hangs_the_old_one_goes_on():
    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(HELLO)) as target:
        relay.set(one_route(target))
        port, pid = relay.port(), relay.data_pid()
        cache = os.path.join(relay.state_dir, "table.cache")
        os.unlink(cache)
        os.mkfifo(cache)  # whoever reads it waits
        with relay.control() as control:
            relay.process.send_signal(signal.SIGHUP)
            for ask in (control.check, control.set):
                assert "reloading; try again" in refusal(ask, one_route(target))
            established(port).close()
            assert control.stats()["data_pid"] == pid
            relay.wait_for("not ready in time", timeout=30)
            relay.wait_for("the old data process goes on")
            assert control.set({**one_route(target), "revision": 5})["revision"] == 5
        reload(relay)
        assert relay.stats()["revision"] == 5
        established(port).close()


def test_a_successor_without_the_served_table_does_not_take_over():
    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(HELLO)) as target:
        relay.set(one_route(target))
        port, pid = relay.port(), relay.data_pid()
        client = established(port)
        cache = os.path.join(relay.state_dir, "table.cache")
        with open(cache, "rb") as file:
            older = file.read()
        relay.set({**one_route(target), "revision": 5})
        for content, has in ((b"", "no route table"), (older, "the route table of revision 4")):
            with open(cache, "wb") as file:
                file.write(content)
            relay.process.send_signal(signal.SIGHUP)
            relay.wait_for(f"the new data process has {has}, not the route table of revision 5")
            relay.wait_for("the old data process goes on")
            assert relay.data_pid() == pid and relay.stats()["revision"] == 5
            assert_alive(client)
            established(port).close()
        relay.set({**one_route(target), "revision": 6})
        assert reload(relay)[1] != pid
        established(port).close()
        assert_alive(client)
        client.close()


def test_what_is_removed_after_a_reload_ends_with_what_came_before_it():
    hello_b = client_hello("b.example.com")
    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(HELLO)) as first, \
            Serving(echo_after_hello(hello_b)) as second:
        routes = [{"pattern": "a.example.com", "target": first.address, "drain_ms": 300},
                  {"pattern": "b.example.com", "target": second.address}]
        relay.set({"revision": 1, "routes": routes})
        port = relay.port()
        old = established(port)
        reload(relay)
        older = established(port)
        reload(relay)
        staying = connect(port)
        staying.sendall(hello_b + b"ping")
        assert read_exactly(staying, 4) == b"ping"
        new = established(port)
        relay.set({"revision": 2, "routes": routes[1:]})
        for client in (old, older, new):
            assert read_all(client) == b""
            client.close()
        assert_alive(staying)
        staying.close()


def test_a_data_process_that_does_not_answer_is_not_reloaded():
    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(HELLO)) as target:
        relay.set(one_route(target))
        pid = relay.data_pid()
        os.kill(pid, signal.SIGSTOP)
        relay.process.send_signal(signal.SIGHUP)
        relay.wait_for("the data process does not answer", timeout=30)
        os.kill(pid, signal.SIGCONT)
        assert relay.set({**one_route(target), "revision": 5})["data_pid"] == pid
        reload(relay)
        established(relay.port()).close()


if __name__ == "__main__":
    cases.run(globals())
