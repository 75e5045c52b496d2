"""A machine that boots: Debian with systemd as its process 1, by systemd-nspawn, on a tree that
outlives a reboot. For tests in a machine room (tests/support/machine_room.sh), which takes everything away again."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time

import cases
import wires

SUPPORT = os.path.dirname(os.path.abspath(__file__))
ROOT = "/run/guest"
BOOT_LIMIT = 60  # seconds; a boot takes one
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def tree():
    """The folder with a bootable Debian that all guests share."""
    made = subprocess.run([f"{SUPPORT}/boot_root.sh", "tree"], stdout=subprocess.PIPE, text=True, check=False)
    if made.returncode == 77:
        raise cases.Skip(made.stdout.strip().removeprefix("skipped: "))
    assert made.returncode == 0, "boot_root.sh failed"
    return made.stdout.strip()


class Guest:
    """`with Guest() as guest:` a machine that is switched off; `guest.root` is its disk."""

    def __enter__(self):
        for folder in ("changed", "work", "root", "dev"):
            os.makedirs(f"{ROOT}/{folder}")
        self.root = f"{ROOT}/root"
        wires.sh("mount", "-n", "-t", "overlay", "overlay", "-o",
                 f"lowerdir={tree()},upperdir={ROOT}/changed,workdir={ROOT}/work", self.root)
        # A node of the guest's own: its systemd sets the mode of what it finds.
        os.mknod(f"{ROOT}/dev/tun", 0o20600, os.makedev(10, 200))
        self.process = self.leader = None
        self.boots = 0
        self.binds = []  # options of systemd-nspawn for further mounts
        return self

    def __exit__(self, kind, *_):
        if kind is not None and self.leader:
            with contextlib.suppress(Exception):
                print(self.run("journalctl", "-b", "--no-pager", "-q", "-n", "60", check=False))
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def boot(self):
        """Switches it on; returns when its systemd says that everything has started (or failed to)."""
        wires.plug_in_vps()
        self.boots += 1
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(f"{ROOT}/notify-{self.boots}")
            with open(f"{ROOT}/console-{self.boots}", "w") as console:
                self.process = subprocess.Popen(
                    ["systemd-nspawn", "--quiet", "--boot", f"--directory={self.root}", "--settings=no",
                     "--register=no", "--keep-unit", "--notify-ready=yes", "--hostname=vps", "--console=pipe",
                     "--link-journal=no", "--resolv-conf=off", "--timezone=off",
                     "--network-namespace-path=/run/netns/vps", "--capability=CAP_NET_ADMIN,CAP_NET_RAW",
                     # systemd-nspawn 252 knows no Landlock; a VPS has it.
                     "--system-call-filter=landlock_create_ruleset landlock_add_rule landlock_restrict_self",
                     f"--bind={ROOT}/dev/tun:/dev/net/tun", *self.binds, "systemd.show_status=0"],
                    env={"PATH": PATH, "NOTIFY_SOCKET": ready.getsockname()},
                    stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT)
            self.wait_until_booted(ready)
        return self

    def wait_until_booted(self, ready):
        deadline = time.monotonic() + BOOT_LIMIT
        self.leader = None
        while True:
            ready.settimeout(max(0.01, min(1, deadline - time.monotonic())))
            try:
                said = ready.recv(4096).decode()
            except TimeoutError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"the guest did not boot:\n{self.console()}") from None
                continue
            if found := re.search(r"^X_NSPAWN_LEADER_PID=(\d+)", said, re.M):
                self.leader = found[1]
            if self.leader and re.search(r"^READY=1$", said, re.M):
                return

    def console(self):
        with open(f"{ROOT}/console-{self.boots}", errors="replace") as file:
            return file.read()[-4000:]

    def switch_off(self, how="poweroff", limit=40):
        """`how`: a verb of systemctl. Fails when something does not end by itself."""
        start = time.monotonic()
        self.run("systemctl", how, check=False)
        try:
            self.process.wait(limit)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the guest did not end in {limit} s:\n{self.console()}") from None
        self.leader = None
        wires.unplug_vps()
        return time.monotonic() - start

    def reboot(self):
        self.switch_off("reboot")
        return self.boot()

    def command(self, *command, namespace=None):
        """The command line that runs `command` in the guest; with `namespace`, on that one's network."""
        # --root: seen from a chroot, the mount namespace alone would lead out of it, past the guest.
        enter = ["nsenter", f"--target={self.leader}", "--mount", "--root", "--uts", "--ipc", "--pid", "--cgroup"]
        prefix = list(wires.inside(namespace)) if namespace else []
        if not namespace:
            enter.append("--net")
        return [*prefix, *enter, "--", "env", "-i", "--chdir=/", f"PATH={PATH}", "HOME=/root", "LC_ALL=C",
                "DEBIAN_FRONTEND=noninteractive", "SYSTEMD_BUS_TIMEOUT=120", *command]

    def run(self, *command, check=True, namespace=None, limit=120, **options):
        """Runs `command` as root in the guest; what it prints, without what it says on stderr."""
        if "input" not in options:
            options["stdin"] = subprocess.DEVNULL
        done = subprocess.run(self.command(*command, namespace=namespace), capture_output=True, text=True,
                              check=False, timeout=limit, **options)
        if check and done.returncode != 0:
            raise AssertionError(
                f"vps$ {' '.join(command)}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def status(self, *command, namespace=None, limit=120):
        """The exit status of a command, and everything that it printed."""
        done = subprocess.run(self.command(*command, namespace=namespace), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False, timeout=limit,
                              stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout

    def shell(self, script, **options):
        return self.run("bash", "-ec", script, **options)

    def unit(self, name, *properties):
        """Properties of a unit, by name."""
        lines = self.run("systemctl", "show", name, "--property=" + ",".join(properties)).splitlines()
        return dict(line.split("=", 1) for line in lines)

    def journal(self, *options):
        """Entries of this boot's journal, oldest first."""
        lines = self.run("journalctl", "-b", "-q", "--no-pager", "-o", "json", *options).splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def wait_until(self, what, condition, limit=20):
        """Until condition() is true: for what nothing outside of the guest is told about."""
        deadline = time.monotonic() + limit
        while not (value := condition()):
            if time.monotonic() > deadline:
                raise AssertionError(f"in {limit} s not: {what}")
            time.sleep(0.05)
        return value

    def processes(self, name):
        """{pid in the guest: pid here} of the processes whose program is `name`."""
        found = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                status = status_of(pid)
                inner = status["NSpid"].split()
                if os.path.basename(os.readlink(f"/proc/{pid}/exe")).split(" ")[0] == name and len(inner) > 1:
                    found[int(inner[-1])] = int(pid)
        return found

    def kill(self, pid_here, number=signal.SIGKILL):
        os.kill(pid_here, number)


def status_of(pid):
    with open(f"/proc/{pid}/status") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
