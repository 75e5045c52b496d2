#!/usr/bin/python3
"""relay_bench.py --build BUILD_DIR: adit-relay side by side with nginx `stream` + `ssl_preread` (and HAProxy).

Everything runs in a box of namespaces (tests/support/box.sh), as root. An origin sits in a namespace of its own behind
a veth with WireGuard's MTU of 1420, segmentation offloads off at its side and GRO on at the relays' side, which is how
segments come out of a tunnel; the client is on loopback. Each relay has one worker. Rounds are interleaved, so that
what else the machine does hits all of them; figures are medians.

CPU is user + sys of the process that relays (all its threads) from /proc/PID/stat; memory is what `smaps_rollup` grows
by per held connection. Needs nginx with its stream module; HAProxy is left out where it is not installed.
"""

import argparse
import array
import contextlib
import ctypes
import fcntl
import json
import os
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
NAME = "app.example.com"
ORIGIN, PORT = "10.30.0.200", 443
MODULE = "ngx_stream_module.so"
TICKS = os.sysconf("SC_CLK_TCK")


def arguments():
    parser = argparse.ArgumentParser(description="CPU per GB, connections and memory of TLS relays, side by side")
    parser.add_argument("--build", required=True, help="a release build: holds relay/adit-relay and tests/bench")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--gigabytes", type=float, default=3.0, help="of one round (10^9 bytes)")
    parser.add_argument("--connections", type=int, default=5000, help="short ones of one round")
    parser.add_argument("--idle", type=int, default=3000, help="connections that are held")
    parser.add_argument("--relays", default="adit,nginx,haproxy")
    parser.add_argument("--parts", default="stream1,stream16,connect,idle")
    parser.add_argument("--no-sandbox", action="store_true", help="run adit-relay without its sandbox")
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


# --- the network


def run(*command):
    subprocess.run(command, check=True)


SIOCETHTOOL, CLONE_NEWNET = 0x8946, 0x40000000
GET_TSO, SET_TSO, GET_GSO, SET_GSO, GET_GRO, SET_GRO = 0x1E, 0x1F, 0x23, 0x24, 0x2B, 0x2C


def ethtool(interface, command, value=0):
    """One request of ethtool(8), which need not be installed; returns the value."""
    buffer = array.array("B", struct.pack("II", command, value))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCETHTOOL, struct.pack("16sP", interface.encode(), buffer.buffer_info()[0]))
    return struct.unpack("II", buffer.tobytes())[1]


def in_origin(function):
    """Calls `function` in a child process inside the origin's namespace."""
    child = os.fork()
    if child == 0:
        with open("/run/netns/origin") as namespace:
            if ctypes.CDLL(None).setns(namespace.fileno(), CLONE_NEWNET) == 0:
                function()
                os._exit(0)
        os._exit(1)
    if os.waitpid(child, 0)[1] != 0:
        raise RuntimeError("could not prepare the origin's namespace")


def without_segmentation():
    for set_it, get_it in ((SET_TSO, GET_TSO), (SET_GSO, GET_GSO)):
        ethtool("origin0", set_it, 0)
        assert ethtool("origin0", get_it) == 0


def build_network():
    run("ip", "netns", "add", "origin")
    run("ip", "link", "add", "relay0", "type", "veth", "peer", "name", "origin0", "netns", "origin")
    run("ip", "address", "add", "10.30.0.1/24", "dev", "relay0")
    run("ip", "link", "set", "dev", "relay0", "mtu", "1420", "up")
    for command in (["address", "add", ORIGIN + "/24", "dev", "origin0"], ["link", "set", "dev", "lo", "up"],
                    ["link", "set", "dev", "origin0", "mtu", "1420", "up"]):
        run("ip", "-n", "origin", *command)
    ethtool("relay0", SET_GRO, 1)
    assert ethtool("relay0", GET_GRO) == 1
    in_origin(without_segmentation)
    with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as ports:
        ports.write("10000 65000")


# --- the relays


