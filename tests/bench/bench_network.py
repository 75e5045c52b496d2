"""The network of relay_bench.py: an origin in a namespace behind a veth, and which CPU does the kernel's part of it."""

import array
import ctypes
import fcntl
import os
import socket
import struct
import subprocess

ORIGIN = "10.30.0.200"
SIOCETHTOOL, CLONE_NEWNET = 0x8946, 0x40000000
GET_TSO, SET_TSO, GET_GSO, SET_GSO, GET_GRO, SET_GRO = 0x1E, 0x1F, 0x23, 0x24, 0x2B, 0x2C


def run(*command):
    subprocess.run(command, check=True)


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


def build():
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


def pin():
    """The prefix of a relay's command that gives it a CPU which nothing else of the benchmark uses: all other programs,
    this one included, and the receiving side of every interface (RPS) are kept to the other CPUs."""
    own = sorted(os.sched_getaffinity(0))
    if len(own) < 2:
        raise SystemExit("--pin needs two CPUs")
    others = own[:-1]
    os.sched_setaffinity(0, others)  # inherited by all that is started from here on
    mask = f"{sum(1 << cpu for cpu in others):x}"
    run("mount", "-n", "-t", "sysfs", "sysfs", "/sys")  # that of this namespace
    steer = "for interface in {}; do echo {} > /sys/class/net/$interface/queues/rx-0/rps_cpus; done"
    run("sh", "-ec", steer.format("relay0 lo", mask))
    run("ip", "netns", "exec", "origin", "sh", "-ec", steer.format("origin0", mask))
    return ["taskset", "-c", str(own[-1])]
