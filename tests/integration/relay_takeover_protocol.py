"""A take-over that goes wrong: real data processes, with the test as their supervisor and perhaps as
the successor. What nobody has taken goes on in the old process; nothing has two owners."""

import contextlib
import os
import resource
import signal
import socket

import cases
import relay_process
from fake_supervisor import (ADOPTED, BATCH, BEGIN, DONE, DRAIN, PING, PONG, SERVE, SERVING, TOTALS,
                             TakeoverEnd, wait_until)
from takeover_ends import (COUNT, PER_BATCH, alive, close_all, drain, ends_with_the_last,
                           everything_goes_on, first_batch, is_cut, serves, serving, take_over)
from traffic import read_exactly


@contextlib.contextmanager
def descriptors(process, count):
    """The process may not have more; back to what it was for what comes afterwards."""
    pid = process.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (count, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


# --- the successor is played by the test


def test_without_a_successors_socket_it_drains():
    with serving(3) as (_, process, _, clients):
        process.tell(DRAIN)
        process.wait_for_line("a successor serves")
        for client in clients:
            alive(client)
        ends_with_the_last(process, clients)


def test_a_successor_that_closes_the_socket_gets_nothing():
    with serving() as (_, process, _, clients):
        end = drain(process)
        end.close()
        everything_goes_on(process, clients)
        ends_with_the_last(process, clients)


def test_a_successor_that_dies_with_a_batch_unread_gets_nothing():
    with serving() as (_, process, _, clients):
        end = drain(process)
        kind, _, _, _ = end.receive()
        assert kind == BEGIN
        end.close()
        everything_goes_on(process, clients)
        ends_with_the_last(process, clients)


def test_a_successor_that_dies_with_a_batch_in_hand_gets_nothing():
    with serving() as (_, process, _, clients):
        end = drain(process)
        fds = first_batch(end)
        end.close()
        close_all(fds)
        everything_goes_on(process, clients)
        ends_with_the_last(process, clients)


def test_a_successor_of_another_version_gets_nothing():
    with serving() as (_, process, _, clients):
        end = drain(process)
        fds = first_batch(end)
        end.send(ADOPTED, version=2)
        everything_goes_on(process, clients)
        assert any("speaks version 2, not 1" in line for line in process.lines)
        close_all(fds)
        end.close()
        ends_with_the_last(process, clients)


def test_another_answer_is_none():
    with serving() as (_, process, _, clients):
        end = drain(process)
        fds = first_batch(end)
        end.send(DONE)
        everything_goes_on(process, clients)
        close_all(fds)
        end.close()
        ends_with_the_last(process, clients)


def test_a_successor_that_is_silent_cannot_adopt_any_more():
    with serving() as (_, process, _, clients):
        end = drain(process)
        fds = first_batch(end)
        process.wait_for_line("the other process is silent")
        try:
            end.send(ADOPTED)
            raise AssertionError("a late answer was taken: two owners")
        except BrokenPipeError:
            pass
        close_all(fds)
        everything_goes_on(process, clients)
        end.close()
        ends_with_the_last(process, clients)


def test_what_was_adopted_is_the_successors_and_the_rest_goes_on():
    with serving() as (_, process, _, clients):
        end = drain(process)
        fds = first_batch(end)
        end.send(ADOPTED)
        kind, count, _, more = end.receive()
        assert kind == BATCH and count == COUNT - PER_BATCH
        end.close()
        close_all(more)
        process.wait_for_line("what is left is served here to its end")
        # The first descriptor of each connection is its client's.
        peers = {}
        for fd in fds[::2]:
            with socket.socket(fileno=os.dup(fd)) as side:
                peers[side.getpeername()] = side.dup()
        kept = [client for client in clients if client.getsockname() not in peers]
        assert len(kept) == COUNT - PER_BATCH
        for client in kept:
            alive(client)
        for client in clients:
            if side := peers.pop(client.getsockname(), None):
                side.setblocking(True)
                client.sendall(b"to whom?")
                assert read_exactly(side, 8) == b"to whom?", "the old process still reads"
                side.sendall(b"to me")
                assert read_exactly(client, 5) == b"to me"
                side.close()
        close_all(fds)
        for client in clients:
            if client not in kept:
                assert client.recv(1) == b"", "somebody still has a copy"
        ends_with_the_last(process, clients)


def test_the_counters_go_over_when_all_is_given():
    with serving() as (_, process, _, clients):
        clients[0].close()
        wait_until("its end", lambda: any("reason=finished" in line for line in process.lines))
        end = drain(process)
        messages = []
        while (message := end.receive()) and message[0] != DONE:
            messages.append(message)
            close_all(message[3])
            if message[0] != BEGIN:
                end.send(ADOPTED)
        assert [kind for kind, *_ in messages] == [BEGIN, BATCH, BATCH, TOTALS]
        assert sum(count for kind, count, *_ in messages if kind == BATCH) == COUNT - 1
        end.close()
        assert process.process.wait(20 * relay_process.SLOWNESS) == 0


def test_without_a_descriptor_for_the_socket_it_drains():
    with serving(3) as (_, process, _, clients):
        with descriptors(process, 8):
            drain(process).close()
            process.wait_for_line("a successor serves")
        for client in clients:
            alive(client)
        ends_with_the_last(process, clients)


def test_while_too_much_of_a_user_is_in_flight_nothing_is_given():
    with serving() as (_, process, _, clients):
        ours, theirs = TakeoverEnd.pair()
        for end in (ours, theirs):
            end.send(DONE, 0, b"", [0] * 250)
        process.take_over(ours)
        process.tell(PING)
        process.wait_for(PONG)
        with descriptors(process, 100):
            process.tell(DRAIN)
            process.wait_for_line("ETOOMANYREFS")
        everything_goes_on(process, clients)
        theirs.close()
        ends_with_the_last(process, clients)


# --- two real processes, the test between them


def test_a_successor_without_descriptors_takes_nothing():
    with serving() as (supervisor, process, port, clients):
        successor, taker = take_over(supervisor)
        giver = drain(process)
        assert forward(giver, taker) == BEGIN
        kind, count, body, fds = giver.receive()
        with descriptors(successor, 100):
            taker.send(kind, count, body, fds)
            close_all(fds)
            assert taker.receive() is None
        giver.close()
        successor.wait_for_line("did not come whole")
        everything_goes_on(process, clients)
        serves(successor, port)
        ends_with_the_last(process, clients)
        taker.close()


def forward(giver, taker):
    """One message of the giver and, where there is one, its answer; the message's type."""
    kind, count, body, fds = giver.receive()
    taker.send(kind, count, body, fds)
    close_all(fds)
    if kind in (BATCH, TOTALS):
        answer = taker.receive()
        assert answer[0] == ADOPTED
        giver.send(ADOPTED)
    return kind


def test_a_successor_that_is_killed_in_the_middle_takes_only_what_it_has():
    with serving() as (supervisor, process, _, clients):
        successor, taker = take_over(supervisor)
        giver = drain(process)
        assert [forward(giver, taker) for _ in range(2)] == [BEGIN, BATCH]
        successor.process.send_signal(signal.SIGSTOP)
        kind, count, body, fds = giver.receive()
        taker.send(kind, count, body, fds)  # it has it and cannot say so any more
        close_all(fds)
        successor.process.kill()
        successor.process.wait()
        assert taker.receive() is None
        giver.close()
        process.wait_for_line("what is left is served here to its end")
        cut = [client for client in clients if is_cut(client)]
        assert len(cut) == PER_BATCH, len(cut)
        for client in clients:
            if client not in cut:
                alive(client)
        ends_with_the_last(process, clients)
        supervisor.processes.remove(successor)
        taker.close()


def test_an_old_process_that_is_killed_in_the_middle_leaves_what_it_gave():
    with serving() as (supervisor, process, port, clients):
        successor, taker = take_over(supervisor)
        giver = drain(process)
        assert [forward(giver, taker) for _ in range(2)] == [BEGIN, BATCH]
        process.process.kill()
        process.process.wait()
        giver.close()  # with the next batch, if it was sent
        taker.close()
        serves(successor, port)
        cut = [client for client in clients if is_cut(client)]
        assert len(cut) == COUNT - PER_BATCH
        supervisor.processes.remove(process)


def test_a_stopped_successor_is_not_waited_for_and_takes_nothing_later():
    with serving() as (supervisor, process, port, clients):
        successor = supervisor.start()
        ours, theirs = TakeoverEnd.pair()
        successor.take_over(theirs)
        successor.process.send_signal(signal.SIGSTOP)
        successor.tell(SERVE)
        process.take_over(ours)
        process.tell(DRAIN)
        process.wait_for_line("the other process is silent")
        successor.process.send_signal(signal.SIGCONT)
        successor.wait_for_line("take-over: ")
        everything_goes_on(process, clients)
        serves(successor, port)
        ends_with_the_last(process, clients)


def test_any_number_of_workers_to_any_other():
    with serving(150, workers=1) as (supervisor, process, port, clients):
        for workers in (3, 1, 2):
            successor = supervisor.start(workers)
            ours, theirs = TakeoverEnd.pair()
            successor.take_over(ours)
            process.take_over(theirs)
            process.tell(DRAIN)
            successor.tell(SERVE)
            successor.wait_for(SERVING)
            assert process.process.wait(20 * relay_process.SLOWNESS) == 0
            for client in clients:
                alive(client)
            with supervisor.control() as control:
                stats = control.stats()
            assert stats["accepted"] == stats["active"] == 150 and stats["workers"] == workers
            process = successor


if __name__ == "__main__":
    cases.run(globals())
