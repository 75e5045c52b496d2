"""The units as they are installed: systemd finds nothing to say about them, and how exposed it thinks they are."""

import os
import re
import subprocess

import cases
from deb_files import Unpacked, needs, output

UNITS = ("adit-relay.service", "adit-controller.service", "adit-wireguard.service")
FOLDER = "/usr/lib/systemd/system"
# In tenths; adit-wireguard runs a program that is not ours.
MOST_EXPOSED = {"adit-relay.service": 15, "adit-controller.service": 25, "adit-wireguard.service": 25}


def verify(path, root):
    """systemd-analyze has status 0 whatever it finds: what counts is that it says nothing."""
    environment = dict(os.environ, MANPATH=root.file("/usr/share/man"), SYSTEMD_LOG_LEVEL="warning")
    return subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True, check=False,
                          env=environment)


def localize(root):
    """The programs are not installed here: their paths become those of the unpacked ones."""
    for unit in UNITS:
        text = root.text(f"{FOLDER}/{unit}")
        for program in ("/usr/bin/adit", "/usr/lib/adit/"):
            text = text.replace("=" + program, "=" + root.file(program))
        text = text.replace("=/usr/bin/wireguard-go", "=/bin/true")  # a suggestion only
        with open(root.file(f"{FOLDER}/{unit}"), "w", encoding="utf-8") as file:
            file.write(text)


def test_verify_says_nothing():
    needs("systemd-analyze", "man")
    with Unpacked() as root:
        localize(root)
        for unit in UNITS:
            done = verify(root.file(f"{FOLDER}/{unit}"), root)
            assert done.returncode == 0 and not done.stderr, (unit, done.stderr)
        with open(root.file(f"{FOLDER}/adit-relay.service"), "a", encoding="utf-8") as file:
            file.write("[Service]\nNoSuchKey=1\n")
        assert "NoSuchKey" in verify(root.file(f"{FOLDER}/adit-relay.service"), root).stderr


def exposure(path):
    text = output("systemd-analyze", "security", "--offline=yes", "--no-pager", path)
    return round(10 * float(re.search(r"Overall exposure level for .*: ([0-9.]+)", text)[1]))


def test_exposure():
    needs("systemd-analyze")
    with Unpacked() as root:
        for unit, most in MOST_EXPOSED.items():
            level = exposure(root.file(f"{FOLDER}/{unit}"))
            print(f"{unit}: exposure {level / 10}, at most {most / 10}")
            assert 0 < level <= most, (unit, level)
        text = root.text(f"{FOLDER}/adit-relay.service").replace("ProtectSystem=strict\n", "")
        loose = root.file("/loose.service")
        with open(loose, "w", encoding="utf-8") as file:
            file.write(text)
        assert exposure(loose) > exposure(root.file(f"{FOLDER}/adit-relay.service"))


def settings(root, unit):
    """Key -> its values; every line of a unit that is no comment."""
    found = {}
    for line in root.text(f"{FOLDER}/{unit}").splitlines():
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            found.setdefault(key, []).append(value)
    return found


def test_what_the_units_promise():
    with Unpacked() as root:
        relay, controller, wireguard = (settings(root, unit) for unit in UNITS)
    assert relay["LimitNOFILE"] == ["65536"]
    for unit in (relay, controller, wireguard):
        assert unit["StartLimitIntervalSec"] == ["0"]
        assert unit["AmbientCapabilities"] == unit["CapabilityBoundingSet"] and len(unit["AmbientCapabilities"]) == 1
    assert relay["AmbientCapabilities"] == ["CAP_NET_BIND_SERVICE"]
    assert controller["AmbientCapabilities"] == wireguard["AmbientCapabilities"] == ["CAP_NET_ADMIN"]
    for unit in (relay, controller):
        assert unit["Type"] == ["notify"] and unit["KillMode"] == ["mixed"] and int(unit["WatchdogSec"][0]) > 0
    assert "ProcSubset" not in controller  # it reads /proc/sys
    allowed = " ".join(relay["SystemCallFilter"])
    for call in ("seccomp", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "capset"):
        assert f" {call}" in f" {allowed}", call


def test_every_directive_has_a_reason():
    """A comment stands above each group of directives of the sandbox."""
    with Unpacked() as root:
        for unit in UNITS:
            lines = root.text(f"{FOLDER}/{unit}").splitlines()
            begin = next(i for i, line in enumerate(lines) if line.startswith("CapabilityBoundingSet="))
            for i in range(begin, lines.index("[Install]") if "[Install]" in lines else len(lines)):
                if "=" in lines[i] and not lines[i].startswith("#"):
                    group = i
                    while "=" in lines[group] and not lines[group].startswith("#"):
                        group -= 1
                    assert lines[group].startswith("# "), f"{unit}: no reason for {lines[i]}"


if __name__ == "__main__":
    cases.run(globals())
