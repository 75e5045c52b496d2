"""A VPS that boots while something is wrong: it comes back as far as it can, says what is wrong in a
line and not in a thousand, and by itself once it is right again."""

import os
import shutil

import cases
import vps
import wires
from wires import NAME, sh

STORE = "/run/store"
FORWARDING = "cd /proc/sys/net && for f in ipv4/ip_forward ipv[46]/conf/*/forwarding; do echo $f $(cat $f); done"


def relay_answers(world):
    """The relay itself, to a name it does not know: an alert of TLS, not a refused connection."""
    code = os.system(" ".join(wires.inside("client", "openssl", "s_client", "-connect", f"{wires.VPS}:443",
                                           "-servername", "unknown.example.test")) +
                     f" </dev/null >{world.path('answer')} 2>&1")
    with open(world.path("answer")) as file:
        said = file.read()
    assert code != 0 and "alert" in said, said


def few_lines(machine, limit=60):
    """adit's lines in this boot's journal; those of warning and above, without repetition, are printed."""
    entries = vps.journal(machine)
    for line in dict.fromkeys(e["MESSAGE"] for e in entries if int(e["PRIORITY"]) <= 4):
        vps.say(line)
    assert len(entries) < limit, f"{len(entries)} lines:\n" + "\n".join(e["MESSAGE"] for e in entries)
    return entries


def says(machine, *words):
    """The one line that tells a person what is wrong."""
    lines = [entry["MESSAGE"] for entry in vps.journal(machine)]
    assert any(all(word in line for word in words) for line in lines), (words, lines)


def test_home_unreachable():
    with vps.at_work() as (machine, world):
        sh("ip", "link", "set", "dev", "home", "down")
        machine.reboot()
        relay_answers(world)
        assert [r["name"] for r in vps.status(machine)["sites"]] == ["home"]
        assert vps.status(machine)["sites"][0]["state"] != "up"
        few_lines(machine)
        sh("ip", "link", "set", "dev", "home", "up")
        vps.say(f"home is back: a visitor gets the page {vps.serves(world, 180):.1f} s later")


def test_no_name_resolution():
    with vps.at_work() as (machine, world):
        machine.run("rm", "-f", "/etc/resolv.conf", "/etc/hosts")
        machine.reboot()
        vps.serves(world)
        vps.wait_until_up(machine)
        few_lines(machine)


def test_the_cached_route_table_is_missing():
    with vps.at_work() as (machine, world):
        machine.switch_off()
        for name in os.listdir(f"{machine.root}/var/lib/adit-relay"):
            if name.startswith("table"):
                os.unlink(f"{machine.root}/var/lib/adit-relay/{name}")
        machine.boot()
        vps.serves(world)
        vps.wait_until_up(machine)
        few_lines(machine)


def store_on_a_disk_of_its_own(machine, size, filled):
    """What the controller keeps moves to a file system of `size`, which a stranger's file fills up."""
    os.mkdir(STORE)
    sh("mount", "-n", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", STORE)
    sh("cp", "-a", f"{machine.root}/var/lib/adit/.", STORE)
    shutil.copystat(f"{machine.root}/var/lib/adit", STORE)
    owner = os.stat(f"{machine.root}/var/lib/adit")
    os.chown(STORE, owner.st_uid, owner.st_gid)
    if filled:
        with open(f"{STORE}/ballast", "wb", 0) as ballast:
            try:
                while True:
                    ballast.write(bytes(4096))
            except OSError:
                pass


def comes_back_and_refuses_changes(machine, world, cause):
    """A boot with a store that cannot be written: home is served, a change is refused in one line."""
    machine.boot()
    vps.serves(world)
    vps.wait_until_up(machine)
    code, said = machine.status("adit", "host", "add", "more.example.test", "--site", "home")
    assert code == 1 and said.startswith("adit: ") and said.count("\n") == 1, (code, said)
    vps.say(said.strip())
    few_lines(machine)
    says(machine, cause)


def test_the_store_is_full():
    with vps.at_work() as (machine, world):
        machine.switch_off()
        store_on_a_disk_of_its_own(machine, "1m", filled=True)
        machine.binds.append(f"--bind={STORE}:/var/lib/adit")
        comes_back_and_refuses_changes(machine, world, "ENOSPC")
        os.unlink(f"{STORE}/ballast")
        machine.wait_until("changes are taken again", lambda: machine.status(
            "adit", "host", "add", "more.example.test", "--site", "home")[0] == 0, 30)


def test_the_store_is_read_only():
    with vps.at_work() as (machine, world):
        machine.switch_off()
        store_on_a_disk_of_its_own(machine, "8m", filled=False)
        machine.binds.append(f"--bind-ro={STORE}:/var/lib/adit")
        comes_back_and_refuses_changes(machine, world, "EROFS")


def test_an_interface_adit0_of_somebody_else():
    with vps.machine() as (machine, world):
        machine.boot()
        machine.run("ip", "link", "add", "adit0", "type", "bridge")
        before = machine.run("ip", "-d", "addr", "show", "adit0")
        vps.install(machine)
        wish = ("--site", "home", "--network", "10.30.0.0/24", "--target", f"{wires.SERVER}:443")
        code, said = machine.status("adit", "init", *wish)
        assert code == 1 and "ip link del adit0" in said and "Nothing was changed" in said, (code, said)
        machine.run("adit", "init", "--force", *wish)
        key = world.paste_at_home(vps.block_for_home(machine))
        code, said = machine.status("adit", "site", "set-key", "home", key)
        assert code == 3, (code, said)
        (failing,) = (line for line in said.splitlines() if line.startswith("failing"))
        assert "adit0" in failing and "ip link del adit0" in failing, failing
        vps.say(failing)
        assert machine.run("ip", "-d", "addr", "show", "adit0") == before
        few_lines(machine)
        # Its owner takes it away. Where WireGuard is a process, that is the unit's, which was skipped at the boot.
        machine.run("ip", "link", "del", "adit0")
        machine.run("systemctl", "start", "adit-wireguard")
        machine.wait_until("wireguard-go serves adit0", lambda: machine.status(
            "test", "-S", "/run/wireguard/adit0.sock")[0] == 0)
        machine.run("adit", "host", "add", NAME, "--site", "home")
        vps.serves(world, 90)


def test_adit_turns_no_forwarding_on():
    with vps.machine() as (machine, world):
        machine.boot()
        before = machine.shell(FORWARDING)
        vps.install(machine)
        vps.set_up(machine, world)
        machine.reboot()
        vps.wait_until_up(machine)
        after = [line for line in machine.shell(FORWARDING).splitlines() if "/adit0/" not in line]
        assert after == before.splitlines()
        assert machine.shell("cat /proc/sys/net/ipv4/conf/adit0/forwarding") == "0\n"


if __name__ == "__main__":
    cases.run(globals())
