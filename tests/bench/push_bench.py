#!/usr/bin/python3
"""push_bench.py --build BUILD_DIR: how long a table of 100 000 hosts takes from the controller to live.

Each push changes the target of every host. From the first byte that is sent to the relay: until a new connection is
served by the new target (live), and until the relay says that every worker runs the table and it is on disk
(acknowledged). Memory is the PSS of both processes after the last push. Needs no root.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "support"))


def arguments():
    parser = argparse.ArgumentParser(description="milliseconds and megabytes of pushes of a large table")
    parser.add_argument("--build", required=True, help="a release build: holds relay/adit-relay")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--hosts", type=int, default=100_000)
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")
    return parser.parse_args()


def encoded_table(hosts, revision, target):
    import relay_control
    http = {"action": "redirect", "port": 0, "target": target}
    routes = [{"pattern": f"host{i}.example.com", "target": target, "http": http} for i in range(hosts)]
    return relay_control.encode_table({"revision": revision, "routes": routes})


def pss_bytes(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:"))


def push(relay, encoded, revision, is_live):
    """Milliseconds until it is live, and until it is acknowledged."""
    receiving, sending = multiprocessing.Pipe(duplex=False)

    def send():  # in a process of its own: who looks is not to take its time away
        with relay.control() as control:
            start = time.monotonic()
            reply = control.set(encoded, digest=revision)
            sending.send((start, time.monotonic(), reply))

    sender = multiprocessing.get_context("fork").Process(target=send)
    sender.start()
    while not is_live():
        time.sleep(0.002)
    live = time.monotonic()
    start, acknowledged, reply = receiving.recv()
    sender.join()
    assert not reply["problems"] and not reply["warning"], reply
    return (live - start) * 1000, (acknowledged - start) * 1000


def measure(hosts, rounds):
    import relay_process
    from traffic import Serving, client_hello, connect, read_exactly
    hello = client_hello("host7.example.com")

    def answering(word):
        def serve(connection):
            read_exactly(connection, len(hello))
            connection.sendall(word)
        return Serving(serve)

    def served_by(port):
        with connect(port) as client:
            client.sendall(hello)
            return read_exactly(client, 1)

    times = []
    with relay_process.RelayProcess(workers=1) as relay, answering(b"0") as even, answering(b"1") as odd:
        targets = [even.address, odd.address]
        relay.set({"revision": 1, "routes": [{"pattern": "host7.example.com", "target": odd.address}]})
        for revision in range(2, rounds + 2):
            encoded = encoded_table(hosts, revision, targets[revision % 2])
            port, word = relay.port(), b"%d" % (revision % 2)
            times.append(push(relay, encoded, revision, lambda: served_by(port) == word))
        memory = sum(pss_bytes(pid) for pid in (relay.process.pid, relay.data_pid()))
    return {"bytes": len(encoded), "live_ms": [live for live, _ in times], "acknowledged_ms": [ack for _, ack in times],
            "pss_bytes": memory}


def main():
    options = arguments()
    os.environ["ADIT_BUILD_DIR"] = options.build
    result = measure(options.hosts, options.rounds)
    if options.output == "json":
        print(json.dumps(result))
        return
    print(f"{options.hosts} hosts, {result['bytes'] / 1e6:.1f} MB on the wire, load {os.getloadavg()[0]:.1f}")
    for what in ("live_ms", "acknowledged_ms"):
        times = result[what]
        print(f"{what:16} median {statistics.median(times):7.1f}  lowest {min(times):7.1f}  highest {max(times):7.1f}")
    print(f"memory           {result['pss_bytes'] / 1e6:.1f} MB PSS of both processes")


if __name__ == "__main__":
    main()
