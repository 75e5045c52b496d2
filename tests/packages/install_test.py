"""deploy/install.sh, with apt, cmake and dpkg-query played by scripts of the test's own: what it builds and installs,
what it says, and that --no-start forbids services for as long as apt runs and not longer."""

import os

import cases
from source_copy import source_copy

DEBS = "build/release/packages"
CMAKE = f"""
mkdir -p {DEBS} && touch build/release/build.ninja
case "$*" in *"--target packages"*) touch {DEBS}/adit-relay_1_amd64.deb {DEBS}/adit_1_amd64.deb ;; esac"""
# Everything is installed but wireguard-go and, at first, adit.
DPKG_QUERY = """
case "$*" in
  *wireguard-go*) exit 1 ;;
  *Version*) [ ! -e installed ] || echo 1 ;;
  *) printf installed ;;
esac"""
APT_GET = """
case "$*" in *--simulate*) exit ;; esac
echo "$*" >>apt-calls
[ ! -e policy ] || echo forbidden >>apt-calls
[ ! -e apt-fails ] || exit 100
touch installed"""


class Machine:
    """A copy of the tree on which everything that install.sh calls is played; root, and no WireGuard in the kernel."""

    def __init__(self, copy):
        self.copy = copy
        for program, text in {"cmake": CMAKE, "dpkg-query": DPKG_QUERY, "apt-get": APT_GET, "unshare": "exit 1",
                              "id": "echo 0", "systemctl": "echo active"}.items():
            copy.fake(program, text)
        path = copy.file("deploy", "packages.sh")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        assert "policy_file=/usr/sbin/policy-rc.d\n" in text
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace("/usr/sbin/policy-rc.d", "$PWD/policy"))

    def install(self, *options):
        return self.copy.run("bash", "deploy/install.sh", *options)

    def apt_calls(self):
        path = self.copy.file("apt-calls")
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as file:
            return file.read().splitlines()


def test_both_packages_are_built_and_installed():
    with source_copy() as copy:
        machine = Machine(copy)
        status, output = machine.install()
        assert status == 0 and output.endswith("\nnext: adit init\n"), output
        (call,) = machine.apt_calls()
        for part in ("install --reinstall ", "/adit-relay_1_amd64.deb ", "/adit_1_amd64.deb", " wireguard-go"):
            assert part in call, (part, call)
        status, output = machine.install()  # once more: an upgrade
        assert status == 0 and output.endswith("\nnext: adit status\n"), output
        assert len(machine.apt_calls()) == 2


def test_no_wireguard_program_where_the_kernel_has_it():
    with source_copy() as copy:
        machine = Machine(copy)
        copy.fake("unshare", "exit 0")
        status, output = machine.install()
        assert status == 0 and "wireguard-go" not in machine.apt_calls()[0], output


def test_what_apt_refuses_is_a_failure():
    with source_copy() as copy:
        machine = Machine(copy)
        copy.write("apt-fails", "")
        status, output = machine.install()
        assert status == 1 and "next:" not in output, output


def test_no_start_forbids_services_while_apt_runs():
    with source_copy() as copy:
        machine = Machine(copy)
        status, output = machine.install("--no-start")
        assert status == 0 and machine.apt_calls()[1:] == ["forbidden"], (output, machine.apt_calls())
        assert not os.path.exists(copy.file("policy"))


def test_no_build_takes_what_is_there():
    with source_copy() as copy:
        machine = Machine(copy)
        status, output = machine.install("--no-build")
        assert status == 1 and "there is no " in output and not machine.apt_calls(), output
        os.makedirs(copy.file(DEBS))
        for name in ("adit-relay_2_amd64.deb", "adit_2_amd64.deb"):
            copy.write(f"{DEBS}/{name}", "")
        status, output = machine.install("--no-build")
        assert status == 0 and "/adit_2_amd64.deb" in machine.apt_calls()[0], output


def test_little_memory_is_said_before_building():
    with source_copy() as copy:
        machine = Machine(copy)
        copy.write("meminfo", "MemAvailable: 500000 kB\nSwapFree: 1000 kB\n")
        path = copy.file("deploy", "build.sh")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        copy.write("deploy/build.sh", text.replace("meminfo=/proc/meminfo", "meminfo=meminfo"))
        status, output = machine.install()
        assert status == 0 and "only 489 MB of memory" in output, output


def test_who_cannot_install_is_told_why():
    with source_copy() as copy:
        machine = Machine(copy)
        assert machine.install("--help")[0] == 0
        assert "--no-start" in machine.install("--help")[1]
        status, output = machine.install("--fast")
        assert status == 2 and "--fast" in output, output
        copy.fake("id", "echo 1000")
        status, output = machine.install()
        assert status == 77 and "root" in output and not machine.apt_calls(), output


if __name__ == "__main__":
    cases.run(globals())
