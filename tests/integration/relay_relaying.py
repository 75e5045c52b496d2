"""Bytes and endings of relayed connections: half-close, reset, silence, slow readers, large
transfers both ways with checksums."""

import contextlib
import hashlib
import random
import socket
import threading
import time

import cases
import relay_process
from traffic import (Listening, Serving, client_hello, connect, echo_after_hello, read_all,
                     read_exactly, reset)

HELLO = client_hello()


@contextlib.contextmanager
def relayed(**table):
    """(relay, client, target connection) with the hello already delivered."""
    with relay_process.RelayProcess() as relay, Listening() as target:
        relay.set({"revision": 1, "routes": [
            {"pattern": "a.example.com", "target": target.address}], **table})
        with connect(relay.port()) as client:
            client.sendall(HELLO)
            with target.accept() as connection:
                assert read_exactly(connection, len(HELLO)) == HELLO
                yield relay, client, connection


def test_the_clients_fin_leaves_the_other_direction_open():
    late = random.Random(1).randbytes(300_000)
    with relayed() as (relay, client, target):
        client.sendall(b"request")
        client.shutdown(socket.SHUT_WR)
        assert read_all(target) == b"request"
        target.sendall(late)
        target.shutdown(socket.SHUT_WR)
        assert read_all(client) == late
        relay.wait_closed("finished")


def test_the_targets_fin_leaves_the_other_direction_open():
    late = random.Random(2).randbytes(300_000)
    with relayed() as (relay, client, target):
        target.sendall(b"greeting")
        target.shutdown(socket.SHUT_WR)
        assert read_all(client) == b"greeting"
        client.sendall(late)
        client.shutdown(socket.SHUT_WR)
        assert read_all(target) == late
        relay.wait_closed("finished")


def expect_reset(connection):
    try:
        while connection.recv(1 << 16):
            pass
    except ConnectionResetError:
        return
    raise AssertionError("a FIN where a reset was due")


def test_a_reset_of_the_client_is_passed_on():
    with relayed() as (relay, client, target):
        reset(client)
        expect_reset(target)
        relay.wait_closed("client_reset")


def test_a_reset_of_the_target_is_passed_on():
    with relayed() as (relay, client, target):
        reset(target)
        expect_reset(client)
        relay.wait_closed("target_reset")


def test_bytes_before_a_reset_are_passed_on():
    data = bytes(20_000)
    with relayed() as (relay, client, target):
        target.sendall(data)
        assert read_exactly(client, len(data)) == data
        client.sendall(b"unread")
        target.sendall(b"last words")
        reset(target)
        got = bytearray()
        with contextlib.suppress(ConnectionResetError):
            while chunk := client.recv(1000):
                got += chunk
        assert bytes(got) in (b"", b"last words"), got
        relay.wait_closed("target_reset")


def test_a_reset_is_passed_on_while_its_bytes_wait_for_a_slow_reader():
    with relayed() as (relay, client, target):
        target.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                target.send(bytes(1 << 16))
        before = relay.stats()["bytes_to_client"]
        assert before > 0
        reset(target)
        relay.wait_closed("target_reset")
        expect_reset(client)


def test_idle_connections_end():
    with relayed(timeouts={"idle": 400}) as (relay, client, target):
        start = time.monotonic()
        for _ in range(4):  # both directions keep it alive
            client.sendall(b"a")
            assert read_exactly(target, 1) == b"a"
            threading.Event().wait(0.15)
            target.sendall(b"b")
            assert read_exactly(client, 1) == b"b"
            threading.Event().wait(0.15)
        assert relay.stats()["active"] == 1
        assert read_all(client) == b"" and read_all(target) == b""
        assert 1.2 < time.monotonic() - start < 10
        relay.wait_closed("idle_timeout")


def test_half_closed_connections_end_sooner():
    with relayed(timeouts={"half_closed": 300}) as (relay, client, target):
        client.shutdown(socket.SHUT_WR)
        assert read_all(target) == b""
        assert read_all(client) == b""
        relay.wait_closed("half_closed_timeout")


def test_a_slow_reader_gets_every_byte():
    data = random.Random(3).randbytes(8 << 20)
    with relayed() as (relay, client, target):
        sender = threading.Thread(target=lambda: (target.sendall(data),
                                                  target.shutdown(socket.SHUT_WR)))
        sender.start()
        got = hashlib.sha256()
        size = 0
        while chunk := client.recv(50_000):
            got.update(chunk)
            size += len(chunk)
            if size % 7 == 0:
                threading.Event().wait(0.001)
        sender.join()
        assert size == len(data) and got.digest() == hashlib.sha256(data).digest()
        client.close()
        relay.wait_closed("finished")


