#!/usr/bin/python3
"""restart_bench.py --build BUILD_DIR: how long a relay is away when its data process is killed.

From SIGKILL of the data process to a new connection that was served to its target, with a table of one host and
one of 100 000, which the fresh process reads from its cache. Needs no root.
"""

import argparse
import json
import os
import signal
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "support"))


def arguments():
    parser = argparse.ArgumentParser(description="milliseconds from a killed data process to a served connection")
    parser.add_argument("--build", required=True, help="a release build: holds relay/adit-relay")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--hosts", type=int, nargs="+", default=[1, 100_000])
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")
    return parser.parse_args()


def measure(hosts, rounds):
    """Milliseconds of each round."""
    import relay_process
    from traffic import Serving, client_hello, connect, echo_after_hello, read_exactly
    hello = client_hello()
    times = []
    with relay_process.RelayProcess(workers=1) as relay, Serving(echo_after_hello(hello)) as target:
        routes = [{"pattern": f"n{i}.example.com", "target": target.address} for i in range(hosts - 1)]
        relay.set({"revision": 1, "routes": routes + [{"pattern": "a.example.com", "target": target.address}]})
        port = relay.port()
        for _ in range(rounds):
            pid = relay.data_pid()
            start = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            with connect(port) as client:
                client.sendall(hello + b"ping")
                assert read_exactly(client, 4) == b"ping"
            times.append((time.monotonic() - start) * 1000)
            assert relay.data_pid() != pid
    return times


def main():
    options = arguments()
    os.environ["ADIT_BUILD_DIR"] = options.build
    results = {hosts: measure(hosts, options.rounds) for hosts in options.hosts}
    if options.output == "json":
        print(json.dumps({str(hosts): times for hosts, times in results.items()}))
        return
    print(f"{'hosts':>8}  {'median ms':>10}  {'lowest':>7}  {'highest':>7}   load {os.getloadavg()[0]:.1f}")
    for hosts, times in results.items():
        print(f"{hosts:8}  {statistics.median(times):10.1f}  {min(times):7.1f}  {max(times):7.1f}")


if __name__ == "__main__":
    main()
