"""What is in the packages: files and modes, size, dependencies, manual pages; and what lintian says."""

import gzip
import os
import re
import subprocess

import cases
from deb_files import BUILD, SOURCE, Unpacked, deb, field, needs, output

LARGEST_RELAY_KIB = 2048
PROGRAMS = ("/usr/bin/adit-relay", "/usr/bin/adit-controller", "/usr/bin/adit")
PAGES = ("man8/adit-relay.8", "man8/adit-controller.8", "man1/adit.1", "man5/adit.yaml.5")
# Keys that are read in stored revisions only, or inside a key that the page explains.
NOT_FOR_PEOPLE = {"owner", "http_target", "to", "weight"}
CONFFILES = {"adit-relay": ["/etc/needrestart/restart.d/adit-relay.service"],
             "adit": ["/etc/adit/controller.yaml"]}


def files_of(package):
    """Path -> mode and owner, as `tar tv` shows them."""
    lines = [line.split(None, 5) for line in output("dpkg-deb", "-c", deb(package)).splitlines()]
    return {line[5].lstrip("."): (line[0], line[1]) for line in lines}


def control(package, name):
    return output("dpkg-deb", "-I", deb(package), name).splitlines()


def test_the_relay_takes_at_most_2_mb():
    size = int(field("adit-relay", "Installed-Size"))
    print(f"adit-relay: Installed-Size {size} KiB")
    with open(os.path.join(BUILD, "CMakeCache.txt"), encoding="utf-8") as cache:
        if "CMAKE_BUILD_TYPE:STRING=RelWithDebInfo" not in cache.read():
            raise cases.Skip("only what is shipped has to be small (preset release)")
    assert 0 < size <= LARGEST_RELAY_KIB, size


def test_programs_are_stripped_and_hardened():
    with Unpacked() as root:
        for program in PROGRAMS:
            sections = output("readelf", "-SW", root.file(program))
            assert ".text" in sections and ".symtab" not in sections and ".debug" not in sections, program
            dynamic = output("readelf", "-dW", root.file(program))
            assert "BIND_NOW" in dynamic and "PIE" in dynamic, (program, dynamic)
            assert "GNU_RELRO" in output("readelf", "-lW", root.file(program)), program


def test_files_belong_to_root_and_are_where_they_should_be():
    for package in ("adit-relay", "adit"):
        for path, (mode, owner) in files_of(package).items():
            assert owner == "root/root", (path, owner)
            assert mode in ("drwxr-xr-x", "-rw-r--r--", "-rwxr-xr-x"), (path, mode)
            assert path == "/" or re.match(r"/(usr|etc)/", path), path
            is_program = re.match(r"/usr/bin/.|/usr/lib/adit/.|/etc/needrestart/restart.d/.", path)
            if not path.endswith("/"):
                assert mode == ("-rwxr-xr-x" if is_program else "-rw-r--r--"), (path, mode)
        assert control(package, "conffiles") == CONFFILES[package]


def test_the_relay_is_complete_without_the_controller():
    assert "adit-relay (>=" in field("adit", "Depends")
    depends = field("adit-relay", "Depends")
    for library in ("libuv1", "libseccomp2", "libfmt"):
        assert library in depends, depends
    for foreign in ("libssl", "libcrypto", "libyaml", "sqlite", "curl", "microhttpd", "mnl"):
        assert foreign not in depends, depends


def test_no_forwarding_in_the_kernel_settings():
    with Unpacked() as root:
        text = root.text("/usr/lib/sysctl.d/60-adit-relay.conf")
    lines = text.splitlines()
    keys = [line for line in lines if line and not line.startswith("#")]
    assert len(keys) >= 6 and all(re.match(r"-[a-z0-9_.-]+ = \d", line) for line in keys), keys
    assert not [line for line in keys if "forward" in line]
    for number, line in enumerate(lines):
        if line in keys:
            assert lines[number - 1].startswith("# "), f"no reason above {line}"


def test_manual_pages():
    needs("mandoc", "groff")
    with Unpacked() as root:
        for page in PAGES:
            with gzip.open(root.file(f"/usr/share/man/{page}.gz")) as file:
                text = file.read()
            for command in (["mandoc", "-Tlint", "-Wwarning"], ["groff", "-man", "-ww", "-z", "-Kutf8", "-Tutf8"]):
                done = subprocess.run(command, input=text, capture_output=True, check=False)
                said = (done.stdout + done.stderr).decode()
                assert done.returncode == 0 and not said, (page, command[0], said)
    broken = subprocess.run(["mandoc", "-Tlint", "-Wwarning"], input=b".TH a\n.Xx\n", capture_output=True, check=False)
    assert broken.returncode != 0, "mandoc does not complain about anything"


def test_the_manual_page_of_adit_names_every_command():
    needs("mandoc")
    with Unpacked() as root:
        with gzip.open(root.file("/usr/share/man/man1/adit.1.gz")) as file:
            shown = subprocess.run(["mandoc", "-Tascii", "-Owidth=78"], input=file.read(), capture_output=True,
                                   check=True).stdout.decode()
        plain = re.sub(r".\x08", "", shown)
        top = output(root.file("/usr/bin/adit"), "--help").split("Subcommands:")[1].split("Example:")[0]
    names = [line.split()[0] for line in top.splitlines() if re.match(r"  [a-z]", line)]
    assert len(names) >= 12, names
    for name in names:
        assert re.search(rf"^   adit {name}\b", plain, re.M), (name, plain)


def test_the_manual_page_of_the_yaml_names_every_key():
    keys = set()
    for name in ("resource_reader.cpp", "relay_reader.cpp", "policy_fields.cpp"):
        with open(os.path.join(SOURCE, "controller", "config", name), encoding="utf-8") as file:
            keys.update(re.findall(r'\{"([a-z0-9_]+)", read_', file.read()))
    assert {"sites", "networks", "half_closed", "privacy", "rate_per_client"} <= keys and len(keys) > 20, keys
    with Unpacked() as root:
        with gzip.open(root.file("/usr/share/man/man5/adit.yaml.5.gz")) as file:
            page = file.read().decode()
    for key in keys - NOT_FOR_PEOPLE:
        assert re.search(rf'^\.BR? .*\b{key}\b', page, re.M), f"adit.yaml(5) does not name {key}"


def test_completions_are_those_of_the_program():
    places = {"bash": "/usr/share/bash-completion/completions/adit", "zsh": "/usr/share/zsh/vendor-completions/_adit",
              "fish": "/usr/share/fish/vendor_completions.d/adit.fish"}
    with Unpacked() as root:
        for shell, path in places.items():
            wanted = output(root.file("/usr/bin/adit"), "completion", shell)
            assert len(wanted) > 1000 and root.text(path) == wanted, shell


def test_lintian():
    needs("lintian")
    for package in ("adit-relay", "adit"):
        done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error", deb(package)], capture_output=True,
                              text=True, check=False)
        print(done.stdout)
        assert done.returncode == 0, done.stdout + done.stderr


if __name__ == "__main__":
    cases.run(globals())
