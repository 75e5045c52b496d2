"""Plain HTTP on a port of its own: redirects, ACME challenges, forwarding, and small answers to what
is not passed on. Nothing that is not a whole, valid head reaches a target."""

import contextlib
import http.client
import os
import signal
import socket

import cases
import relay_process
from traffic import Listening, Serving, connect, read_all, read_exactly

TOKEN = "/.well-known/acme-challenge/evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr_oA"


def home(connection):
    """A home's web server: tells which request it got."""
    head = b""
    while b"\r\n\r\n" not in head:
        got = connection.recv(65536)
        if not got:
            return
        head += got
    line = head.split(b"\r\n")[0]
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" %
                       (len(line), line))


@contextlib.contextmanager
def serving(*hosts, target=None, **table):
    """A relay with plain HTTP for `hosts` ((pattern, action) each); yields it and its two ports: that of
    plain HTTP first."""
    with contextlib.ExitStack() as stack:
        relay = stack.enter_context(relay_process.RelayProcess())
        target = target or stack.enter_context(Serving(home)).address
        relay.set({"revision": 1, **table, "routes": [
            {"pattern": pattern, "target": target, "http": {"action": action, "target": target}}
            for pattern, action in hosts] + [{"pattern": "tls.example.com", "target": target}]})
        ports = {each["protocol"]: each["bound_port"] for each in relay.stats()["listeners"]}
        assert ports["http"] != ports["tls"], ports
        yield relay, ports["http"], ports["tls"]


def answer_to(port, data):
    with connect(port) as client:
        client.sendall(data)
        return read_all(client)


def ask(port, method, path, host):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    with contextlib.closing(connection):
        connection.request(method, path, headers={"Host": host} if host else {})
        answer = connection.getresponse()
        return answer.status, answer.getheader("Location"), answer.read()


def test_redirects_keep_host_path_and_query():
    with serving(("app.example.com", "redirect"), ("*.lab.example.com", "redirect")) as (relay, port, https):
        there = f"https://app.example.com:{https}/a?b=c"
        assert ask(port, "GET", "/a?b=c", "app.example.com") == (301, there, b"")
        assert ask(port, "HEAD", "/a?b=c", "APP.example.com.:80") == (301, there, b"")
        assert ask(port, "POST", "/a?b=c", "app.example.com") == (308, there, b"")
        assert ask(port, "GET", "/", "x.lab.example.com") == (301, f"https://x.lab.example.com:{https}/", b"")
        closed = relay.wait_closed("redirected", 4)["closed"]
        assert not any(reason.startswith("refused") for reason in closed if closed[reason]), closed


def test_acme_challenges_go_home_whatever_becomes_of_the_rest():
    with serving(("app.example.com", "redirect"), ("*", "redirect")) as (relay, port, _):
        assert ask(port, "GET", TOKEN, "app.example.com") == (200, None, b"GET %s HTTP/1.1" % TOKEN.encode())
        assert ask(port, "GET", TOKEN, "other.example.com")[0] == 200  # the catch-all's
        assert ask(port, "GET", TOKEN + "/../x", "app.example.com")[0] == 301
        assert relay.wait_closed("finished", 2)["routes"]["host/app.example.com"]["connections"] == 1


def test_forwarded_hosts_get_the_whole_connection():
    def echo_upper(connection):
        while data := connection.recv(65536):
            connection.sendall(data.upper())

    with Serving(echo_upper) as target, serving(("app.example.com", "forward"), target=target.address) as (_, port, _):
        head = b"post /form http/1.1\r\n".replace(b"post", b"POST").replace(b"http/", b"HTTP/")
        sent = head + b"host: app.example.com\r\ncontent-length: 4\r\n\r\nbody"
        with connect(port) as client:
            for at in range(0, len(sent), 7):  # however it is cut
                client.sendall(sent[at:at + 7])
            assert read_exactly(client, len(sent)) == sent.upper()
            client.sendall(b"and what follows")
            assert read_exactly(client, 16) == b"AND WHAT FOLLOWS"
            client.shutdown(socket.SHUT_WR)
            assert read_all(client) == b""


def test_unknown_hosts_get_a_plain_404():
    with serving(("app.example.com", "redirect")) as (relay, port, _):
        status, _, body = ask(port, "GET", "/", "other.example.com")
        assert status == 404 and b"no such host" in body, body
        assert ask(port, "HEAD", "/", "other.example.com") == (404, None, b"")
        assert ask(port, "GET", "/", "192.0.2.1")[0] == 404
        assert ask(port, "GET", "/", "tls.example.com")[0] == 404  # a host of TLS only
        assert answer_to(port, b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 404 Not Found\r\n")
        closed = relay.wait_closed("refused_no_name", 2)["closed"]
        assert closed["refused_unknown_name"] == 3, closed


def test_what_is_no_valid_head_gets_a_small_answer_and_no_target():
    with Listening() as target, serving(("*", "forward"), target=target.address,
                                        timeouts={"hello": 300}) as (relay, port, _):
        for data, status in ((b"\x16\x03\x01\x02\x00\x01", 400),
                             (b"GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n", 400),
                             (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
                             (b"GET / HTTP/3.0\r\nHost: a.test\r\n\r\n", 505),
                             (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a.test\r\n\r\n", 414),
                             (b"GET / HTTP/1.1\r\nHost: a.test\r\nX: " + b"x" * 20000, 431),
                             (b"GET / HTTP/1.1\r\nHost: a.test\r\n", 408)):
            answer = answer_to(port, data)
            assert answer.startswith(b"HTTP/1.1 %d " % status), (data[:60], answer)
            assert b"\r\nConnection: close\r\n" in answer, answer
        assert answer_to(port, b"") == b""  # said nothing in its time: no answer
        goaway = answer_to(port, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert goaway[9:] == bytes.fromhex("000008070000000000" "00000000" "0000000d"), goaway
        closed = relay.wait_closed("refused_http2")["closed"]
        assert closed["refused_malformed_head"] == 4 and closed["refused_head_too_large"] == 2, closed
        assert closed["refused_hello_timeout"] == 2, closed
        target.socket.settimeout(0)
        try:
            target.accept()
        except BlockingIOError:
            return
        raise AssertionError("the target was dialled")


def test_a_target_that_is_down_is_a_bad_gateway():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with serving(("app.example.com", "forward"), target=closed.getsockname()) as (relay, port, _):
            status, _, body = ask(port, "GET", "/", "app.example.com")
            assert status == 502 and b"cannot be reached" in body, (status, body)
            relay.wait_closed("target_refused")


def test_listeners_of_both_kinds_outlive_a_reload_and_a_crash():
    with serving(("app.example.com", "redirect")) as (relay, port, _):
        os.kill(relay.data_pid(), signal.SIGKILL)
        assert ask(port, "GET", "/", "app.example.com")[0] == 301
        relay.wait_for("adit-relay: ready")
        relay.process.send_signal(signal.SIGHUP)
        relay.wait_for("a successor serves")
        assert ask(port, "GET", "/", "app.example.com")[0] == 301
        ports = {each["protocol"]: each["bound_port"] for each in relay.stats()["listeners"]}
        assert ports["http"] == port, ports


if __name__ == "__main__":
    cases.run(globals())