class Adit:
    port = 6443

    def __init__(self, options, folder):
        os.environ["ADIT_BUILD_DIR"] = options.build
        sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
        import relay_process
        self.process = relay_process.RelayProcess(workers=1, folder=folder, sandbox=not options.no_sandbox)
        self.process.set({"revision": 1, "routes": [{"pattern": NAME, "port": self.port, "target": (ORIGIN, PORT)}]})

    def pid(self):
        return self.process.data_pid()

    def close(self):
        self.process.close()


class Nginx:
    port = 7443

    def __init__(self, _, folder):
        program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
        module = os.path.join("/usr/lib/nginx/modules", MODULE)
        if not program or not os.path.exists(module):
            raise FileNotFoundError("nginx with its stream module")
        config = os.path.join(folder, "nginx.conf")
        with open(config, "w") as out:
            out.write(f"""load_module {module}; daemon off; worker_processes 1; worker_rlimit_nofile 20000;
                pid {folder}/nginx.pid; error_log {folder}/error.log;
                events {{ worker_connections 16000; }}
                stream {{
                  map $ssl_preread_server_name $target {{ {NAME} {ORIGIN}:{PORT}; }}
                  server {{ listen 127.0.0.1:{self.port} backlog=4096; ssl_preread on; proxy_pass $target; }}
                }}""")
        self.process = subprocess.Popen([program, "-p", folder, "-c", config], stdin=subprocess.DEVNULL)

    def pid(self):
        """The worker's."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as file:
            return int(file.read().split()[0])

    def close(self):
        self.process.terminate()
        self.process.wait()


class Haproxy:
    port = 8443

    def __init__(self, _, folder):
        program = shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin")
        if not program:
            raise FileNotFoundError("haproxy")
        config = os.path.join(folder, "haproxy.cfg")
        with open(config, "w") as out:
            out.write(f"""global
  nbthread 1
  maxconn 7000
defaults
  mode tcp
  option splice-auto
  timeout connect 5s
  timeout client 1h
  timeout server 1h
frontend tls
  bind 127.0.0.1:{self.port}
  tcp-request inspect-delay 5s
  tcp-request content accept if {{ req_ssl_hello_type 1 }}
  use_backend origin if {{ req_ssl_sni -i {NAME} }}
backend origin
  server origin {ORIGIN}:{PORT}
