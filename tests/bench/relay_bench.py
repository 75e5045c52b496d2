#!/usr/bin/python3
"""relay_bench.py --build BUILD_DIR: adit-relay side by side with nginx `stream` + `ssl_preread`, HAProxy and sniproxy.

Everything runs in a box of namespaces (tests/support/box.sh), as root; the relays are ordinary users. An origin sits
in a namespace of its own behind a veth with WireGuard's MTU of 1420, segmentation offloads off at its side and GRO on
at the relays' side, which is how segments come out of a tunnel; the client is on loopback. Each relay has one worker.
Rounds are interleaved, so that what else the machine does hits all of them; figures are medians.

CPU is the time on a CPU of all threads of the process that relays, from their schedstat; memory is what `smaps_rollup`
grows by per held connection. Needs nginx with its stream module; others are left out where they are not installed.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import bench_network
from bench_network import ORIGIN
from bench_relays import BY_HOSTS, KINDS, NAME, ORIGIN_PORTS, wait_for_port

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PARTS = "stream1,stream16,up4,connect,connect_reset,echo,hosts,idle"


def arguments():
    parser = argparse.ArgumentParser(description="CPU per GB, connections, messages and memory of TLS relays, compared")
    parser.add_argument("--build", required=True, help="a release build: holds relay/adit-relay and tests/bench")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--gigabytes", type=float, default=3.0, help="of one round (10^9 bytes)")
    parser.add_argument("--connections", type=int, default=5000, help="short ones of one round")
    parser.add_argument("--messages", type=int, default=100_000, help="of one round of echo, over 64 connections")
    parser.add_argument("--idle", type=int, default=3000, help="connections that are held")
    parser.add_argument("--before", metavar="BUILD_DIR", help="another build: its relay is measured, too (adit-before)")
    parser.add_argument("--relays", default=",".join(KINDS))
    parser.add_argument("--parts", default=PARTS)
    parser.add_argument("--pin", action="store_true",
                        help="a CPU for the relays alone, also without the kernel's receiving side of the network")
    parser.add_argument("--no-sandbox", action="store_true", help="run adit-relay without its sandbox")
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


# --- measuring


def cpu_seconds(pid):
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
            total += int(file.read().split()[0])
    return total / 1e9


def memory_bytes(pid):
    out = {}
    with open(f"/proc/{pid}/smaps_rollup") as file:
        for line in file:
            words = line.split()
            if words[0] in ("Private_Dirty:", "Pss:", "Rss:"):
                out[words[0][:-1].lower()] = int(words[1]) * 1024
    return out


class Bench:
    def __init__(self, options, relays, new_relays):
        self.options = options
        self.relays = relays
        self.new_relays = new_relays
        self.client = os.path.join(options.build, "tests", "bench", "bulk_client")

    def ask(self, relay, *mode):
        """Runs the client; returns what it counted, seconds, the median of µs, CPU seconds of the relay."""
        pid = relay.pid()
        before = cpu_seconds(pid)
        answer = subprocess.run([self.client, f"127.0.0.1:{relay.port}", NAME, *map(str, mode)], check=True,
                                stdout=subprocess.PIPE, timeout=600).stdout.split()
        return int(answer[0]), float(answer[1]), float(answer[2]), cpu_seconds(pid) - before

    def rounds(self, measure, relays=None):
        """{relay: {figure: [value of each round]}}, interleaved; the first round warms up and does not count."""
        relays = relays or self.relays
        figures = {name: {} for name in relays}
        for number in range(self.options.rounds + 1):
            # Back and forth, so that none is always behind the same other one.
            for name, relay in list(relays.items())[::-1 if number % 2 else 1]:
                for figure, value in measure(relay).items():
                    if number > 0:
                        figures[name].setdefault(figure, []).append(value)
        return figures

    def stream(self, mode, streams):
        wanted = int(self.options.gigabytes * 1e9) // streams * streams

        def measure(relay):
            got, seconds, _, cpu = self.ask(relay, mode, streams, wanted)
            if got != wanted:
                raise RuntimeError(f"{got} bytes came, not {wanted}")
            return {"cpu_s_per_gb": cpu / got * 1e9, "gbit_per_s": got * 8 / seconds / 1e9}

        return self.rounds(measure)

    def connect(self, *mode, relays=None, hosts_of=None):
        count = self.options.connections

        def measure(relay):
            hosts = [hosts_of(relay)] if hosts_of else []
            got, seconds, _, cpu = self.ask(relay, mode[0], count, 32, *mode[1:], *hosts)
            if got != count:
                raise RuntimeError(f"{got} of {count} connections were answered")
            return {"connections_per_s": count / seconds, "cpu_s_per_1000": cpu / count * 1000}

        return self.rounds(measure, relays)

    def hosts(self):
        with self.new_relays(BY_HOSTS) as relays:
            return self.connect("connect", relays=relays, hosts_of=lambda relay: relay.hosts)

    def echo(self):
        count = self.options.messages

        def measure(relay):
            got, seconds, median, cpu = self.ask(relay, "echo", 64, count)
            return {"p50_us": median, "cpu_us_per_message": cpu / got * 1e6, "messages_per_s": got / seconds}

        return self.rounds(measure)

    def idle(self):
        count = self.options.idle
        figures = {}
        for name, relay in self.relays.items():
            with self.held(relay, 50):  # what is made once is made now
                pass
            settle(relay.pid())
            before = memory_bytes(relay.pid())
            with self.held(relay, count):
                after = memory_bytes(relay.pid())
            figures[name] = {f"{kind}_bytes_per_connection": [(after[kind] - before[kind]) / count] for kind in after}
        return figures

    @contextlib.contextmanager
    def held(self, relay, count):
        client = subprocess.Popen([self.client, f"127.0.0.1:{relay.port}", NAME, "hold", str(count)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            if client.stdout.readline() != b"held\n":
                raise RuntimeError("the client could not hold its connections")
            yield
        finally:
            client.stdin.close()
            client.wait()


def settle(pid):
    """Until the relay has closed its ends: no descriptor goes away any more."""
    count = -1
    while count != (now := len(os.listdir(f"/proc/{pid}/fd"))):
        count = now
        time.sleep(0.2)


# --- the report

PEERS = ("nginx", "haproxy", "sniproxy")
BEST = "the best peer"
# part, figure, beside whom, the most that adit's may be of theirs
WANTED = [("stream16", "cpu_s_per_gb", "nginx", 0.40), ("stream16", "cpu_s_per_gb", "haproxy", 0.30),
          ("stream16", "cpu_s_per_gb", "adit-copy", 0.60), ("stream1", "cpu_s_per_gb", "nginx", 0.60),
          ("stream1", "cpu_s_per_gb", "haproxy", 0.65), ("up4", "cpu_s_per_gb", "haproxy", 0.55),
          ("connect", "cpu_s_per_1000", "nginx", 0.95), ("connect", "cpu_s_per_1000", "haproxy", 0.95),
          ("connect_reset", "cpu_s_per_1000", "haproxy", 1.00), ("echo", "p50_us", BEST, 1.00),
          ("echo", "cpu_us_per_message", BEST, 1.00)]
LEAST_RATE_OF_MANY_HOSTS = 0.98
IDLE_BYTES = 1024


def medians(parts, part, figure):
    return {name: figures[figure]["median"] for name, figures in parts.get(part, {}).items() if figure in figures}


def verdicts(parts):
    """What is wanted, as far as it was measured."""
    for part, figure, peer, limit in WANTED:
        values = medians(parts, part, figure)
        peers = [values[name] for name in (PEERS if peer == BEST else [peer]) if name in values]
        if "adit" in values and peers:
            ratio = values["adit"] / min(peers)
            yield {"part": part, "what": f"{figure}, adit / {peer}", "value": ratio, "wanted": f"<= {limit:.2f}",
                   "met": ratio <= limit}
    rates = list(medians(parts, "hosts", "connections_per_s").values())
    if rates:
        ratio = rates[1] / rates[0]
        yield {"part": "hosts", "what": "connections_per_s, 100 000 hosts / 10 hosts", "value": ratio,
               "wanted": f">= {LEAST_RATE_OF_MANY_HOSTS}", "met": ratio >= LEAST_RATE_OF_MANY_HOSTS}
    idle = medians(parts, "idle", "private_dirty_bytes_per_connection").get("adit")
    if idle is not None:
        yield {"part": "idle", "what": "bytes per connection", "value": idle, "wanted": f"<= {IDLE_BYTES}",
               "met": idle <= IDLE_BYTES}


def report(results):
    parts = {
        part: {name: {figure: {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}
                      for figure, values in figures.items()}
               for name, figures in relays.items()}
        for part, relays in results.items()}
    return {"parts": parts, "wanted": list(verdicts(parts)), "machine": os.uname().release, "cpus": os.cpu_count()}


def print_table(summary):
    for part, relays in summary["parts"].items():
        print(f"\n{part}")
        for name, figures in relays.items():
            cells = [f"{figure} {v['median']:.3f} ({v['lowest']:.3f} to {v['highest']:.3f})" if v["median"] < 100
                     else f"{figure} {v['median']:.0f}" for figure, v in figures.items()]
            print(f"  {name:13} " + "   ".join(cells))
    print()
    for each in summary["wanted"]:
        print(f"{each['part']:13} {each['what']:47} {each['value']:7.2f}   wanted {each['wanted']:7} "
              f"{'met' if each['met'] else 'MISSED'}")


@contextlib.contextmanager
def origin(options):
    program = os.path.join(options.build, "tests", "bench", "bulk_origin")
    process = subprocess.Popen(["ip", "netns", "exec", "origin", program, ORIGIN, *map(str, ORIGIN_PORTS)],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        if process.stdout.readline() != b"ready\n":
            raise RuntimeError("the origin does not start")
        yield
    finally:
        process.stdin.close()
        process.wait()


@contextlib.contextmanager
def running(options, kinds):
    """{name: relay} of those of `kinds` that are installed."""
    with contextlib.ExitStack() as stack:
        relays = {}
        for name, kind in kinds.items():
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="adit-bench-"))
            os.chmod(folder, 0o755)
            try:
                relay = kind(options, folder)
            except FileNotFoundError as error:
                print(f"{name} is left out: not found: {error}", file=sys.stderr)
                continue
            stack.callback(relay.close)
            wait_for_port(relay.port)
            relays[name] = relay
        yield relays


def main():
    options = arguments()
    options.build = os.path.abspath(options.build)
    if not options.inside:
        box = os.path.join(ROOT, "tests", "support", "box.sh")
        os.execv(box, [box, sys.executable, os.path.abspath(__file__), *sys.argv[1:], "--inside"])
    bench_network.build()
    options.relay_prefix = bench_network.pin() if options.pin else []
    kinds = {name: KINDS[name] for name in options.relays.split(",") if name != "adit-before" or options.before}
    with origin(options), running(options, kinds) as relays:
        bench = Bench(options, relays, lambda more: running(options, more))
        parts = {"stream1": lambda: bench.stream("stream", 1), "stream16": lambda: bench.stream("stream", 16),
                 "up4": lambda: bench.stream("up", 4), "connect": lambda: bench.connect("connect", 0),
                 "connect_reset": lambda: bench.connect("reset"), "echo": bench.echo, "hosts": bench.hosts,
                 "idle": bench.idle}
        summary = report({part: parts[part]() for part in options.parts.split(",")})
    if options.output == "json":
        print(json.dumps(summary, indent=2))
    else:
        print_table(summary)


if __name__ == "__main__":
    main()
