"""What a successor makes of offers that are wrong, or of a newer program: the test is supervisor and
old process. It takes a whole batch or nothing of it, and serves either way."""

import struct

import cases
from fake_supervisor import ADOPTED, BATCH, BEGIN, DONE, TOTALS, wait_until
from takeover_ends import (alive, begin, close_all, drain, ends_with_the_last, everything_goes_on,
                           serves, serving, take_over)


def good_batch(process):
    """(count, records, descriptors) as a real process sends them."""
    end = drain(process)
    end.receive()
    _, count, body, fds = end.receive()
    return end, count, body, fds


def test_a_successor_serves_whatever_it_is_offered():
    with serving(20) as (supervisor, process, port, clients):
        end, count, body, fds = good_batch(process)
        size, _, flat = struct.unpack_from("=IHH", body)
        at_state = 8 + 8 * 11 + 4 * 4 + 5 * 2 + 1

        def with_bytes(at, new):
            return body[:at] + new + body[at + len(new):]

        offers = [
            (count, body, fds[:-1], "descriptors are missing"),
            (count, body, fds + fds[:1], "longer than it says"),
            (count - 1, body, fds, "longer than it says"),
            (count + 1, body, fds, "cut off"),
            (count, body[:-1], fds, "cut off"),
            (count, with_bytes(4, b"\2\0"), fds, "of version 2, not 1"),
            (count, with_bytes(6, b"\1\0"), fds, "cut off"),
            (count, with_bytes(0, struct.pack("=I", size - 1)), fds, "shorter than it says"),
            (count, with_bytes(8 + 164, b"\1"), fds, "shorter than it says"),  # a PROXY header
            (count, with_bytes(at_state, b"\5"), fds, "waits for no site"),
            (count, with_bytes(at_state, b"\6"), fds, "unknown state"),
            (count, with_bytes(at_state - 1, b"\3"), fds, "speaks an unknown protocol"),
            (count, with_bytes(8 + 208, b"\1"), fds, "unfit route"),  # dialled: the second of one
            (count, with_bytes(at_state, b"\0"), fds, "has a target before its hello"),
            (count, with_bytes(at_state, b"\1"), fds, "has no hello to send"),
            (count, with_bytes(at_state + 1, b"\7"), fds, "has no client"),
            (count, with_bytes(8 + 9 * 8, struct.pack("=Q", 9)), fds, None),
        ]
        for number, records, descriptors, says in offers:
            successor, ours = take_over(supervisor)
            ours.send(BEGIN, 0, begin(1000, number))
            ours.send(BATCH, number, records, descriptors)
            assert ours.receive() is None, says
            ours.close()
            serves(successor, port, says)
            wait_until("nothing of it is held", lambda s=successor: sockets(s) <= 20)
            assert successor.end() == 0
            supervisor.processes.remove(successor)
        end.close()
        close_all(fds)
        everything_goes_on(process, clients)
        assert flat == 216


def sockets(process):
    """Of TCP, beside its listeners: what the process holds of connections."""
    return process.descriptors() - 14


def test_a_longer_record_of_a_newer_program_is_understood():
    with serving(20) as (supervisor, process, port, clients):
        end, count, body, fds = good_batch(process)
        newer, at = b"", 0
        for _ in range(count):
            size, version, flat = struct.unpack_from("=IHH", body, at)
            newer += struct.pack("=IHH", size + 24, version, flat + 16)
            newer += body[at + 8:at + 8 + flat] + b"\x55" * 16 + body[at + 8 + flat:at + size]
            newer += b"\x66" * 8
            at += size
        successor, ours = take_over(supervisor)
        ours.send(BEGIN, 0, begin(1000, count))
        ours.send(BATCH, count, newer, fds)
        assert ours.receive()[0] == ADOPTED
        end.send(ADOPTED)
        close_all(fds)
        ours.send(DONE)
        ours.close()
        end.close()
        serves(successor, port)
        for client in clients:
            alive(client)
        successor.wait_for_line("connections taken over count=20")
        ends_with_the_last(process, [])


def test_a_process_before_that_says_nothing_right_is_left_alone():
    with serving(1) as (supervisor, _, port, _):
        for speak, says in (
                (lambda end: end.close(), "has ended it"),
                (lambda end: end.send(BEGIN, version=2), "speaks version 2, not 1"),
                (lambda end: end.send(BEGIN, 0, b"short"), "does not begin as expected"),
                (lambda end: end.send(BATCH), "does not begin as expected"),
                (lambda end: end.socket.send(b"x"), "did not come whole"),
                (lambda end: end.send(BEGIN, 0, begin(5, 1 << 60)), "has ended it"),
                (lambda end: [end.send(BEGIN, 0, begin(5, 5)), end.send(77)], "not known here"),
                (lambda end: [end.send(BEGIN, 0, begin(5, 5)), end.send(TOTALS, 0, b"x")], "take-over"),
                (lambda end: None, "is silent")):
            successor, ours = take_over(supervisor)
            speak(ours)
            if says == "has ended it":
                ours.close()
            serves(successor, port, says)
            ours.close()
            assert successor.end() == 0
            supervisor.processes.remove(successor)


if __name__ == "__main__":
    cases.run(globals())
