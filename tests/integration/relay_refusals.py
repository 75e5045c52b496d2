"""What is refused, how (the bytes are checked), and that it is counted under its own reason. What
cannot be parsed never reaches a target, not even that of a catch-all."""

import socket
import threading
import time

import cases
import relay_process
from traffic import (DECODE_ERROR, ILLEGAL_PARAMETER, INTERNAL_ERROR, RECORD_OVERFLOW,
                     UNRECOGNIZED_NAME, Listening, alert, client_hello, connect, in_records,
                     read_all, reset, with_name)

HELLO = client_hello()


def answer_to(port, data, keep_open=True):
    """All bytes up to the relay's FIN; a reset is an exception."""
    with connect(port) as client:
        client.sendall(data)
        if not keep_open:
            client.shutdown(socket.SHUT_WR)
        return read_all(client)


class Refusing:
    """A relay with a route for a.example.com and, if wanted, a catch-all."""

    def __init__(self, catch_all=False, **table):
        self.relay = relay_process.RelayProcess()
        self.target = Listening()
        patterns = ["a.example.com"] + (["*"] if catch_all else [])
        self.relay.set({"revision": 1, "routes": [
            {"pattern": p, "target": self.target.address} for p in patterns], **table})
        self.port = self.relay.port()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.target.close()
        self.relay.close()

    def assert_target_untouched(self):
        self.target.socket.settimeout(0)
        try:
            self.target.accept()
        except BlockingIOError:
            return
        raise AssertionError("the target was dialled")


def test_unknown_and_missing_names_get_unrecognized_name():
    with Refusing() as here:
        assert answer_to(here.port, client_hello("b.example.com")) == alert(UNRECOGNIZED_NAME)
        assert answer_to(here.port, client_hello(None)) == alert(UNRECOGNIZED_NAME)
        closed = here.relay.wait_closed("refused_no_name")["closed"]
        assert closed["refused_unknown_name"] == 1, closed
        here.assert_target_untouched()


