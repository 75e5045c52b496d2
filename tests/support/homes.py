"""Homes in network namespaces behind a VPS, which is the box (support/box.sh) itself: each has a WireGuard interface of
its own, stock wireguard-go, and a TLS server in its LAN. They have public addresses, or stand behind a carrier's NAT."""

import contextlib
import os
import shutil
import subprocess
import threading
import time

import cases
from controller_process import ControllerProcess
from relay_process import RelayProcess
from traffic import certificate

RELAY = 'relay: {addresses: ["127.0.0.1"], https_port: 0, http_port: 0}\n'


def run(*command, **arguments):
    return subprocess.run(command, check=True, capture_output=True, text=True, **arguments).stdout


def make_keys():
    private = run("wg", "genkey").strip()
    return private, run("wg", "pubkey", input=private).strip()


def wire(device, address, namespace, peer, peer_address, own=()):
    """A cable from here, or from the namespace that `own` (("-n", NAME)) names, to another one."""
    run("ip", *own, "link", "add", device, "type", "veth", "peer", "name", peer, "netns", namespace)
    run("ip", *own, "addr", "add", address, "dev", device)
    run("ip", *own, "link", "set", device, "up")
    run("ip", "-n", namespace, "addr", "add", peer_address, "dev", peer)
    run("ip", "-n", namespace, "link", "set", peer, "up")


class Carrier:
    """A NAT that forgets a UDP mapping after `unanswered` seconds, or `stream` once both ends have spoken, and lets
    nothing in that was not asked for."""

    VPS = "192.0.2.129"

    def __init__(self, unanswered, stream):
        run("ip", "netns", "add", "carrier")
        wire("to-carrier", f"{self.VPS}/28", "carrier", "outside", "192.0.2.130/28")
        run("ip", "-n", "carrier", "route", "add", "default", "via", self.VPS)
        self.inside("nft", """table ip carrier {
            chain postrouting {
              type nat hook postrouting priority srcnat
              oifname "outside" masquerade
            }
            chain forward {
              type filter hook forward priority filter; policy drop;
              ct state established,related accept
              iifname != "outside" accept
            }
          }""")
        for key, value in (("ip_forward", 1), ("../netfilter/nf_conntrack_udp_timeout", unanswered),
                           ("../netfilter/nf_conntrack_udp_timeout_stream", stream)):
            self.inside("sh", "-c", f"echo {value} >/proc/sys/net/ipv4/{key}")

    def inside(self, *command):
        return run("ip", "netns", "exec", "carrier", *command)

    def connect(self, home):
        subnet = f"100.64.{home.number}"
        wire(f"in{home.number}", f"{subnet}.1/24", home.name, "wan", f"{subnet}.2/24", own=("-n", "carrier"))
        home.ip("route", "add", "default", "via", f"{subnet}.1")

    def move(self, address):
        """Another public address, and no memory of what was mapped to the old one."""
        run("ip", "-n", "carrier", "addr", "flush", "dev", "outside", "scope", "global")
        run("ip", "-n", "carrier", "addr", "add", f"{address}/28", "dev", "outside")
        run("ip", "-n", "carrier", "route", "replace", "default", "via", self.VPS)
        self.inside("conntrack", "--flush")


class Home:
    """A namespace with a WireGuard interface of its own and a TLS server in its LAN."""

    def __init__(self, number, carrier=None):
        self.number = number
        self.name = f"home{number}"
        self.interface = f"wgh{number}"
        self.lan = f"10.3{number}.0"
        self.private_key, self.public_key = make_keys()
        self.server = None
        self.peer = []
        run("ip", "netns", "add", self.name)
        if carrier:
            carrier.connect(self)
        else:
            wire(f"out{number}", f"192.0.2.{number * 16 + 1}/28", self.name, "wan", f"192.0.2.{number * 16 + 2}/28")
        self.ip("link", "set", "lo", "up")
        self.ip("addr", "add", f"{self.lan}.200/24", "dev", "lo")

    def ip(self, *arguments):
        run("ip", "-n", self.name, *arguments)

    def inside(self, *command):
        return run("ip", "netns", "exec", self.name, *command)

    def connect(self, config):
        """Brings the tunnel up with what `adit site config` printed, its key filled in."""
        lines = config.splitlines()
        peer = lines.index("[Peer]")
        address = next(v for k, v in settings(lines[:peer]) if k == "Address").split(",")[0]
        values = dict(settings(lines[peer:]))
        self.inside("wireguard-go", self.interface)
        self.peer = ["peer", values["PublicKey"], "endpoint", values["Endpoint"], "allowed-ips",
                     values["AllowedIPs"], "persistent-keepalive", values.get("PersistentKeepalive", "off")]
        run("wg", "set", self.interface, "private-key", "/dev/stdin", *self.peer,
            input=self.private_key)
        self.ip("addr", "add", address.strip().split("/")[0] + "/20", "dev", self.interface)
        self.ip("link", "set", self.interface, "up", "mtu", "1420")

    def start_again(self):
        run("wg", "set", self.interface, "peer", self.peer[1], "remove")
        run("wg", "set", self.interface, *self.peer)

    def serve(self, *names):
        """openssl's own TLS server in the LAN; it answers each line with its reverse."""
        chain, key = certificate(*names)
        self.server = subprocess.Popen(
            ["ip", "netns", "exec", self.name, "openssl", "s_server", "-accept",
             f"{self.lan}.200:443", "-cert", chain, "-key", key, "-rev", "-quiet"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20  # on a busy machine it listens a while later
        while f"{self.lan}.200:443" not in self.inside("ss", "-ltnH"):
            assert self.server.poll() is None and time.monotonic() < deadline
            threading.Event().wait(0.02)

    def close(self):
        if self.server:
            self.server.terminate()
            self.server.wait()


def settings(lines):
    for line in lines:
        key, separator, value = line.partition("=")
        if separator and not line.startswith("#"):
            yield key.strip(), value.strip()


@contextlib.contextmanager
def vps(homes, carrier=None):
    """(relay, controller, home...): the controller is told of no site yet. `carrier`: makes the NAT before the homes."""
    if not os.path.exists("/dev/net/tun"):
        raise cases.Skip("there is no /dev/net/tun")
    for program in ["wireguard-go", "wg", "ip"] + (["nft", "conntrack"] if carrier else []):
        if not shutil.which(program):
            raise cases.Skip(f"there is no {program}")
    with contextlib.ExitStack() as stack:
        nat = carrier() if carrier else None
        made = [stack.enter_context(contextlib.closing(Home(n + 1, nat))) for n in range(homes)]
        relay = stack.enter_context(RelayProcess())
        controller = stack.enter_context(ControllerProcess(
            relay.control_path, endpoint=nat.VPS if nat else "192.0.2.17", listen_port=51820))
        yield (relay, controller, *([nat] if nat else []), *made)


def site_of(controller, name):
    return next(s for s in controller.status()["sites"] if s["name"] == name)


def wg(controller, what):
    interface = controller.status()["node"]["interface"]
    lines = run("wg", "show", interface, what).splitlines()
    return dict(line.split("\t", 1) for line in lines)


def wait_up(controller, name):
    controller.wait_until(f"{name} is up", lambda s: any(
        site["name"] == name and site["state"] == "up" for site in s["sites"]), timeout=30)
