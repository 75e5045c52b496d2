"""`adit init` on a machine of its own (support/box.sh): its interfaces, its ports 443, 80 and 51820,
the real controller and relay."""

import contextlib
import json
import os
import pty
import select
import shutil
import socket
import subprocess
import threading
import time

import cases
from controller_process import ControllerProcess
from fake_controller import ADIT, adit
from relay_process import RelayProcess

PUBLIC = "203.0.113.10"
PRIVATE = "10.0.0.5"
SLOWNESS = 5 if os.environ.get("ADIT_SANITIZE", "") else 1


def ip(*arguments):
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout


@contextlib.contextmanager
def vps(address=PUBLIC, **settings):
    """A machine with `address` on its interface; (run, controller)."""
    if not os.path.exists("/dev/net/tun") or not shutil.which("wireguard-go"):
        raise cases.Skip("there is no /dev/net/tun or no wireguard-go")
    ip("link", "add", "eth7", "type", "veth", "peer", "name", "far7")
    ip("addr", "add", f"{address}/24", "dev", "eth7")
    ip("link", "set", "eth7", "up")
    with RelayProcess() as relay, ControllerProcess(relay.control_path, **settings) as controller:
        def run(*words, **arguments):
            return adit("init", "--config", controller.config_path, *words,
                        socket=controller.socket_path, **arguments)
        yield run, controller


def revision(controller):
    return controller.status()["revision"]


def test_from_nothing_to_the_next_commands_and_again():
    with vps() as (run, controller):
        start = time.monotonic()
        ran = run("--domain", "example.net")
        took = time.monotonic() - start
        assert ran.status == 0, ran
        print(f"        adit init took {took:.2f} s")
        assert took < 5 * SLOWNESS, took
        for part in (f"{PUBLIC} on eth7", "let TCP 443, TCP 80 and UDP 51820 in", "nothing to write",
                     "+ site home", "undo: adit site rm home", "[Interface]", "[Peer]",
                     f"Endpoint = {PUBLIC}:51820", "adit site set-key home PUBLIC-KEY-OF-HOME",
                     f"app.example.net.  A  {PUBLIC}", "adit host add app.example.net --site home",
                     "adit verify app.example.net --outside"):
            assert part in ran.out, (part, ran.out)
        site = controller.get("/v1/sites/home")
        assert site["state"] == "pending-key" and site["target"] == "10.98.0.10:443", site
        assert "\x1b" not in ran.out

        # Again: nothing is changed, and it says what is there.
        before = revision(controller)
        again = run("--domain", "example.net")
        assert again.status == 0 and "site home is there already" in again.out, again
        assert "[Interface]" in again.out and revision(controller) == before == 1
        document = json.loads(run("-o", "json").out)
        assert document["ready"] is True and document["change"] is None, document
        assert document["settings"]["written"] is False
        assert {c["name"]: c["state"] for c in document["checks"]}["port_443"] == "ok"
        assert document["next"][0].startswith("adit site set-key home"), document["next"]
        assert document["dns"] == [{"name": "app.example.com", "type": "A", "value": PUBLIC}]
        assert revision(controller) == 1

        # Something else for the site that is there is refused; with its key no step is left but one.
        other = run("--target", "10.30.0.200:443")
        assert other.status == 1 and "nothing was changed" in other.err, other
        assert revision(controller) == 1
        key = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
        controller.done("PATCH", "/v1/sites/home", {"public_key": key})
        keyed = run()
        assert keyed.status == 0 and "home has its key already" in keyed.out, keyed
        assert "[Interface]" not in keyed.out and "WireGuard interface adit0" in keyed.out, keyed


def test_a_target_and_another_name():
    with vps() as (run, controller):
        ran = run("--site", "cabin", "--target", "10.30.0.200:8443", "--yes")
        assert ran.status == 0 and "10.30.0.200 at home, nothing else" in ran.out, ran
        site = controller.get("/v1/sites/cabin")
        assert site["networks"] == ["10.30.0.200/32"], site
        ran = run("--site", "second", "--network", "10.40.0.0/24", "--target", "10.40.0.9:443")
        assert ran.status == 0, ran
        assert controller.get("/v1/sites/second")["networks"] == ["10.40.0.0/24"]
        third = run("--site", "third")
        assert third.status == 0, third
        assert controller.get("/v1/sites/third")["target"] == "10.98.0.12:443"


def test_a_taken_port_stops_it_before_anything_is_changed():
    with vps() as (run, controller), socket.create_server(("0.0.0.0", 443)) as taken:
        pid = os.getpid()
        ran = run()
        assert ran.status == 1, ran
        assert f"(pid {pid})" in ran.out and "systemctl disable --now" in ran.out, ran
        assert "Nothing was changed" in ran.out and revision(controller) == 0, ran
        document = json.loads(run("-o", "json").out)
        assert document["ready"] is False and document["site"] is None, document
        assert {c["name"]: c["state"] for c in document["checks"]}["port_443"] == "problem"
        assert run("--force").status == 0 and revision(controller) == 1
        taken.close()
        assert "port 443        free" in run().out


