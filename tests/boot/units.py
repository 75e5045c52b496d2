"""The installed units on a booted machine: who runs as whom with which rights, who may speak to which
socket, and that a boot is silent. Asked of the kernel about the running processes."""

import ctypes
import os
import signal

import cases
import vps
from guest import status_of
from injected import Injected

CAP_SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
# What this way of booting brings with it, not adit: systemd-nspawn here has not every right of a real machine.
NOT_OURS = ("Failed to set fd limit",)


def capabilities(pid):
    status = status_of(pid)
    return {name: int(status[name], 16) for name in CAP_SETS}


def landlock_version():
    """landlock_create_ruleset(2) with LANDLOCK_CREATE_RULESET_VERSION."""
    return ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1)


def names_of(machine, pid):
    """(user, groups) of a process, by name."""
    status = status_of(pid)
    user = machine.run("id", "-un", status["Uid"].split()[1]).strip()
    groups = [machine.run("getent", "group", number).split(":")[0] for number in status["Groups"].split()]
    return user, set(groups)


def test_the_relay_may_bind_low_ports_and_its_data_process_may_nothing():
    with vps.installed(serving=False) as (machine, _):
        supervisor, data = vps.data_process(machine)
        assert set(capabilities(supervisor).values()) <= {0, vps.CAP_NET_BIND_SERVICE}, capabilities(supervisor)
        assert capabilities(supervisor)["CapEff"] == vps.CAP_NET_BIND_SERVICE
        threads = os.listdir(f"/proc/{data}/task")
        assert len(threads) >= 3, threads
        for thread in threads:
            held, status = capabilities(f"{data}/task/{thread}"), status_of(f"{data}/task/{thread}")
            bounding = held.pop("CapBnd")  # the supervisor has no CAP_SETPCAP to empty it
            assert not any(held.values()) and bounding & ~vps.CAP_NET_BIND_SERVICE == 0, (thread, held)
            assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", "1"), status
            # The unit's filter is one; the data process added another.
            assert int(status["Seccomp_filters"]) > int(status_of(supervisor)["Seccomp_filters"])
        for pid in supervisor, data:
            assert names_of(machine, pid)[0] == "adit-relay"
            assert status_of(pid)["NoNewPrivs"] == "1"


def test_landlock_keeps_the_data_process_in_its_state_folder():
    """Its own system calls, of the running process. EACCES is Landlock's answer: everybody may read
    these files, the unit's read-only file system would say EROFS, and seccomp EPERM or death."""
    if landlock_version() < 1:
        raise cases.Skip("this kernel has no Landlock")
    with vps.installed(serving=False) as (machine, _):
        supervisor, data = vps.data_process(machine)
        # The control: the supervisor, in the same unit and as the same user, is not told so.
        with Injected(supervisor) as process:
            assert process.opens("/etc/hostname") == "ok"
        with Injected(data) as process:
            for path in "/etc/hostname", "/usr/bin/adit-relay", "/", "/var/lib", "/run":
                assert process.opens(path) == "EACCES", (path, process.opens(path))
            for path in "/tmp/probe", "/run/adit-relay/probe":
                assert process.opens(path, os.O_CREAT | os.O_WRONLY) == "EACCES", path
            assert process.opens("/var/lib/adit-relay/probe", os.O_CREAT | os.O_WRONLY) == "ok"
        machine.run("rm", "/var/lib/adit-relay/probe")
        assert vps.data_process(machine) == (supervisor, data)  # it has gone on


def test_the_controller_may_configure_the_network_and_nothing_else():
    with vps.installed(serving=False) as (machine, _):
        inside = int(machine.unit("adit-controller.service", "MainPID")["MainPID"])
        controller = machine.processes("adit-controller")[inside]
        held = capabilities(controller)
        assert held["CapEff"] == vps.CAP_NET_ADMIN and set(held.values()) == {vps.CAP_NET_ADMIN}, held
        status = status_of(controller)
        assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", "1"), status
        user, groups = names_of(machine, controller)
        assert user == "adit-controller" and groups <= {"adit-controller", "adit", "adit-relay"}, (user, groups)


