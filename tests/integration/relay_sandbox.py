"""What the data process may still do: no capability, no new privileges, a seccomp filter, and no
file but those of its state folder. Asked of the kernel about the running process."""

import ctypes
import os
import signal
import subprocess
import tempfile

import cases
import relay_process
from traffic import Serving, client_hello, connect, echo_after_hello, read_exactly

HELLO = client_hello()
BIND_SERVICE = 1 << 10


def status_of(pid):
    with open(f"/proc/{pid}/status") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def test_no_capability_no_new_privileges_and_a_seccomp_filter():
    with relay_process.RelayProcess(sandbox=True) as relay:
        stats = relay.stats()
        threads = os.listdir(f"/proc/{stats['data_pid']}/task")
        assert len(threads) >= 3, threads
        for thread in threads:
            status = status_of(f"{stats['data_pid']}/task/{thread}")
            for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                assert int(status[name], 16) == 0, (name, status[name])
            if os.geteuid() == 0:
                # The supervisor keeps no CAP_SETPCAP, so what it may do stays in the bounding set
                # of its child: beyond reach, as there are no new privileges.
                assert int(status["CapBnd"], 16) & ~BIND_SERVICE == 0, status["CapBnd"]
            assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", status
        supervisor = status_of(stats["supervisor_pid"])
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(supervisor[name], 16) & ~BIND_SERVICE == 0, (name, supervisor[name])


def has_landlock():
    """landlock_create_ruleset(2) is asked for its version."""
    create_ruleset, version = 444, 1
    return ctypes.CDLL(None).syscall(create_ruleset, None, 0, version) >= 1


def test_each_part_of_it_can_be_switched_off_and_is_told():
    if relay_process.IS_SANITIZED:
        raise cases.Skip("sanitizers need what the sandbox forbids")
    for options, seccomp, landlock in ([], "on", "on"), (["--no-seccomp"], "off", "on"), (["--no-landlock"], "on", "off"):
        if landlock == "on" and not has_landlock():
            landlock = "missing"
        with relay_process.RelayProcess(*options) as relay:
            stats = relay.stats()
            assert (stats["seccomp"], stats["landlock"]) == (seccomp, landlock), (options, stats)
            status = status_of(stats["data_pid"])
            assert status["Seccomp"] == ("2" if seccomp == "on" else "0"), (options, status)
            assert status["NoNewPrivs"] == "1" and int(status["CapEff"], 16) == 0, (options, status)
            relay.process.send_signal(signal.SIGHUP)  # a successor has the same
            relay.wait_for("a successor serves")
            again = relay.wait_until("the successor answers", lambda s: s["data_pid"] != stats["data_pid"])
            assert (again["seccomp"], again["landlock"]) == (seccomp, landlock), (options, again)
    with relay_process.RelayProcess(sandbox=False) as relay:
        stats = relay.stats()
        assert (stats["seccomp"], stats["landlock"]) == ("off", "off"), stats


def test_everything_works_inside_the_sandbox():
    with relay_process.RelayProcess(sandbox=True) as relay, \
            Serving(echo_after_hello(HELLO)) as target:
        stats = relay.set({"revision": 1, "addresses": ["::"], "routes": [
            {"pattern": "a.example.com", "target": target.address}]})
        assert os.path.exists(os.path.join(relay.state_dir, "table.cache"))
        with connect(stats["listeners"][0]["bound_port"]) as client:
            client.sendall(HELLO)
            for _ in range(64):
                client.sendall(bytes(1 << 18))
                assert len(read_exactly(client, 1 << 18)) == 1 << 18
        assert relay.wait_closed("finished")["spliced_bytes"] > 0
        os.kill(stats["data_pid"], signal.SIGKILL)
        relay.wait_for("cached route table live")


def test_the_sandbox_leaves_what_serving_needs_and_nothing_else():
    """Asked by a probe that enters the same sandbox: from outside nothing can be run in the data
    process any more."""
    probe = os.path.join(relay_process.BUILD, "tests", "integration", "relay_sandbox_probe")
    if not os.path.exists(probe):
        raise AssertionError(f"{probe} was not built")
    if relay_process.IS_SANITIZED:
        raise cases.Skip("sanitizers need what the sandbox forbids")
    with tempfile.TemporaryDirectory() as state, tempfile.NamedTemporaryFile() as foreign:
        with open(os.path.join(state, "own"), "w") as file:
            file.write("x")
        result = subprocess.run([probe, state, foreign.name], capture_output=True, text=True,
                                check=False, timeout=20)
        answers = dict(line.split("=") for line in result.stdout.split())
        refused = {"EACCES", "EPERM"}
        wanted = {what for what in answers if what.startswith("ok_")}
        assert len(wanted) >= 7 and len(answers) - len(wanted) >= 16, answers
        for what, answer in answers.items():
            assert answer == "ok" if what in wanted else answer in refused, (what, answer)
        result = subprocess.run([probe, state, foreign.name, "exec"], check=False, timeout=20)
        assert result.returncode == -signal.SIGSYS, result


if __name__ == "__main__":
    cases.run(globals())
