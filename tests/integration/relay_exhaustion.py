"""The kernel has no descriptor or memory left, on the whole machine: strace(1) answers the worker's
system calls with the error. Nothing spins, nothing that is established ends, and all goes on when
there is some again. (Its own limit of descriptors: relay_limits.)"""

import contextlib
import os
import shutil
import subprocess
import threading

import cases
import relay_process
from traffic import INTERNAL_ERROR, Serving, alert, client_hello, connect, echo_after_hello, read_exactly

HELLO = client_hello()


def worker_of(pid):
    """The id of its one worker's thread."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/comm") as file:
            if file.read() == "adit-worker\n":
                return thread
    raise AssertionError("no worker")


@contextlib.contextmanager
def failing(relay, call, error):
    """Each `call` of the worker fails with `error`."""
    if os.geteuid() != 0 or shutil.which("strace") is None:
        raise cases.Skip("needs root and strace")
    strace = subprocess.Popen(["strace", "-p", worker_of(relay.data_pid()), "-e", f"trace={call}", "-e",
                               f"inject={call}:error={error}"], stderr=subprocess.PIPE, text=True)
    try:
        line = strace.stderr.readline()
        if "Operation not permitted" in line:
            raise cases.Skip("no process may be traced here")
        assert "attached" in line, line
        seen = threading.Event()

        def watch():
            for each in strace.stderr:
                if "INJECTED" in each:
                    seen.set()

        reader = threading.Thread(target=watch)
        reader.start()
        yield seen
    finally:
        strace.terminate()
        strace.wait()
    reader.join()
    strace.stderr.close()


@contextlib.contextmanager
def serving(**table):
    with relay_process.RelayProcess(workers=1) as relay, Serving(echo_after_hello(HELLO)) as target:
        relay.set({"revision": 1, "routes": [{"pattern": "a.example.com", "target": target.address}], **table})
        yield relay, relay.port()


def established(port):
    client = connect(port)
    client.sendall(HELLO + b"ping")
    assert read_exactly(client, 4) == b"ping"
    return client


def assert_alive(client, word=b"alive"):
    client.sendall(word)
    assert read_exactly(client, len(word)) == word


def no_client_is_accepted(error):
    with serving() as (relay, port):
        first = established(port)
        pid = relay.data_pid()
        with failing(relay, "accept4", error) as seen:
            waiting = [connect(port) for _ in range(5)]
            for client in waiting:
                client.sendall(HELLO + b"ping")
            assert seen.wait(20)
            before = relay_process.cpu_seconds(pid)
            threading.Event().wait(1.5)
            spent = relay_process.cpu_seconds(pid) - before
            assert spent < 0.3 * relay_process.SLOWNESS, f"{spent} s of CPU in 1.5 s"
            assert_alive(first)
        for client in waiting:
            assert read_exactly(client, 4) == b"ping"
        relay.wait_for("accepting pauses")
        for client in [*waiting, first]:
            client.close()
        closed = relay.wait_until("all ended", lambda s: s["active"] == 0)["closed"]
        assert closed["finished"] == 6, closed


def test_no_client_is_accepted_while_the_machine_has_no_descriptor():
    no_client_is_accepted("ENFILE")


def test_no_client_is_accepted_while_the_machine_has_no_memory():
    no_client_is_accepted("ENOMEM")


def no_target_is_dialled(call, error):
    with serving() as (relay, port):
        first = established(port)
        with failing(relay, call, error), connect(port) as client:
            client.sendall(HELLO + b"ping")
            assert read_exactly(client, 7) == alert(INTERNAL_ERROR)
            assert_alive(first)
        established(port).close()
        first.close()
        closed = relay.wait_until("all ended", lambda s: s["active"] == 0)["closed"]
        assert closed["out_of_descriptors"] == 1 and closed["finished"] == 2, closed


def test_a_target_that_cannot_be_dialled_for_want_of_a_descriptor():
    no_target_is_dialled("socket", "ENFILE")


def test_a_target_that_cannot_be_dialled_for_want_of_memory():
    no_target_is_dialled("connect", "ENOBUFS")


def test_a_socket_that_cannot_be_watched_ends_and_no_other():
    with serving() as (relay, port):
        first = established(port)
        with failing(relay, "epoll_ctl", "ENOSPC") as seen, connect(port) as client:
            client.sendall(HELLO + b"ping")
            assert seen.wait(20)
            with contextlib.suppress(ConnectionResetError):  # its hello was not read
                assert client.recv(1) == b""
            assert_alive(first)
        established(port).close()
        first.close()
        closed = relay.wait_until("all ended", lambda s: s["active"] == 0)["closed"]
        assert closed["internal_error"] == 1 and closed["finished"] == 2, closed


def test_without_a_pipe_bytes_pass_all_the_same():
    if relay_process.IS_SANITIZED:
        raise cases.Skip("UndefinedBehaviorSanitizer asks by a pipe whether an object is there")
    with serving() as (relay, port):
        with failing(relay, "pipe2", "ENFILE") as seen:
            client = established(port)
            block = os.urandom(1 << 20)
            sender = threading.Thread(target=client.sendall, args=(block,))
            sender.start()
            assert read_exactly(client, len(block)) == block
            sender.join()
            assert seen.is_set()
            client.close()
            relay.wait_closed("finished")
            assert relay.stats()["spliced_bytes"] == 0


if __name__ == "__main__":
    cases.run(globals())
