"""`adit-controller --tear-down`: takes away what adit made on the node and nothing else. Runs in
support/box.sh, with wireguard-go or the kernel's WireGuard, whatever the machine has."""

import contextlib
import os
import shutil
import subprocess
import threading
import time

import cases
from controller_process import BINARY, ControllerProcess

SITE = {"networks": ["10.31.0.0/24"], "public_key": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="}
OTHER = 4242


def run(*command, **arguments):
    return subprocess.run(command, check=True, capture_output=True, text=True, **arguments).stdout


def tear_down(controller):
    return subprocess.run([BINARY, "--config", controller.config_path, "--tear-down"],
                          capture_output=True, text=True, timeout=60)


def links():
    return run("ip", "-br", "link")


def servers():
    """The processes that serve a WireGuard interface here (the box has its own /proc)."""
    programs = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):  # it has ended
            programs.append(os.path.basename(os.readlink(f"/proc/{pid}/exe")))
    return [program for program in programs if program.startswith("wireguard")]


def wait_for_no_servers():
    deadline = time.monotonic() + 10
    while servers():
        assert time.monotonic() < deadline, servers()
        threading.Event().wait(0.02)


@contextlib.contextmanager
def node(with_site=True, **settings):
    if not os.path.exists("/dev/net/tun"):
        raise cases.Skip("there is no /dev/net/tun")
    for program in ["wireguard-go", "wg", "ip"]:
        if not shutil.which(program):
            raise cases.Skip(f"there is no {program}")
    with ControllerProcess(endpoint="192.0.2.17", listen_port=51820, **settings) as controller:
        if with_site:
            done = controller.done("PUT", "/v1/sites/one", SITE)
            tunnel = [s for s in done["steps"] if s["kind"] != "set_route_table"]
            assert all(s["state"] == "done" for s in tunnel), done
            assert "adit0" in links()
        yield controller


def test_the_interface_goes_and_what_others_made_stays():
    with node() as controller:
        run("ip", "link", "add", "other0", "type", "veth", "peer", "name", "other1")
        run("ip", "link", "set", "other0", "up")
        run("ip", "route", "add", "10.77.0.0/24", "dev", "other0", "proto", "static")
        refused = tear_down(controller)
        assert refused.returncode == 1 and "in use by another process" in refused.stderr, refused
        assert "stop adit-controller" in refused.stderr and "adit0" in links(), refused
        controller.terminate()
        files = sorted(os.listdir(controller.state_dir))
        done = tear_down(controller)
        assert done.returncode == 0 and done.stderr == "", done
        assert "removed: interface adit0\n" in done.stdout, done
        assert "removed: kernel route 10.31.0.0/24\n" in done.stdout, done
        assert "adit0" not in links() and "other0" in links()
        assert run("ip", "route", "show", "proto", "173") == ""
        assert "10.77.0.0/24" in run("ip", "route")
        wait_for_no_servers()
        assert sorted(os.listdir(controller.state_dir)) == files
        again = tear_down(controller)
        assert (again.returncode, again.stdout, again.stderr) == (0, "nothing to remove\n", "")


def test_root_takes_away_what_the_controllers_user_made():
    with node() as controller:
        controller.terminate()
        os.remove(os.path.join(controller.state_dir, "lock"))
        for name in [".", *os.listdir(controller.state_dir)]:
            os.chown(os.path.join(controller.state_dir, name), OTHER, OTHER)
        os.chmod(controller.folder, 0o755)
        done = tear_down(controller)
        assert done.returncode == 0 and "adit0" not in links(), done
        for name in os.listdir(controller.state_dir):  # or the controller could not start again
            assert os.stat(os.path.join(controller.state_dir, name)).st_uid == OTHER, name


def test_a_wireguard_interface_of_somebody_else_stays():
    with node(with_site=False) as controller:
        controller.terminate()
        run("wireguard-go", "adit0")
        run("wg", "set", "adit0", "private-key", "/dev/stdin", input=run("wg", "genkey"))
        before = run("wg", "showconf", "adit0")
        done = tear_down(controller)
        assert done.returncode == 0 and "adit did not make" in done.stderr, done
        assert done.stdout == "" and run("wg", "showconf", "adit0") == before, done
        # Nor does one stay whose node was never set up: without a state folder nothing is ours.
        shutil.rmtree(controller.state_dir)
        done = tear_down(controller)
        assert done.returncode == 0 and "adit0" in links(), done
        assert not os.path.exists(controller.state_dir), "it makes no folder"
        run("ip", "link", "del", "adit0")


def test_a_link_that_is_no_wireguard_stays_and_is_named():
    with node(with_site=False) as controller:
        run("ip", "link", "add", "adit0", "type", "veth", "peer", "name", "adit1")
        run("ip", "addr", "add", "10.8.0.1/24", "dev", "adit0")
        before = run("ip", "addr", "show", "adit0")
        steps = controller.done("PUT", "/v1/sites/one", SITE)["steps"]
        assert steps[0]["state"] == "failing" and "adit0" in steps[0]["error"], steps
        assert "interface:" in steps[0]["fix"], steps
        status = controller.status()
        assert status["status"] == "degraded" and status["steps"][0]["fix"], status
        assert "adit0" in status["node"]["problem"], status["node"]
        controller.done("DELETE", "/v1/sites/one")
        status = controller.wait_until("it is a problem without any site", lambda s: any(
            "adit0" in p["what"] for p in s["problems"]))
        controller.terminate()
        done = tear_down(controller)
        assert done.returncode == 0 and "none of adit's" in done.stderr, done
        assert run("ip", "addr", "show", "adit0") == before


def test_a_blank_interface_of_the_unit_that_runs_wireguard_goes():
    with node(with_site=False) as controller:
        controller.terminate()
        run("wireguard-go", "adit0")
        done = tear_down(controller)
        assert done.returncode == 0 and done.stdout == "removed: interface adit0\n", done
        assert "adit0" not in links()
        wait_for_no_servers()


cases.run(globals())
