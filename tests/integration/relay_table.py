"""The control protocol and the life of a table: check, set, refusal, cache, listeners that come and
go, who may speak."""

import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile

import cases
import relay_control
import relay_process
from traffic import (Listening, Serving, client_hello, connect, echo_after_hello, read_exactly)

HELLO = client_hello()


def table(revision, target, port=0, pattern="a.example.com", **settings):
    return {"revision": revision, **settings,
            "routes": [{"name": "host/a", "pattern": pattern, "port": port, "target": target}]}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def assert_served(port):
    with connect(port) as client:
        client.sendall(HELLO + b"ping")
        assert read_exactly(client, 4) == b"ping"


def is_listening(port):
    with contextlib.suppress(ConnectionRefusedError):
        connect(port).close()
        return True
    return False


def test_an_empty_relay_listens_nowhere_and_says_so():
    with relay_process.RelayProcess() as relay:
        stats = relay.stats()
        assert stats["revision"] == 0 and stats["table_digest"] == 0
        assert stats["listeners"] == [] and stats["route_count"] == 0
        assert stats["supervisor_pid"] == relay.process.pid
        assert stats["workers"] == 2 and stats["software"].startswith("adit-relay ")


def test_set_answers_when_live_and_on_disk():
    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(HELLO)) as target:
        with relay.control() as control:
            reply = control.set(table(7, target.address))
            assert reply == {"problems": [], "warning": "", "revision": 7}, reply
            assert os.path.getsize(os.path.join(relay.state_dir, "table.cache")) > 0
            stats = control.stats()
            assert stats["revision"] == 7 and stats["table_digest"] != 0
            assert control.set(table(8, target.address))["revision"] == 8
            assert control.stats()["table_digest"] == stats["table_digest"], \
                "the digest is of what the table does"
        assert_served(relay.port())


def test_check_keeps_ports_without_listening_and_changes_nothing():
    port = free_port()
    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(HELLO)) as target:
        relay.set(table(1, target.address))
        before = relay.stats()
        with relay.control() as control:
            assert control.check(table(2, target.address, port)) == []
            assert not is_listening(port)
            with contextlib.suppress(OSError):
                socket.create_server(("127.0.0.1", port), reuse_port=False).close()
                raise AssertionError("the checked port is free for others")
            after = control.stats()
            for each in (before, after):
                each.pop("closed")
            assert after == before
            assert control.set(table(2, target.address, port))["problems"] == []
        assert_served(port)


def test_a_port_in_use_refuses_a_new_table():
    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(HELLO)) as target, \
            Listening() as other:
        relay.set(table(1, target.address))
        taken = other.address[1]
        with relay.control() as control:
            for reply in (control.check(table(2, target.address, taken)),
                          control.set(table(2, target.address, taken))["problems"]):
                assert len(reply) == 1 and f"127.0.0.1:{taken}" in reply[0], reply
                assert "EADDRINUSE" in reply[0], reply
            assert control.stats()["revision"] == 1
        assert_served(relay.port())


def test_a_bad_table_is_refused_with_all_its_problems():
    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(HELLO)) as target:
        relay.set(table(1, target.address))
        bad = table(2, target.address)
        bad["routes"] = bad["routes"] * 2
        bad["limits"] = {"connections": 0}
        with relay.control() as control:
            assert len(control.check(bad)) >= 2, control.check(bad)
            reply = control.set(bad)
            assert len(reply["problems"]) >= 2 and reply["revision"] == 1, reply
        assert_served(relay.port())


def test_the_cached_table_is_served_without_a_controller():
    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(HELLO)) as target:
        port = free_port()
        relay.set(table(5, target.address, port))
        assert relay.terminate() == 0
        assert not is_listening(port)
        with relay_process.RelayProcess(folder=relay.folder) as again:
            assert_served(port)
            assert again.stats()["revision"] == 5


def test_a_damaged_cache_is_said_and_left_out():
    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(HELLO)) as target:
        relay.set(table(5, target.address))
        relay.terminate()
        path = os.path.join(relay.state_dir, "table.cache")
        with open(path, "rb") as file:
            whole = file.read()
        for damaged in (whole[:-1], whole[:40], b"", whole[:60] + b"X" + whole[61:], whole + b"x",
                        b"something else"):
            with open(path, "wb") as file:
                file.write(damaged)
            with relay_process.RelayProcess(folder=relay.folder) as again:
                assert again.stats()["revision"] == 0
                assert any("cached table" in line for line in again.lines), again.lines
                assert again.set(table(6, target.address))["revision"] == 6
                assert_served(again.port())
                with open(path, "rb") as file:
                    assert len(file.read()) == len(whole)