def test_a_reader_that_pauses_for_long_keeps_its_connection():
    with relayed() as (relay, client, target):
        target.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                sent += target.send(bytes(1 << 16))
        threading.Event().wait(2.0)
        target.setblocking(True)
        target.shutdown(socket.SHUT_WR)
        assert len(read_all(client)) == sent
        assert relay.stats()["closed"]["client_unresponsive"] == 0


def stream(connection, seed, size):
    """Sends `size` bytes made from `seed`, then FIN; their digest."""
    numbers = random.Random(seed)
    digest = hashlib.sha256()
    while size > 0:
        chunk = numbers.randbytes(min(size, 1 + numbers.randrange(1 << 18)))
        connection.sendall(chunk)
        digest.update(chunk)
        size -= len(chunk)
    connection.shutdown(socket.SHUT_WR)
    return digest.hexdigest()


def digest_of(connection):
    digest = hashlib.sha256()
    while chunk := connection.recv(1 << 18):
        digest.update(chunk)
    return digest.hexdigest()


def transfer_both_ways(client, target, size):
    results = {}

    def note(key, function, *arguments):
        results[key] = function(*arguments)

    threads = [threading.Thread(target=note, args=arguments) for arguments in (
        ("up", stream, client, 10, size), ("up_got", digest_of, target),
        ("down", stream, target, 11, size), ("down_got", digest_of, client))]
    for thread in threads:
        thread.start()
    return threads, results


def check_transfer(threads, results):
    for thread in threads:
        thread.join()
    assert results["up"] == results["up_got"], "client to target"
    assert results["down"] == results["down_got"], "target to client"


def test_a_large_transfer_both_ways_at_once_is_spliced_and_whole():
    with relayed() as (relay, client, target):
        check_transfer(*transfer_both_ways(client, target, 96 << 20))
        stats = relay.wait_closed("finished")
        assert stats["spliced_bytes"] > 100 << 20, stats["spliced_bytes"]
        assert stats["bytes_to_client"] == 96 << 20
        assert stats["bytes_to_target"] == (96 << 20) + len(HELLO)
        route = stats["routes"]["host/a.example.com"]
        assert route["bytes_to_client"] == 96 << 20 and route["active"] == 0, route


def test_200_table_pushes_during_a_transfer_lose_nothing():
    with relayed() as (relay, client, target):
        address = target.getsockname()
        threads, results = transfer_both_ways(client, target, 64 << 20)
        with relay.control() as control:
            for revision in range(2, 202):
                reply = control.set({"revision": revision, "routes": [
                    {"pattern": "a.example.com", "target": address},
                    {"pattern": f"n{revision}.example.com", "target": address}]})
                assert reply["problems"] == [] and reply["revision"] == revision, reply
        check_transfer(threads, results)
        assert relay.wait_closed("finished")["revision"] == 201


def test_many_streams_share_few_pipes():
    """With RLIMIT_NOFILE 400 there are 25 pipes for 60 streams that block: the rest is copied."""
    size = 3 << 20
    payload = random.Random(5).randbytes(size)
    start = threading.Event()

    def send(connection):
        read_exactly(connection, len(HELLO))
        connection.sendall(payload)

    with relay_process.RelayProcess(prefix=["prlimit", "--nofile=400:400"]) as relay, \
            Serving(send) as target:
        relay.set({"revision": 1, "routes": [
            {"pattern": "a.example.com", "target": target.address}]})
        port = relay.port()
        wrong = []

        def fetch():
            with connect(port) as client:
                client.sendall(HELLO)
                start.wait()  # until then every stream is stuck
                if read_all(client) != payload:
                    wrong.append(client)

        threads = [threading.Thread(target=fetch) for _ in range(60)]
        for thread in threads:
            thread.start()
        relay.wait_until("all are connected", lambda s: s["active"] == 60)
        start.set()
        for thread in threads:
            thread.join()
        assert not wrong
        stats = relay.wait_closed("finished", 60)
        assert stats["bytes_to_client"] == 60 * size


def test_small_talk_is_not_spliced():
    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(HELLO)) as target:
        relay.set({"revision": 1, "routes": [
            {"pattern": "a.example.com", "target": target.address}]})
        with connect(relay.port()) as client:
            client.sendall(HELLO)
            for i in range(200):
                client.sendall(b"%64d" % i)
                assert read_exactly(client, 64) == b"%64d" % i
        assert relay.wait_closed("finished")["spliced_bytes"] == 0


if __name__ == "__main__":
    cases.run(globals())
