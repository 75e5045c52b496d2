"""A start on a bad day: a state folder that is read-only, full or empty, settings that cannot be read;
and who may come to the control socket. Real file systems and a real tunnel, in support/box.sh."""

import contextlib
import os
import shutil
import subprocess
import tempfile

import cases
from controller_process import BINARY, ControllerProcess
from fake_controller import ADIT, adit
from relay_process import RelayProcess
from traffic import tls_ask, tls_origin

KEY = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
SITE = {"networks": ["10.31.0.0/24"], "public_key": KEY}
HOST = {"site": "direct", "target": "127.0.0.1:9"}
NOBODY = 65534
GROUP = 4243


def run(*command, **arguments):
    return subprocess.run(command, check=True, capture_output=True, text=True, **arguments).stdout


@contextlib.contextmanager
def mounted(path, *arguments):
    os.makedirs(path, exist_ok=True)
    run("mount", "-n", *arguments, path)
    try:
        yield
    finally:
        run("umount", "-n", "-l", path)


def read_only(path):
    run("mount", "-n", "-o", "remount,bind,ro", path)


def writable(path):
    run("mount", "-n", "-o", "remount,bind,rw", path)


def has_wireguard():
    return os.path.exists("/dev/net/tun") and shutil.which("wireguard-go")


def said(controller, part):
    return [line for line in controller.lines if part in line]


def serves_what_is_recorded(controller, revision):
    status = controller.status()
    assert status["revision"] == revision, status
    assert [h["name"] for h in status["hosts"]] == ["a.example.com"], status
    assert any("cannot be written" in p["what"] for p in status["problems"]), status
    screen = adit("status", socket=controller.socket_path)
    assert screen.status == 0 and "DEGRADED" in screen.out, screen
    assert "nothing can be changed" in screen.out and "make room" in screen.out, screen
    if has_wireguard():
        controller.wait_until("the tunnel is back", lambda s: s["node"]["implementation"] != "none")
        assert "adit0" in run("ip", "-br", "link")
    assert len(said(controller, "store:")) == 1, controller.lines
    items = controller.get("/v1/revisions")["items"]
    assert [r["revision"] for r in items] == list(range(revision, 0, -1)), items


def test_a_read_only_state_folder_brings_everything_back_and_refuses_changes():
    with tempfile.TemporaryDirectory() as folder:
        state = os.path.join(folder, "controller")
        os.mkdir(state, 0o700)
        with mounted(state, "--bind", state):
            with ControllerProcess(folder=folder) as controller:
                controller.done("PUT", "/v1/hosts/a.example.com", HOST)
                controller.done("PUT", "/v1/sites/one", SITE)
                controller.process.kill()  # its write-ahead log is what a power cut leaves
                controller.process.wait()
            assert os.path.getsize(os.path.join(state, "adit.db-wal")) > 0
            if has_wireguard():
                run("ip", "link", "del", "adit0")  # as after a boot
            before = sorted(os.listdir(state))
            read_only(state)
            with ControllerProcess(folder=folder) as controller:
                serves_what_is_recorded(controller, revision=2)
                refused = controller.request("PUT", "/v1/hosts/b.example.com", HOST)
                assert refused.status == 503, refused
                assert "Read-only file system" in refused.document["detail"], refused
                assert controller.status()["revision"] == 2
                second = subprocess.run([BINARY, "--config", controller.config_path],
                                        capture_output=True, text=True, timeout=20)
                assert second.returncode == 1 and "in use" in second.stderr, second
                assert sorted(os.listdir(state)) == before
                assert os.path.isdir(os.path.join(folder, "read-only-store"))
                # Mended: the next change is made, and nothing is left of the copy.
                writable(state)
                done = controller.done("PUT", "/v1/hosts/b.example.com", HOST)
                assert done["revision"] == 3, done
                assert not any("written" in p["what"] for p in controller.status()["problems"])
                assert not os.path.exists(os.path.join(folder, "read-only-store"))
            with ControllerProcess(folder=folder) as controller:
                assert controller.status()["revision"] == 3