def test_a_cached_port_in_use_is_retried_and_reported():
    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(HELLO)) as target:
        port = free_port()
        relay.set(table(5, target.address, port))
        relay.terminate()
        with socket.create_server(("127.0.0.1", port)) as other:
            with relay_process.RelayProcess(folder=relay.folder) as again:
                (listener,) = again.stats()["listeners"]
                assert listener["bound_port"] == 0 and "EADDRINUSE" in listener["problem"], listener
                said = f"cannot listen on 127.0.0.1:{port}"
                assert sum(said in line for line in again.lines) == 1, again.lines
                # Not a reason to refuse another table that needs the same port.
                with again.control() as control:
                    reply = control.set(table(6, target.address, port))
                    assert reply["problems"] == [] and said in reply["warning"], reply
                other.close()
                stats = again.wait_until("bound at last",
                                         lambda s: s["listeners"][0]["bound_port"] == port)
                assert stats["listeners"][0]["problem"] == ""
                assert_served(port)
                again.wait_for(f"listening on 127.0.0.1:{port} at last")
                assert sum(said in line for line in again.lines) == 1, "said once, as it is one"


def test_a_cache_that_cannot_be_written_is_a_warning():
    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(HELLO)) as target:
        os.makedirs(os.path.join(relay.state_dir, "table.cache", "in the way"))
        with relay.control() as control:
            reply = control.set(table(3, target.address))
            assert reply["problems"] == [] and reply["revision"] == 3, reply
            assert "cache not written" in reply["warning"], reply
            assert control.stats()["cache_problem"] == reply["warning"]
        assert_served(relay.port())


def test_a_cache_that_cannot_be_written_leaves_no_older_one():
    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(HELLO)) as target:
        port = free_port()
        relay.set(table(3, target.address, port))
        in_the_way = os.path.join(relay.state_dir, "table.cache.new")
        os.mkdir(in_the_way)
        with relay.control() as control:
            assert "cache not written" in control.set(table(4, target.address, port))["warning"]
            assert "cache not written" in control.stats()["cache_problem"]
        assert os.listdir(relay.state_dir).count("table.cache") == 0
        relay.terminate()
        with relay_process.RelayProcess(folder=relay.folder) as again:
            assert again.stats()["revision"] == 0 and not is_listening(port)
            os.rmdir(in_the_way)
            assert again.set(table(4, target.address, port))["cache_problem"] == ""


def test_the_digest_that_comes_with_a_table_is_kept_and_told():
    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(HELLO)) as target:
        with relay.control() as control:
            control.set(table(3, target.address))
            own = control.stats()["table_digest"]
            extra = relay_control.text(900, "from a newer controller")
            encoded = relay_control.encode_table(table(4, target.address)) + extra
            control.set(encoded, digest=0x0123456789ABCDEF)
            assert control.stats()["table_digest"] == 0x0123456789ABCDEF
            os.kill(relay.data_pid(), signal.SIGKILL)
        relay.wait_for("adit-relay: ready")
        assert relay.stats()["table_digest"] == 0x0123456789ABCDEF
        with relay.control() as control:
            control.set(table(5, target.address), digest=0)
            assert control.stats()["table_digest"] == own, "none came: it is the relay's own"


def test_ports_come_and_go_with_the_routes_that_use_them():
    first, second = free_port(), free_port()
    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(HELLO)) as target:
        relay.set(table(1, target.address, first))
        assert_served(first)
        relay.set(table(2, target.address, second))
        assert_served(second)
        assert not is_listening(first)
        relay.set({"revision": 3, "routes": []})
        assert not is_listening(second) and relay.stats()["listeners"] == []
        relay.set(table(4, target.address, first))
        assert_served(first)


def test_the_handshake_finds_a_common_version_or_says_why_not():
    with relay_process.RelayProcess() as relay:
        with relay.control(greet=False) as control:
            assert control.hello(oldest=1, newest=9) == 1
        with relay.control(greet=False) as control:
            try:
                control.hello(oldest=5, newest=9)
                raise AssertionError("versions 5 to 9 were taken")
            except relay_control.Refused as refused:
                assert "5 to 9" in str(refused), refused
        with relay.control(greet=False) as control:
            try:
                control.stats()
                raise AssertionError("answered before the hello")
            except relay_control.Refused as refused:
                assert "hello" in str(refused)


def test_frames_may_come_in_any_pieces_and_together():
    with relay_process.RelayProcess() as relay, relay.control() as control:
        request = struct.pack(">IHI", 6, relay_control.STATS_REQUEST, 77)
        for byte in request:
            control.socket.send(bytes([byte]))
        control.last_id = 77
        assert control.receive()[0] == relay_control.STATS
        control.socket.sendall(request * 50)
        for _ in range(50):
            assert control.receive()[0] == relay_control.STATS


def test_strange_messages_do_no_harm():
    with relay_process.RelayProcess() as relay:
        with relay.control() as control:
            for kind, body in ((999, b""), (relay_control.STATS, b"")):
                try:
                    control.ask(kind, body, 0)
                    raise AssertionError(f"message {kind} was taken")
                except relay_control.Refused:
                    pass
            assert control.stats()["revision"] == 0, "the session goes on"
        for garbage in (b"\xff" * 64, struct.pack(">I", 3) + b"abc",
                        struct.pack(">IHIHI", 12, relay_control.SET, 1, 1, 999)):
            with relay.control() as control:
                control.socket.sendall(garbage)
                assert control.socket.recv(1) == b"", "closed"
        assert relay.stats()["revision"] == 0


