"""The steps of a person's life with adit, for the tests of this folder: packages, `adit init`, a home, a host."""

import contextlib
import glob
import json
import os
import shutil
import time

import cases
import guest
import wires
from wires import NAME, sh

BUILD = os.environ.get("ADIT_BUILD_DIR", "build/release")
DEBS = os.path.join(BUILD, "packages")
UNITS = ("adit-relay.service", "adit-controller.service", "adit-wireguard.service")
CAP_NET_BIND_SERVICE, CAP_NET_ADMIN = 1 << 10, 1 << 12


def packages():
    """The .deb files of this build, adit-relay first."""
    found = sorted(glob.glob(f"{DEBS}/*.deb"), key=lambda path: "adit-relay" not in path)
    if len(found) != 2:
        raise cases.Skip(f"not two packages in {DEBS} (cmake --build {BUILD} --target packages): {found}")
    return found


@contextlib.contextmanager
def machine(serving=True, files=()):
    """(guest, world): a VPS that is switched off, and what is around it."""
    with wires.World() as world, guest.Guest() as vps:
        with open(f"{vps.root}/etc/hosts", "a") as hosts:  # in place of a DNS provider
            hosts.write(f"{wires.VPS} {NAME}\n")
        if serving:
            world.serve_at_home(files)
        yield vps, world


@contextlib.contextmanager
def installed(**options):
    """The same, booted, with adit's packages."""
    with machine(**options) as (vps, world):
        timed("boot", vps.boot)
        timed("packages installed", install, vps)
        yield vps, world


@contextlib.contextmanager
def at_work(**options):
    """The same, with a home in the tunnel and a host that is served from there."""
    with installed(**options) as (vps, world):
        timed("home in the tunnel", set_up, vps, world)
        yield vps, world


def bring(vps, files):
    """Copies files to the guest's /root/packages; their paths there."""
    shutil.rmtree(f"{vps.root}/root/packages", ignore_errors=True)
    os.mkdir(f"{vps.root}/root/packages")
    return [f"/root/packages/{os.path.basename(shutil.copy(path, f'{vps.root}/root/packages'))}"
            for path in files]


def install(vps, files=None):
    vps.run("dpkg", "--install", *bring(vps, files or packages()))


def higher_version(folder):
    """The same packages again, with a version that dpkg takes for an upgrade."""
    made = []
    for path in packages():
        tree = os.path.join(folder, os.path.basename(path) + ".tree")
        sh("dpkg-deb", "--raw-extract", path, tree)
        control = os.path.join(tree, "DEBIAN", "control")
        with open(control) as file:
            lines = [f"{line.rstrip()}+upgrade\n" if line.startswith("Version:") else line for line in file]
        with open(control, "w") as file:
            file.writelines(lines)
        made.append(os.path.join(folder, f"upgrade-{os.path.basename(path)}"))
        sh("dpkg-deb", "--build", "--root-owner-group", "-Znone", tree, made[-1])
        shutil.rmtree(tree)
    return made


def say(what):
    print(f"    {what}", flush=True)


def timed(what, action, *arguments):
    """Does it and prints how long it took; what it returned."""
    start = time.monotonic()
    result = action(*arguments)
    say(f"{what}: {time.monotonic() - start:.2f} s")
    return result


def init(vps):
    """`adit init`, as a script runs it, with nobody to ask; what it prints."""
    return vps.run("adit", "init", "--site", "home", "--network", "10.30.0.0/24", "--target",
                   f"{wires.SERVER}:443")


def block_for_home(vps):
    return vps.run("adit", "site", "config", "home", "--format", "wg-quick")


def set_up(vps, world):
    """From installed packages to a host that is served; the home's public key."""
    init(vps)
    key = world.paste_at_home(block_for_home(vps))
    vps.run("adit", "site", "set-key", "home", key)
    vps.run("adit", "host", "add", NAME, "--site", "home")
    wait_until_up(vps)
    return key


def status(vps):
    return json.loads(vps.run("adit", "status", "-o", "json"))


def wait_until_up(vps, limit=40):
    """Until the controller has seen home's handshake."""
    def is_up():
        code, text = vps.status("adit", "status", "-o", "json")
        return code == 0 and any(s["name"] == "home" and s["state"] == "up" for s in json.loads(text)["sites"])
    try:
        vps.wait_until("site home is up", is_up, limit)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{vps.status('adit', 'status')[1]}") from None


def serves(world, limit=40):
    """Seconds until a visitor gets the page from home."""
    start = time.monotonic()
    while True:
        try:
            assert world.fetch(limit=5) == "hello from home\n"
            return time.monotonic() - start
        except AssertionError:
            if time.monotonic() - start > limit:
                raise


def journal(vps, *options):
    """Lines of adit's units in this boot's journal."""
    units = [word for unit in UNITS for word in ("-u", unit)]
    return vps.journal(*units, *options)


def data_process(vps):
    """(supervisor, data process) of the relay, as process ids here."""
    supervisor = int(vps.unit("adit-relay.service", "MainPID")["MainPID"])
    pids = vps.processes("adit-relay")
    assert supervisor in pids and len(pids) == 2, (supervisor, pids)
    (data,) = (here for inside, here in pids.items() if inside != supervisor)
    return pids[supervisor], data
