"""What the tests of the relay stand on: a failure comes out as it is, at once, and a connection may be gone already."""

import select
import socket
import sys

import cases
import streams
from traffic import Listening, connect, finish, reset

WORDY = """import sys
print("first", flush=True)
sys.stdin.read()
print("x" * (1 << 20))"""


def test_a_failure_beside_a_wordy_process_comes_out_as_it_is():
    """A stream of minutes has more findings than a pipe takes; nobody reads them when the test has failed."""
    class Wrong(Exception):
        pass

    try:
        with streams.running(sys.executable, "-c", WORDY) as (process, first):
            assert first == "first", first
            raise Wrong
    except Wrong:
        assert process.returncode == 0, process.returncode


def test_findings_are_read_once_and_whole():
    with streams.running(sys.executable, "-c", WORDY) as (process, _):
        assert len(streams.told_to_end(process)) == (1 << 20) + 1
    assert process.returncode == 0, process.returncode


def test_findings_that_come_with_the_first_line_are_not_lost():
    with streams.running(sys.executable, "-c", "print('first\\nfindings')") as (process, first):
        process.wait()
        assert (first, streams.told_to_end(process)) == ("first", "findings\n")


def test_who_was_reset_may_still_finish():
    with Listening() as target, connect(target.address[1]) as client:
        reset(target.accept())
        seen = select.poll()
        seen.register(client, 0)  # errors and hang-ups are always told
        assert seen.poll(20_000), "no reset"
        finish(client)


def test_finishing_ends_what_is_sent():
    with Listening() as target, connect(target.address[1]) as client, target.accept() as accepted:
        finish(client)
        assert accepted.recv(1) == b""
        accepted.sendall(b"more")
        assert client.recv(4, socket.MSG_WAITALL) == b"more"


if __name__ == "__main__":
    cases.run(globals())