def test_what_is_not_tls_is_closed_without_an_answer():
    with Refusing(catch_all=True) as here:
        for data in (b"SSH-2.0-OpenSSH_9.2\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                     b"\x80\x2e\x01\x03\x01" + bytes(60), bytes(100), b"\xfe\xff" + bytes(30)):
            assert answer_to(here.port, data) == b"", data
        here.relay.wait_closed("refused_not_tls", 5)
        here.assert_target_untouched()


def test_malformed_hellos_get_a_fitting_alert_and_no_target():
    nul = with_name(HELLO, b"a.example.com", b"a.exa\x00ple.com")
    # The length of the server name list one too large.
    at = HELLO.index(b"a.example.com") - 5
    wrong_length = HELLO[:at] + bytes([HELLO[at], HELLO[at + 1] + 1]) + HELLO[at + 2:]
    not_a_hello = HELLO[:5] + b"\x02" + HELLO[6:]
    with Refusing(catch_all=True) as here:
        assert answer_to(here.port, nul) == alert(DECODE_ERROR)
        assert answer_to(here.port, wrong_length) == alert(DECODE_ERROR)
        answers = {answer_to(here.port, not_a_hello), alert(10), alert(DECODE_ERROR)}
        assert len(answers) == 2, answers
        here.relay.wait_closed("refused_malformed_hello", 3)
        here.assert_target_untouched()


def test_two_names_are_an_illegal_parameter():
    at = HELLO.index(b"a.example.com") - 9
    extension = HELLO[at : at + 9 + 13]
    length = int.from_bytes(HELLO[3:5], "big") + len(extension)
    message = int.from_bytes(HELLO[6:9], "big") + len(extension)
    # The extensions' own length stands right before the first of them, wherever server_name is.
    body = bytearray(HELLO[:at] + extension + HELLO[at:])
    body[3:5] = length.to_bytes(2, "big")
    body[6:9] = message.to_bytes(3, "big")
    start = 9 + 2 + 32
    start += 1 + body[start]
    start += 2 + int.from_bytes(body[start : start + 2], "big")
    start += 1 + body[start]
    body[start : start + 2] = (int.from_bytes(body[start : start + 2], "big")
                               + len(extension)).to_bytes(2, "big")
    with Refusing(catch_all=True) as here:
        assert answer_to(here.port, bytes(body)) == alert(ILLEGAL_PARAMETER)
        here.assert_target_untouched()


def test_too_long_a_record_is_refused_when_its_header_is_seen():
    with Refusing(catch_all=True) as here:
        assert answer_to(here.port, b"\x16\x03\x01\xff\xff") == alert(RECORD_OVERFLOW)
        here.assert_target_untouched()


def test_a_hello_that_claims_16_mb_is_refused_at_once():
    with Refusing(catch_all=True) as here:
        answer = answer_to(here.port, b"\x16\x03\x01\x40\x00\x01\xff\xff\xff" + bytes(100))
        assert len(answer) == 7 and answer[:6] == alert(0)[:6], answer
        here.relay.wait_closed("refused_hello_too_large")
        here.assert_target_untouched()


def test_an_alert_is_not_lost_to_unread_bytes():
    with Refusing() as here:
        hello = client_hello("b.example.com")
        with connect(here.port) as client:
            client.sendall(hello + b"\x17\x03\x03\x40\x00" + bytes(200_000))
            assert read_all(client) == alert(UNRECOGNIZED_NAME)


def test_the_hello_timeout_is_one_total_deadline():
    with Refusing(timeouts={"hello": 500}) as here:
        with connect(here.port) as silent, connect(here.port) as dripping:
            done = threading.Event()

            def drip():
                for byte in in_records(HELLO, 1):
                    try:
                        dripping.send(bytes([byte]))
                    except OSError:
                        return
                    if done.wait(0.05):
                        return

            start = time.monotonic()
            thread = threading.Thread(target=drip)
            thread.start()
            assert read_all(silent) == b""
            try:
                assert read_all(dripping) == b""
            except ConnectionResetError:
                pass  # a byte was under way when the relay closed
            elapsed = time.monotonic() - start
            done.set()
            thread.join()
            assert 0.4 < elapsed < 5, elapsed
        here.relay.wait_closed("refused_hello_timeout", 2)
        here.assert_target_untouched()


def test_clients_that_leave_by_themselves_are_no_refusals():
    with Refusing() as here:
        connect(here.port).close()
        here.relay.wait_closed("client_left_before_hello")
        assert answer_to(here.port, HELLO[:100], keep_open=False) == b""
        client = connect(here.port)
        client.sendall(HELLO[:50])
        here.relay.wait_until("the three came", lambda s: s["accepted"] == 3)
        reset(client)
        closed = here.relay.wait_closed("client_left_in_hello", 2)["closed"]
        assert not any(n for reason, n in closed.items() if reason.startswith("refused")), closed


def test_a_target_that_is_down_gives_internal_error():
    with Refusing() as here:
        here.target.close()
        assert answer_to(here.port, HELLO) == alert(INTERNAL_ERROR)
        here.relay.wait_closed("target_refused")


def test_a_target_that_does_not_answer_gives_internal_error_in_time():
    # A full accept queue drops SYNs: connecting hangs.
    with Listening(backlog=0) as target, relay_process.RelayProcess() as relay:
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(target.address)
            fillers.append(filler)
        relay.set({"revision": 1, "timeouts": {"connect": 300}, "routes": [
            {"pattern": "a.example.com", "target": target.address}]})
        assert answer_to(relay.port(), HELLO) == alert(INTERNAL_ERROR)
        relay.wait_closed("target_timeout")
        for filler in fillers:
            filler.close()


def test_privacy_keeps_names_out_of_the_log():
    for privacy, expected in (("full", "host=a.example.com"), ("hash", "host=h:"),
                              ("none", "host=- ")):
        with Refusing(privacy=privacy) as here:
            here.target.close()
            answer_to(here.port, HELLO)
            line = here.relay.wait_for("connection closed")
            assert expected in line, line
            if privacy != "full":
                assert not any("a.example.com" in each for each in here.relay.lines)


if __name__ == "__main__":
    cases.run(globals())
