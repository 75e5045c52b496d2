"""The whole life of an installed adit on one machine: packages, `adit init`, a home, a host, the proof,
a reboot, an upgrade under a download, and purge, after which the machine is as it was."""

import difflib
import hashlib
import subprocess
import tempfile
import threading

import cases
import vps
import wires
from wires import NAME

DOWNLOAD_SIZE = 64 << 20

# What a person could find changed on a machine, one thing a line. Left out: logs, dpkg's and apt's own books, what
# systemd itself keeps, and backups that useradd makes of its files.
TRACES = r"""
set -eu
echo "# users"; getent passwd | sort; getent group | sort
echo "# network"; ip -o link | sed 's/@[^:]*//' | awk '{print $2, $3}'; ip -br addr | sed 's/@[^ ]*//'
ip route show table all; ip rule
echo "# firewall"; nft list ruleset
echo "# units"; systemctl list-unit-files --no-legend --plain | sort
systemctl list-units --all --no-legend --plain 'adit*'
echo "# ports"; ss -Hlntu | awk '{print $1, $5}' | sort
echo "# forwarding"; for key in ipv4/ip_forward ipv6/conf/all/forwarding; do cat /proc/sys/net/$key; done
echo "# processes"; for comm in /proc/[0-9]*/comm; do cat $comm 2>/dev/null || :; done | sort -u |
  grep -E 'adit|wireguard' || :
echo "# files"
find / /run -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /root/packages -o -path /var/log \
  -o -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/cache -o -path /var/lib/systemd -o -path /run/systemd \
  -o -path /run/log -o -path /run/udev -o -path /run/dbus -o -path /run/user -o -path /var/tmp \) -prune -o \
  ! -regex '/etc/\(passwd\|group\|shadow\|gshadow\|subuid\|subgid\)-' ! -path /run/utmp ! -path /etc/.pwd.lock \
  -printf '%p %M %U:%G %l\n' | sort
"""


def traces(machine):
    # The network may still be being set up when the boot is over.
    machine.wait_until("every address in use", lambda: all(
        "local " + address in machine.run("ip", "route", "show", "table", "local") +
        machine.run("ip", "-6", "route", "show", "table", "local") for address in (wires.VPS, wires.VPS6)))
    return machine.run("bash", "-c", TRACES).splitlines()


class Download:
    """A visitor who fetches a large file; slowly, until he may go on."""

    def __init__(self, world):
        self.sum = hashlib.sha256()
        self.may_finish = threading.Event()
        self.has_begun = threading.Event()
        self.curl = subprocess.Popen(
            wires.inside("client", "curl", "-sS", "--fail", "--cacert", world.path("tls.crt"), "--resolve",
                         f"{NAME}:443:{wires.VPS}", f"https://{NAME}/large"),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.received = 0
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        while chunk := self.curl.stdout.read(1 << 16):
            self.sum.update(chunk)
            self.received += len(chunk)
            if self.received >= 1 << 20:
                self.has_begun.set()
                self.may_finish.wait(0.05)  # 1.3 MB/s, until the upgrade is done
        self.has_begun.set()

    def finish(self):
        """(curl's status, what it complained about, checksum)"""
        self.may_finish.set()
        self.reader.join(120)
        return self.curl.wait(20), self.curl.stderr.read().decode(), self.sum.hexdigest()


def upgrade_under_a_download(machine, world):
    with open(world.path("www/large"), "rb") as file:
        want = hashlib.sha256(file.read()).hexdigest()
    before = machine.run("dpkg-query", "-W", "-f", "${Package} ${Version}\n", "adit-relay", "adit")
    with tempfile.TemporaryDirectory(dir="/run") as folder:
        newer = vps.higher_version(folder)
        download = Download(world)
        assert download.has_begun.wait(20) and download.received >= 1 << 20, "no download"
        vps.timed("upgrade", vps.install, machine, newer)
    received = download.received
    assert received < DOWNLOAD_SIZE and download.reader.is_alive(), "the download was over before the upgrade"
    after = machine.run("dpkg-query", "-W", "-f", "${Package} ${Version}\n", "adit-relay", "adit")
    assert after.splitlines() == [f"{line}+upgrade" for line in before.splitlines()], (before, after)
    assert world.fetch() == "hello from home\n"  # a new visitor, while the old one still reads
    status, complaint, got = download.finish()
    assert (status, got) == (0, want), f"curl: status {status} {complaint}; {download.received} bytes"
    vps.say(f"the download went through the upgrade: {received >> 20} MiB when it was done, "
            f"{download.received >> 20} MiB in all, checksum as at home")


def verify(machine):
    """The proof, as README's last command asks for it."""
    code, said = machine.status("adit", "verify", NAME, "--outside")
    assert code == 0 and "TLS ends at home" in said and "not checked" not in said, said


def test_install_init_reboot_upgrade_purge():
    with vps.machine(files=[("large", DOWNLOAD_SIZE)]) as (machine, world):
        vps.timed("boot", machine.boot)
        before = traces(machine)
        vps.timed("install", vps.install, machine)
        vps.timed("adit init", vps.init, machine)
        key = world.paste_at_home(vps.block_for_home(machine))
        machine.run("adit", "site", "set-key", "home", key)
        machine.run("adit", "host", "add", NAME, "--site", "home")
        vps.timed("site up", vps.wait_until_up, machine)
        verify(machine)
        assert world.fetch() == "hello from home\n"
        private = machine.run("sha256sum", "/var/lib/adit/wireguard.key")

        vps.timed("reboot", machine.reboot)
        vps.timed("a visitor gets the page again", vps.serves, world)
        vps.wait_until_up(machine)
        verify(machine)
        assert private == machine.run("sha256sum", "/var/lib/adit/wireguard.key")

        upgrade_under_a_download(machine, world)
        vps.wait_until_up(machine)
        verify(machine)

        machine.run("apt-get", "purge", "-q", "-y", "adit", "adit-relay")
        after = traces(machine)
        changed = [line for line in difflib.unified_diff(before, after, lineterm="", n=0)
                   if line[:1] in "+-" and line[:3] not in ("+++", "---")]
        assert not changed, "purge leaves the machine changed:\n" + "\n".join(changed)


if __name__ == "__main__":
    cases.run(globals())