def test_a_taken_udp_port_and_port_80():
    with vps() as (run, controller), socket.create_server(("127.0.0.1", 80)), \
            socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as taken:
        taken.bind(("::", 51820))
        ran = run()
        assert ran.status == 1 and "listen_port:" in ran.out, ran
        assert revision(controller) == 0
        taken.close()
        ran = run()
        assert ran.status == 0 and "this version of adit does not use it" in ran.out, ran


def test_an_address_that_is_on_no_interface():
    with vps(PRIVATE) as (run, controller):
        shipped = open(controller.config_path).read()
        ran = run()
        assert ran.status == 1 and "--endpoint" in ran.out and f"{PRIVATE} on eth7" in ran.out, ran
        assert run("--endpoint", "a b").status == 2
        ran = run("--endpoint", "198.51.100.7")
        assert ran.status == 0 and "restart it" in ran.out, ran
        assert open(controller.config_path).read() == shipped + "endpoint: 198.51.100.7\n"
        assert os.stat(controller.config_path).st_mode & 0o777 == 0o644
        assert revision(controller) == 0, "it goes on once the controller knows"
        again = run("--endpoint", "198.51.100.7")
        assert again.status == 0 and "restart it" in again.out, again
        other = run("--endpoint", "198.51.100.8")
        assert other.status == 1 and "left as it is" in other.err, other
        assert "nothing was changed" in other.err and revision(controller) == 0
        controller.terminate()
        with ControllerProcess(folder=controller.folder, endpoint="198.51.100.7") as restarted:
            ran = run("--endpoint", "198.51.100.7")
            assert ran.status == 0 and "Endpoint = 198.51.100.7:51820" in ran.out, ran
            assert "A  198.51.100.7" in ran.out and revision(restarted) == 1, ran
            assert run().status == 0, "nor need it be said again"


SYSTEMCTL = """#!/bin/sh
# systemd's part: the test restarts the controller and says when it is ready.
echo "$*" >> {log}
case "$*" in *restart*) echo restart > {ask}; read -r _ < {done} ;; esac
"""


@contextlib.contextmanager
def systemd(folder, restart):
    """A machine that systemd booted, and an /etc of its own; `restart()` is what a restart does."""
    for name in ("upper", "work", "systemd/system"):
        os.makedirs(f"/run/{name}")
    layers = "lowerdir=/etc,upperdir=/run/upper,workdir=/run/work"
    if subprocess.run(["mount", "-n", "-t", "overlay", "-o", layers, "overlay", "/etc"],
                      capture_output=True).returncode != 0:
        raise cases.Skip("no overlay file system here")
    places = {name: os.path.join(folder, name) for name in ("log", "ask", "done")}
    os.mkfifo(places["ask"])
    os.mkfifo(places["done"])
    with open(os.path.join(folder, "systemctl"), "w") as script:
        script.write(SYSTEMCTL.format(**places))
    os.chmod(script.name, 0o755)

    def serve():
        with open(places["ask"]) as asked:
            asked.read()
        restart()
        with open(places["done"], "w") as done:
            done.write("done\n")
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield {"PATH": f"{folder}:{os.environ['PATH']}"}, places["log"]
    thread.join(10)


def test_the_controller_takes_the_endpoint_over_where_systemd_runs_it():
    with vps(PRIVATE) as (_, controller), contextlib.ExitStack() as stack:
        def restart():
            controller.terminate()
            with open("/etc/adit/controller.yaml") as file:
                written = [line.strip() for line in file if line.startswith("endpoint: ")]
            assert written == ["endpoint: 198.51.100.7"], written
            stack.enter_context(ControllerProcess(folder=controller.folder,
                                                  endpoint="198.51.100.7"))
        with systemd(controller.folder, restart) as (environment, log):
            ran = adit("init", "--endpoint", "198.51.100.7", socket=controller.socket_path,
                       environment=environment)
            assert ran.status == 0, ran
            assert "wrote endpoint: 198.51.100.7, adit-controller restarted" in ran.out, ran
            assert "Endpoint = 198.51.100.7:51820" in ran.out, ran
            with open(log) as file:
                assert file.read() == ("is-active --quiet adit-controller\n"
                                       "--no-ask-password restart adit-controller\n")
            again = adit("init", socket=controller.socket_path, environment=environment)
            assert again.status == 0 and "nothing to write" in again.out, again