""")
        self.process = subprocess.Popen([program, "-db", "-f", config], stdin=subprocess.DEVNULL)

    def pid(self):
        return self.process.pid

    def close(self):
        self.process.terminate()
        self.process.wait()


KINDS = {"adit": Adit, "nginx": Nginx, "haproxy": Haproxy}


def wait_for_port(port):
    deadline = time.monotonic() + 20
    while True:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing listens on port {port}")
        time.sleep(0.01)


# --- measuring


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_bytes(pid):
    out = {}
    with open(f"/proc/{pid}/smaps_rollup") as file:
        for line in file:
            words = line.split()
            if words[0] in ("Private_Dirty:", "Pss:", "Rss:"):
                out[words[0][:-1].lower()] = int(words[1]) * 1024
    return out


class Bench:
    def __init__(self, options, relays):
        self.options = options
        self.relays = relays
        self.client = os.path.join(options.build, "tests", "bench", "bulk_client")

    def ask(self, relay, *mode):
        """Runs the client; returns bytes, seconds, CPU seconds of the relay."""
        pid = relay.pid()
        before = cpu_seconds(pid)
        answer = subprocess.run([self.client, f"127.0.0.1:{relay.port}", NAME, *map(str, mode)], check=True,
                                stdout=subprocess.PIPE, timeout=600).stdout.split()
        return int(answer[0]), float(answer[1]), cpu_seconds(pid) - before

    def rounds(self, measure):
        """{relay: {figure: [value of each round]}}, interleaved; the first round warms up and does not count."""
        figures = {name: {} for name in self.relays}
        for number in range(self.options.rounds + 1):
            for name, relay in self.relays.items():
                for figure, value in measure(relay).items():
                    if number > 0:
                        figures[name].setdefault(figure, []).append(value)
        return figures

    def stream(self, streams):
        wanted = int(self.options.gigabytes * 1e9) // streams * streams

        def measure(relay):
            got, seconds, cpu = self.ask(relay, "stream", streams, wanted)
            if got != wanted:
                raise RuntimeError(f"{got} bytes came, not {wanted}")
            return {"cpu_s_per_gb": cpu / got * 1e9, "gbit_per_s": got * 8 / seconds / 1e9}

        return self.rounds(measure)

    def connect(self):
        count = self.options.connections

        def measure(relay):
            got, seconds, cpu = self.ask(relay, "connect", count, 32)
            if got != count:
                raise RuntimeError(f"{got} of {count} connections were answered")
            return {"connections_per_s": count / seconds, "cpu_s_per_1000": cpu / count * 1000}

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

LIMITS = {("stream1", "cpu_s_per_gb"): 0.70, ("stream16", "cpu_s_per_gb"): 0.50}
IDLE_LIMIT = 2048


def report(results):
    out = {"parts": {}, "ratios": {}, "machine": os.uname().release, "cpus": os.cpu_count()}
    for part, relays in results.items():
        out["parts"][part] = {
            name: {figure: {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}
                   for figure, values in figures.items()}
            for name, figures in relays.items()}
    for (part, figure), limit in LIMITS.items():
        relays = out["parts"].get(part, {})
        if "adit" in relays and "nginx" in relays:
            ratio = relays["adit"][figure]["median"] / relays["nginx"][figure]["median"]
            out["ratios"][part] = {"adit_to_nginx": ratio, "limit": limit, "met": ratio <= limit}
    idle = out["parts"].get("idle", {}).get("adit")
    if idle:
        value = idle["private_dirty_bytes_per_connection"]["median"]
        out["ratios"]["idle"] = {"bytes": value, "limit": IDLE_LIMIT, "met": value <= IDLE_LIMIT}
    return out


def print_table(summary):
    for part, relays in summary["parts"].items():
        print(f"\n{part}")
        for name, figures in relays.items():
            cells = [f"{figure} {v['median']:.3f} ({v['lowest']:.3f} to {v['highest']:.3f})" if v["median"] < 100
                     else f"{figure} {v['median']:.0f}" for figure, v in figures.items()]
            print(f"  {name:8} " + "   ".join(cells))
    print()
    for part, ratio in summary["ratios"].items():
        value = ratio.get("adit_to_nginx", ratio.get("bytes"))
        print(f"{part}: {'adit / nginx' if 'adit_to_nginx' in ratio else 'bytes per connection'} {value:.2f}, "
              f"wanted at most {ratio['limit']}: {'met' if ratio['met'] else 'MISSED'}")


@contextlib.contextmanager
def origin(options):
    program = os.path.join(options.build, "tests", "bench", "bulk_origin")
    process = subprocess.Popen(["ip", "netns", "exec", "origin", program, ORIGIN, str(PORT)],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        if process.stdout.readline() != b"ready\n":
            raise RuntimeError("the origin does not start")
        yield
    finally:
        process.stdin.close()
        process.wait()


def main():
    options = arguments()
    options.build = os.path.abspath(options.build)
    if not options.inside:
        box = os.path.join(ROOT, "tests", "support", "box.sh")
        os.execv(box, [box, sys.executable, os.path.abspath(__file__), *sys.argv[1:], "--inside"])
    build_network()
    with contextlib.ExitStack() as stack:
        stack.enter_context(origin(options))
        relays = {}
        for name in options.relays.split(","):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="adit-bench-"))
            os.chmod(folder, 0o755)
            try:
                relay = KINDS[name](options, folder)
            except FileNotFoundError as error:
                print(f"{name} is left out: not found: {error}", file=sys.stderr)
                continue
            stack.callback(relay.close)
            wait_for_port(relay.port)
            relays[name] = relay
        bench = Bench(options, relays)
        parts = {"stream1": lambda: bench.stream(1), "stream16": lambda: bench.stream(16),
                 "connect": bench.connect, "idle": bench.idle}
        summary = report({part: parts[part]() for part in options.parts.split(",")})
    if options.output == "json":
        print(json.dumps(summary, indent=2))
    else:
        print_table(summary)


if __name__ == "__main__":
    main()