def test_a_disk_that_is_mended_is_seen_without_being_asked():
    with tempfile.TemporaryDirectory() as folder:
        state = os.path.join(folder, "controller")
        os.mkdir(state, 0o700)
        with mounted(state, "--bind", state):
            with ControllerProcess(folder=folder) as controller:
                controller.done("PUT", "/v1/hosts/a.example.com", HOST)
            read_only(state)
            with ControllerProcess(folder=folder) as controller:
                assert controller.status()["problems"], controller.lines
                writable(state)
                controller.wait_for("store: can be written again", timeout=40)
                controller.wait_until("no problem is left", lambda s: not any(
                    "written" in p["what"] for p in s["problems"]))


def test_a_full_state_folder():
    with tempfile.TemporaryDirectory() as folder:
        state = os.path.join(folder, "controller")
        with mounted(state, "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs"):
            with ControllerProcess(folder=folder) as controller:
                controller.done("PUT", "/v1/hosts/a.example.com", HOST)
                controller.done("PUT", "/v1/sites/one", SITE)
                controller.process.kill()
                controller.process.wait()
            with contextlib.suppress(FileNotFoundError):
                os.remove(os.path.join(state, "adit.db-shm"))  # as after a boot
            filler = os.path.join(state, "filler")
            with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
            with ControllerProcess(folder=folder) as controller:
                serves_what_is_recorded(controller, revision=2)
                refused = controller.request("PUT", "/v1/hosts/b.example.com", HOST)
                assert refused.status == 503, refused
                assert "No space left" in refused.document["detail"], refused
                os.remove(filler)
                assert controller.done("PUT", "/v1/hosts/b.example.com", HOST)["revision"] == 3


def one_clear_line(folder, *parts, prefix=(), config=None):
    """The controller ends at once with status 1 and says why in one line, beside what it warns of."""
    path = config or os.path.join(folder, "controller.yaml")
    ended = subprocess.run([*prefix, BINARY, "--config", path], capture_output=True, text=True,
                           timeout=20)
    errors = [line for line in ended.stderr.splitlines() if line.startswith("<3>")]
    assert ended.returncode == 1 and len(errors) == 1, ended
    assert len(ended.stderr.splitlines()) <= 2, ended
    for part in parts:
        assert part in errors[0], (part, errors)


def test_what_cannot_work_at_all_is_one_clear_line():
    with tempfile.TemporaryDirectory() as folder:
        with ControllerProcess(folder=folder) as controller:
            state = controller.state_dir
        # A first start on a disk that takes nothing: there is no key, and none can be made.
        shutil.rmtree(state)
        os.mkdir(state)
        with mounted(state, "--bind", state):
            read_only(state)
            one_clear_line(folder, "wireguard.key", "Read-only file system")
        os.rmdir(state)
        with open(state, "w"):
            pass
        one_clear_line(folder, "state folder")
        os.remove(state)
        nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        os.chmod(folder, 0o755)
        if subprocess.run([*nobody, BINARY, "--version"], capture_output=True).returncode != 0:
            raise cases.Skip("the build folder is not open to nobody")
        one_clear_line(folder, "state folder", "Permission denied", prefix=nobody)
        os.chmod(os.path.join(folder, "controller.yaml"), 0o600)
        one_clear_line(folder, "controller.yaml", "Permission denied", "chmod 644", prefix=nobody)
        one_clear_line(folder, "no.yaml", "No such file", config=os.path.join(folder, "no.yaml"))


def test_a_missing_state_folder_leaves_the_relay_as_it_is():
    with RelayProcess() as relay, tls_origin("home", "app.example.com") as origin, \
            tempfile.TemporaryDirectory() as folder:
        with ControllerProcess(relay.control_path, folder=folder) as controller:
            controller.apply('relay: {addresses: ["127.0.0.1"], https_port: 0}\nhosts:\n'
                             '  app.example.com: {site: direct, target: "%s:%d"}\n' %
                             origin.address)
            port = controller.wait_until("it listens", lambda s: s["relay"]["listeners"])[
                "relay"]["listeners"][0]["bound_port"]
        shutil.rmtree(controller.state_dir)
        with ControllerProcess(relay.control_path, folder=folder) as controller:
            status = controller.wait_until("it has compared", lambda s: s["steps"])
            assert "nothing is recorded here" in status["steps"][0]["error"], status
            assert tls_ask(port, "app.example.com") == "home"


