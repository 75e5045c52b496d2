"""Bytes of relayed connections: urgent data, slow readers, large transfers both ways with checksums.
How connections end stands in relay_endings.py."""

import contextlib
import hashlib
import random
import socket
import threading

import cases
import relay_process
from relayed import HELLO, relayed, send_until_they_wait
from traffic import Serving, connect, echo_after_hello, read_all, read_exactly


def assert_does_not_spin(relay):
    pid = relay.data_pid()
    before = relay_process.cpu_seconds(pid)
    threading.Event().wait(1.0)
    spent = relay_process.cpu_seconds(pid) - before
    assert spent < 0.2, f"{spent} s of CPU in 1 s of silence"


def test_urgent_data_neither_spins_nor_takes_other_bytes_with_it():
    block = random.Random(4).randbytes(64 << 10)
    for is_stream in (True, False):
        for before_silence in (b"and behind", b""):
            with relayed() as (relay, client, target):
                for _ in range(8 if is_stream else 0):  # spliced from the third on
                    client.sendall(block)
                    assert read_exactly(target, len(block)) == block
                client.sendall(b"before")
                client.send(b"!", socket.MSG_OOB)
                client.sendall(before_silence)
                wanted = b"before" + before_silence
                assert read_exactly(target, len(wanted)) == wanted
                assert_does_not_spin(relay)
                client.send(b"!", socket.MSG_OOB)
                client.sendall(b"the end")
                client.shutdown(socket.SHUT_WR)
                assert read_all(target) == b"the end"
                target.shutdown(socket.SHUT_WR)
                assert read_all(client) == b""
                relay.wait_closed("finished")


def test_urgent_data_that_waits_with_a_fin_does_not_spin():
    with relayed() as (relay, client, target):
        sent = send_until_they_wait(relay, client)
        client.send(b"!", socket.MSG_OOB)
        client.sendall(b"behind")
        client.shutdown(socket.SHUT_WR)
        threading.Event().wait(0.2)
        assert_does_not_spin(relay)
        assert len(read_all(target)) == sent + len(b"behind")
        target.shutdown(socket.SHUT_WR)
        assert read_all(client) == b""
        relay.wait_closed("finished")


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
