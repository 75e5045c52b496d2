"""deploy/demo.sh on a machine that boots, with its real packages: none of their services runs, or would at the
next boot."""

import os
import subprocess

import cases
import vps

SERVICES = """systemctl list-unit-files --no-legend --plain --state=enabled
systemctl list-units --no-legend --plain --type=service,socket,timer | awk '{print $1, $4}' |
  grep -E 'running|waiting|listening' | sort"""


def copy_of_the_clone(machine):
    """The scripts of deploy/ and the programs of this build, in the guest's /root/adit."""
    source, target = os.environ["ADIT_SOURCE_DIR"], f"{machine.root}/root/adit"
    os.makedirs(f"{target}/build/release/relay")
    os.makedirs(f"{target}/build/release/controller")
    subprocess.run(["cp", "-r", f"{source}/deploy", target], check=True)
    for program in "relay/adit-relay", "controller/adit-controller", "controller/adit":
        subprocess.run(["cp", f"{vps.BUILD}/{program}", f"{target}/build/release/{program}"], check=True)


def test_the_demo_leaves_no_service_enabled_or_running():
    with vps.machine(serving=False) as (machine, _):
        copy_of_the_clone(machine)
        machine.boot()
        before = machine.shell(SERVICES)
        assert machine.status("dpkg-query", "-W", "nginx")[0] != 0, "nginx is there already: this shows nothing"
        code, said = machine.status("/root/adit/deploy/demo.sh", "--once", "--no-build", limit=170)
        assert code == 0, said
        assert "installing" in said and "TLS ends at home" in said, said
        vps.say("\n    ".join(line for line in said.splitlines() if line.startswith("adit: ")))
        machine.run("systemctl", "daemon-reload")
        assert machine.shell(SERVICES) == before
        machine.reboot()
        assert machine.shell(SERVICES) == before
        assert "nginx" not in machine.run("ps", "-eo", "comm")


if __name__ == "__main__":
    cases.run(globals())