def test_sockets_and_folders_belong_to_whom_they_should():
    wanted = {
        "/run/adit/control.sock": "660 adit-controller adit socket",
        "/run/adit": "755 adit-controller adit-controller directory",
        "/run/adit-relay": "750 adit-relay adit-relay directory",
        "/var/lib/adit": "700 adit-controller adit-controller directory",
        "/var/lib/adit-relay": "700 adit-relay adit-relay directory",
        "/etc/adit": "755 root root directory",
        "/etc/adit/controller.yaml": "644 root root regular file",
        "/etc/adit/secrets": "750 root adit-controller directory",
    }
    with vps.installed(serving=False) as (machine, _):
        wrong = []
        for path, want in wanted.items():
            code, said = machine.status("stat", "-c", "%a %U %G %F", path)
            if said.strip() != want:
                wrong.append(f"{path}: {said.strip()}, not {want}")
        assert not wrong, "\n".join(wrong)
        machine.shell("useradd anna && useradd -G adit berta")
        code, said = machine.status("setpriv", "--reuid=anna", "--regid=anna", "--init-groups", "adit", "status")
        assert code == 1 and "adit" in said, said
        vps.say(f"who is not in the group is told: {said.strip()}")
        machine.run("setpriv", "--reuid=berta", "--regid=berta", "--init-groups", "adit", "site", "add", "hut",
                    "--target", "10.44.0.2:443", "--network", "10.44.0.0/24")
        uid = machine.run("id", "-u", "berta").strip()
        history = machine.run("adit", "history", "-o", "json")
        assert f'"uid": {uid}' in history or f'"uid":{uid}' in history, history


def test_a_boot_has_no_failed_unit_and_a_silent_journal():
    with vps.at_work() as (machine, _):
        machine.reboot()
        vps.wait_until_up(machine)
        assert machine.run("systemctl", "--failed", "--no-legend", "--plain") == ""
        for unit in "adit-relay.service", "adit-controller.service":
            assert machine.unit(unit, "ActiveState", "NRestarts", "UnitFileState") == {
                "ActiveState": "active", "NRestarts": "0", "UnitFileState": "enabled"}
        noise = [f"{entry.get('SYSLOG_IDENTIFIER')}: {entry['MESSAGE']}" for entry in machine.journal("-p", "warning")
                 if not any(text in entry["MESSAGE"] for text in NOT_OURS)]
        assert not noise, "\n".join(noise)
        lines = [entry["MESSAGE"] for entry in vps.journal(machine)]
        vps.say(f"{len(lines)} lines of adit's units in the journal of this boot")
        assert len(lines) < 40, "\n".join(lines)


def test_a_relay_that_hangs_is_started_again_by_the_watchdog():
    with vps.installed(serving=False) as (machine, _):
        properties = machine.unit("adit-relay.service", "WatchdogUSec", "Type", "NotifyAccess")
        assert properties["WatchdogUSec"] == "30s" and properties["Type"] == "notify", properties
        assert machine.unit("adit-controller.service", "WatchdogUSec")["WatchdogUSec"] == "1min"
        # The same with 2 s instead of 30, so that the test need not wait.
        machine.shell("mkdir -p /run/systemd/system/adit-relay.service.d\n"
                      "printf '[Service]\\nWatchdogSec=2\\n' >/run/systemd/system/adit-relay.service.d/quick.conf\n"
                      "systemctl daemon-reload && systemctl restart adit-relay")
        supervisor, data = vps.data_process(machine)
        machine.kill(data, signal.SIGSTOP)
        machine.wait_until("the watchdog starts the relay again",
                           lambda: machine.unit("adit-relay.service", "NRestarts")["NRestarts"] == "1", 30)
        machine.wait_until("it is active", lambda: machine.unit("adit-relay.service", "ActiveState")[
            "ActiveState"] == "active")
        assert machine.unit("adit-relay.service", "Result")["Result"] == "success"
        assert supervisor not in machine.processes("adit-relay").values()


if __name__ == "__main__":
    cases.run(globals())