def test_a_relay_on_a_read_only_folder_serves_its_cache():
    with tempfile.TemporaryDirectory() as folder, tls_origin("home", "app.example.com") as origin:
        state = os.path.join(folder, "state")
        os.mkdir(state, 0o700)
        with mounted(state, "--bind", state):
            table = {"revision": 1, "routes": [{"name": "host/app.example.com", "port": 0,
                                                "pattern": "app.example.com",
                                                "target": origin.address}]}
            with RelayProcess(folder=folder) as relay:
                relay.set(table)
            read_only(state)
            with RelayProcess(folder=folder) as relay:
                assert tls_ask(relay.port(), "app.example.com") == "home"
                assert relay.stats()["revision"] == 1, relay.lines


@contextlib.contextmanager
def groups_file(*lines):
    """/etc/group with more lines, in this box only."""
    with tempfile.NamedTemporaryFile("w", dir="/run") as file:
        with open("/etc/group") as known:
            file.write("".join(line for line in known if not line.startswith("adit:")))
        file.writelines(line + "\n" for line in lines)
        file.flush()
        os.chmod(file.name, 0o644)
        run("mount", "-n", "--bind", file.name, "/etc/group")
        try:
            yield
        finally:
            run("umount", "-n", "/etc/group")


def as_user(uid, *groups):
    which = [f"--groups={','.join(map(str, groups))}"] if groups else ["--clear-groups"]
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", *which]


def test_the_group_adit_may_use_the_socket_and_nobody_else():
    with tempfile.TemporaryDirectory() as folder, groups_file(f"adit:x:{GROUP}:"):
        os.chown(folder, NOBODY, NOBODY)
        os.chmod(folder, 0o755)
        prefix = as_user(NOBODY, GROUP)
        if subprocess.run([*prefix, ADIT, "version"], capture_output=True).returncode != 0:
            raise cases.Skip("the build folder is not open to nobody")
        # As its unit has it: a user of its own with the group among its others.
        with ControllerProcess(folder=folder, prefix=prefix) as controller:
            socket = os.stat(controller.socket_path)
            assert (socket.st_uid, socket.st_gid) == (NOBODY, GROUP), socket
            assert socket.st_mode & 0o777 == 0o660, oct(socket.st_mode)
            def add(name, who):
                return adit("host", "add", name, "--site", "direct", "--target", "127.0.0.1:9",
                            "--no-probe", socket=controller.socket_path, prefix=who)
            stranger = add("a.example.com", as_user(1234))
            assert stranger.status == 1 and "usermod -aG adit" in stranger.err, stranger
            assert add("a.example.com", as_user(1234, GROUP)).status == 0
            assert add("b.example.com", []).status == 0
            # Who it was is the kernel's word (SO_PEERCRED), not the caller's.
            assert [r["uid"] for r in controller.get("/v1/revisions")["items"]] == [0, 1234]
            shown = adit("history", socket=controller.socket_path)
            assert [line.split()[4] for line in shown.out.splitlines()[1:]] == ["root", "1234"], shown
            # The people of the group come to the socket, not to what the controller keeps.
            for name in ["wireguard.key", "adit.db"]:
                path = os.path.join(controller.state_dir, name)
                looked = subprocess.run([*as_user(1234, GROUP), "cat", path], capture_output=True)
                assert looked.returncode != 0, name


def test_a_group_that_it_is_no_member_of_is_said_and_the_socket_stays_closed():
    with tempfile.TemporaryDirectory() as folder, groups_file(f"adit:x:{GROUP}:"):
        os.chown(folder, NOBODY, NOBODY)
        os.chmod(folder, 0o755)
        prefix = as_user(NOBODY)
        if subprocess.run([*prefix, BINARY, "--version"], capture_output=True).returncode != 0:
            raise cases.Skip("the build folder is not open to nobody")
        with ControllerProcess(folder=folder, prefix=prefix) as controller:
            assert said(controller, "give") and said(controller, "group adit"), controller.lines
            assert os.stat(controller.socket_path).st_gid == NOBODY


cases.run(globals())