def test_without_a_controller_it_says_so_and_looks_all_the_same():
    with vps() as (run, controller):
        controller.terminate()
        ran = run()
        assert ran.status == 1 and "systemctl start adit-controller" in ran.out, ran
        assert f"{PUBLIC} on eth7" in ran.out and "port 443" in ran.out, ran
        assert run("--force").status == 1


def test_who_is_no_root_needs_no_more_than_the_group():
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    with vps(PRIVATE) as (run, controller):
        os.chmod(controller.folder, 0o755)
        if subprocess.run([*nobody, ADIT, "version"], capture_output=True).returncode != 0:
            raise cases.Skip("the build folder is not open to nobody")
        ran = run(prefix=nobody)
        assert ran.status == 1 and "usermod -aG adit" in ran.out, ran
        os.chown(controller.socket_path, -1, 65534)
        ran = run("--endpoint", "198.51.100.7", prefix=nobody)
        assert ran.status == 1 and "sudo adit init --endpoint 198.51.100.7" in ran.err, ran
        assert revision(controller) == 0
        ip("addr", "add", f"{PUBLIC}/24", "dev", "eth7")
        ran = run(prefix=nobody)
        assert ran.status == 0, ran
        history = controller.get("/v1/revisions")["items"]
        assert history[0]["uid"] == 65534 and history[0]["message"] == "adit init", history


def test_an_interface_of_somebody_else_is_named():
    with vps() as (run, controller):
        subprocess.run(["wireguard-go", "adit0"], check=True, capture_output=True)
        subprocess.run(["wg", "set", "adit0", "private-key", "/dev/stdin"], check=True, text=True,
                       input=subprocess.run(["wg", "genkey"], capture_output=True, text=True,
                                            check=True).stdout)
        controller.wait_until("it is seen", lambda s: s["node"]["problem"], timeout=30)
        ran = run()
        assert ran.status == 1 and "adit did not make" in ran.out and "interface:" in ran.out, ran
        assert revision(controller) == 0
        ip("link", "del", "adit0")


def test_it_never_waits_for_an_answer_where_nobody_can_give_one():
    with vps() as (_, controller):
        # A pipe that stays open and silent, as a CI's may be.
        reading, writing = os.pipe()
        try:
            done = subprocess.run([ADIT, "--socket", controller.socket_path, "init"], stdin=reading,
                                  capture_output=True, text=True, timeout=20 * SLOWNESS)
        finally:
            os.close(reading)
            os.close(writing)
        assert done.returncode == 0 and "Your domain" not in done.stderr, done


def on_terminal(controller, answers, *words):
    """`adit init` with a terminal; each of `answers` is (what is asked, the answer). All it said."""
    master, slave = pty.openpty()
    process = subprocess.Popen([ADIT, "--socket", controller.socket_path, "init", "--config",
                                controller.config_path, *words], stdin=slave, stdout=slave,
                               stderr=slave, env={**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm",
                                                   "NO_COLOR": ""})
    os.close(slave)
    said = ""
    deadline = time.monotonic() + 30 * SLOWNESS
    while True:
        ready, _, _ = select.select([master], [], [], max(0, deadline - time.monotonic()))
        assert ready, said
        try:
            said += os.read(master, 4096).decode()
        except OSError:  # the other side has closed
            break
        if answers and said.rstrip().endswith(":") and answers[0][0] in said.splitlines()[-1]:
            os.write(master, answers.pop(0)[1].encode() + b"\n")
    os.close(master)
    assert not answers, (answers, said)
    return process.wait(), said


def test_questions_on_a_terminal():
    with vps(PRIVATE, endpoint="198.51.100.7") as (_, controller):
        status, said = on_terminal(controller, [("Your domain", "not a domain"),
                                                ("Your domain", "example.net"),
                                                ("Where TLS ends", "10.30.0.200:443")])
        assert status == 0 and "app.example.net" in said, said
        assert "\x1b[" in said and "✓" in said, "colour and marks on a terminal"
        assert controller.get("/v1/sites/home")["target"] == "10.30.0.200:443"
        # What is there is not asked for again, and --yes asks nothing at all.
        status, said = on_terminal(controller, [("Your domain", "")])
        assert status == 0 and "Where TLS ends" not in said, said
        status, said = on_terminal(controller, [], "--yes")
        assert status == 0 and "Your domain" not in said, said


def test_an_unknown_address_is_asked_for_on_a_terminal():
    with vps(PRIVATE) as (_, controller):
        status, said = on_terminal(controller, [("Public address", ""), ("Public address", "-"),
                                                ("Public address", "198.51.100.7"),
                                                ("Your domain", ""), ("Where TLS ends", "")])
        assert status == 0 and "restart it" in said, said
        assert open(controller.config_path).read().endswith("endpoint: 198.51.100.7\n")


cases.run(globals())