def test_unknown_fields_are_skipped():
    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(HELLO)) as target:
        with relay.control() as control:
            encoded = relay_control.encode_table(table(4, target.address))
            extra = relay_control.text(900, "from a newer controller")
            body = relay_control.field(1, encoded + extra) + extra
            answer = control.ask(relay_control.SET, body, relay_control.SET_REPLY)
            assert relay_control.decode_set_reply(answer)["revision"] == 4
        assert_served(relay.port())


def test_several_controllers_and_one_that_does_not_read():
    with relay_process.RelayProcess() as relay, Serving(echo_after_hello(HELLO)) as target:
        routes = [{"name": f"host/n{i}", "pattern": f"n{i}.example.com", "target": target.address}
                  for i in range(5000)]
        relay.set({"revision": 1, "routes": routes})
        with relay.control() as deaf, relay.control() as other:
            request = struct.pack(">IHI", 6, relay_control.STATS_REQUEST, 1)
            deaf.socket.settimeout(1)
            with contextlib.suppress(TimeoutError):
                deaf.socket.sendall(request * 200_000)
                raise AssertionError("requests were taken without their answers being read")
            assert other.stats()["route_count"] == 5000
            with open(f"/proc/{relay.data_pid()}/status") as file:
                resident = int(file.read().split("VmRSS:")[1].split()[0])
            assert resident < 200_000 * relay_process.SLOWNESS, f"{resident} KiB"


def test_another_user_may_not_speak_unless_named():
    if os.geteuid() != 0:
        raise cases.Skip("needs root to become another user")
    nobody = 65534
    ask = ("import sys; sys.path.insert(0, sys.argv[2]); import relay_control; "
           "print(relay_control.Control(sys.argv[1]).stats()['revision'])")

    def as_nobody(relay):
        os.chmod(relay.folder, 0o755)
        os.chmod(relay.control_path, 0o666)  # the mode alone must not be what refuses
        folder = os.path.dirname(os.path.abspath(relay_control.__file__))
        return subprocess.run(["setpriv", f"--reuid={nobody}", "--clear-groups", sys.executable,
                               "-c", ask, relay.control_path, folder],
                              capture_output=True, text=True, check=False)

    with relay_process.RelayProcess() as relay:
        result = as_nobody(relay)
        assert result.returncode != 0 and not result.stdout, result
        ends = ("EOFError", "ConnectionResetError", "BrokenPipeError")
        assert any(end in result.stderr for end in ends), result
        relay.wait_for(f"refused uid={nobody}")
    with relay_process.RelayProcess("--controller-user", str(nobody)) as relay:
        assert as_nobody(relay).stdout == "0\n"
    with relay_process.RelayProcess("--controller-user", "nobody") as relay:
        assert as_nobody(relay).stdout == "0\n"


def test_wrong_usage_is_status_2():
    for arguments in (["--workers", "0"], ["--workers", "65"], ["--workers", "x"], ["--wrong"],
                      ["extra"], ["--control"], ["--controller-user", "no-such-user-here"]):
        result = subprocess.run([relay_process.BINARY, *arguments], capture_output=True, text=True,
                                check=False, timeout=20)
        assert result.returncode == 2 and arguments[0] in result.stderr, (arguments, result)
    for arguments in (["--help"], ["--version"]):
        result = subprocess.run([relay_process.BINARY, *arguments], capture_output=True, text=True,
                                check=False, timeout=20)
        assert result.returncode == 0 and "adit-relay" in result.stdout, result


def test_paths_must_be_absolute_and_the_socket_needs_its_folder():
    with tempfile.TemporaryDirectory() as folder:

        def run(control, state):
            return subprocess.run(
                [os.path.abspath(relay_process.BINARY), "--control", control, "--state-dir", state],
                cwd=folder, capture_output=True, text=True, check=False, timeout=20)

        for control, state, wrong in (("relay.sock", folder + "/state", "--control relay.sock"),
                                      (folder + "/relay.sock", "state", "--state-dir state"),
                                      (folder + "/a/../relay.sock", folder + "/state", "..")):
            result = run(control, state)
            assert result.returncode == 2 and wrong in result.stderr, result
        result = run(folder + "/none/relay.sock", folder + "/state")
        assert result.returncode == 1, result
        assert f"{folder}/none; make the folder, or use --control" in result.stderr, result
        assert os.listdir(folder) == [], "made something before it knew"


def test_a_second_relay_on_the_same_state_folder_is_refused():
    with relay_process.RelayProcess() as relay:
        command = [relay_process.BINARY, "--control", relay.folder + "/other.sock", "--state-dir",
                   relay.state_dir, "--no-sandbox"]
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
        assert result.returncode == 1 and str(relay.process.pid) in result.stderr, result
        command[2] = relay.control_path
        command[4] = relay.folder + "/other"
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
        assert result.returncode == 1 and "already served" in result.stderr, result
        assert relay.stats()["revision"] == 0
        shutil.rmtree(relay.folder + "/other", ignore_errors=True)


if __name__ == "__main__":
    cases.run(globals())
