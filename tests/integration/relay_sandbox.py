"""What the data process may still do: no capability, no new privileges, a seccomp filter, and no
file but those of its state folder. Asked of the kernel about the running process."""

import os
import signal
import subprocess
import tempfile

import cases
import relay_process
from traffic import Serving, client_hello, connect, echo_after_hello, read_exactly

HELLO = client_hello()


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
            assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", status
        supervisor = status_of(stats["supervisor_pid"])
        bind_service = 1 << 10
        assert int(supervisor["CapEff"], 16) & ~bind_service == 0, supervisor["CapEff"]


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


def test_a_foreign_file_cannot_be_opened():
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
        assert answers.pop("read_own") == "ok" and answers.pop("write_own") == "ok", result
        assert answers.pop("tcp_socket") == "ok", result
        assert len(answers) >= 8, answers
        for what, answer in answers.items():
            assert answer in refused, (what, answer)
        result = subprocess.run([probe, state, foreign.name, "exec"], check=False, timeout=20)
        assert result.returncode == -signal.SIGSYS, result


if __name__ == "__main__":
    cases.run(globals())
