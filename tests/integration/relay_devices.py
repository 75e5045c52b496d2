"""`from: devices`: a source address in the device prefixes and arrival by the tunnel's interface, both.
The relay's namespace has two cables here: "tunnel" to the devices, "outside" to everybody else, who may
well say an address of a device."""

import contextlib
import os
import subprocess
import sys

import cases
import relay_process
from traffic import ACCESS_DENIED, Serving, alert, client_hello, echo

HELLO = client_hello()

# Connects from within a namespace: prints the first bytes that come back.
CLIENT = """
import socket, sys
source, host, port, data = sys.argv[1], sys.argv[2], int(sys.argv[3]), bytes.fromhex(sys.argv[4])
with socket.create_connection((host, port), timeout=10, source_address=(source, 0)) as client:
    client.sendall(data)
    print(client.recv(7).hex())
"""


def sh(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {done.stdout}{done.stderr}")


def plug(namespace, interface, near, far):
    """A cable from `interface` here to "eth0" there; `near` and `far` are its addresses."""
    sh("ip", "netns", "add", namespace)
    sh("ip", "link", "add", "name", interface, "type", "veth", "peer", "name", "eth0", "netns",
       namespace)
    for address in near:
        sh("ip", "addr", "add", address, "dev", interface, *(["nodad"] if ":" in address else []))
    sh("ip", "link", "set", "dev", interface, "up")
    sh("ip", "-n", namespace, "link", "set", "dev", "lo", "up")
    for address in far:
        sh("ip", "-n", namespace, "addr", "add", address, "dev", "eth0",
           *(["nodad"] if ":" in address else []))
    sh("ip", "-n", namespace, "link", "set", "dev", "eth0", "up")


@contextlib.contextmanager
def house():
    """(relay, update(access, **table), ask(namespace, source, host))."""
    if os.getuid() != 0:
        raise cases.Skip("needs root for network namespaces")
    plug("devices", "tunnel", ["10.98.0.1/20", "2001:db8:98::1/64"],
         ["10.98.8.5/20", "10.98.1.5/20", "2001:db8:98::5/64"])
    plug("outside", "cable", ["203.0.113.1/24", "2001:db8:1::1/64"],
         ["203.0.113.9/24", "2001:db8:1::9/64"])
    with relay_process.RelayProcess() as relay, Serving(echo) as target:
        revisions = iter(range(1, 100))

        def update(access, **table):
            relay.set({"revision": next(revisions), "addresses": ["::"],
                       "devices": ["10.98.8.0/21", "2001:db8:98::/64"], "tunnel": "tunnel",
                       "routes": [{"pattern": "a.example.com", "target": target.address,
                                   "access": access}], **table})

        def ask(namespace, source, host):
            command = [sys.executable, "-c", CLIENT, source, host, str(relay.port()), HELLO.hex()]
            if namespace:
                command = ["ip", "netns", "exec", namespace] + command
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
            return {HELLO[:7].hex(): "served", alert(ACCESS_DENIED).hex(): "denied"}.get(
                done.stdout.strip(), done.stderr)

        update({"from": "devices"})
        yield relay, update, ask


def test_devices_are_who_comes_by_the_tunnel_with_an_address_of_it():
    with house() as (_, _update, ask):
        for source, host in (("10.98.8.5", "10.98.0.1"), ("2001:db8:98::5", "2001:db8:98::1")):
            assert ask("devices", source, host) == "served", source
        # By the tunnel, but a site's address; and not by the tunnel.
        assert ask("devices", "10.98.1.5", "10.98.0.1") == "denied"
        assert ask("outside", "203.0.113.9", "203.0.113.1") == "denied"
        assert ask("outside", "2001:db8:1::9", "2001:db8:1::1") == "denied"


def test_an_address_of_a_device_by_another_interface_is_denied():
    with house() as (_, _update, ask):
        # The worst case: the kernel answers it by the cable on which it came, and does not filter.
        for interface in ("all", "cable"):
            with open(f"/proc/sys/net/ipv4/conf/{interface}/rp_filter", "w", encoding="ascii") as file:
                file.write("0")
        sh("ip", "-n", "outside", "addr", "add", "10.98.8.77/32", "dev", "eth0")
        sh("ip", "route", "add", "10.98.8.77/32", "dev", "cable")
        assert ask("outside", "10.98.8.77", "203.0.113.1") == "denied"
        sh("ip", "-n", "outside", "addr", "add", "2001:db8:98::77/128", "dev", "eth0", "nodad")
        sh("ip", "route", "add", "2001:db8:98::77/128", "dev", "cable")
        assert ask("outside", "2001:db8:98::77", "2001:db8:1::1") == "denied"
        # This machine itself, at the tunnel's address, with one of its own that is no device's.
        assert ask(None, "10.98.0.1", "10.98.0.1") == "denied"


def test_closed_where_nothing_is_known_of_a_tunnel():
    with house() as (_, update, ask):
        for table in ({"tunnel": ""}, {"tunnel": "adit9"}, {"devices": []}, {"tunnel": "cable"}):
            update({"from": "devices"}, **table)
            assert ask("devices", "10.98.8.5", "10.98.0.1") == "denied", table
        update({"from": "devices"})
        assert ask("devices", "10.98.8.5", "10.98.0.1") == "served"


def test_the_lists_hold_for_devices_too_and_a_grant_opens_the_door():
    with house() as (_, update, ask):
        update({"from": "devices", "deny": ["10.98.8.5/32"]})
        assert ask("devices", "10.98.8.5", "10.98.0.1") == "denied"
        update({"from": "devices", "grants": {"203.0.113.9/32": 4_000_000_000}})
        assert ask("outside", "203.0.113.9", "203.0.113.1") == "served"
        assert ask("devices", "10.98.8.5", "10.98.0.1") == "served"


def test_a_listener_of_ipv4_alone():
    with house() as (_, update, ask):
        update({"from": "devices"}, addresses=["0.0.0.0"])
        assert ask("devices", "10.98.8.5", "10.98.0.1") == "served"
        assert ask("outside", "203.0.113.9", "203.0.113.1") == "denied"


if __name__ == "__main__":
    cases.run(globals())
