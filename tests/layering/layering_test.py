"""layering_test.py sources | format | scripts | libraries ADIT_RELAY SANITIZERS: one check each, for CTest.

The rules stand in rules.py. Before the tree is judged, each rule has to catch a made-up file that breaks it.
"""
import os
import re
import shutil
import subprocess
import sys

import rules

ROOT = os.environ["ADIT_SOURCE_DIR"]
SKIPPED = 77


def files(*suffixes, folders=("common", "relay", "controller", "tests")):
    for folder in folders:
        for base, _, names in os.walk(os.path.join(ROOT, folder)):
            for name in sorted(names):
                if name.endswith(suffixes):
                    yield os.path.relpath(os.path.join(base, name), ROOT)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def toothless_rules():
    """Rules that do not catch their own example."""
    for rule in rules.INCLUDE_RULES:
        path, name = rule.example
        for text in (f'#pragma once\n\n#include "{name}"\n', f"#include <vector>\n  #  include <{name}>\n"):
            if not any(rule.why in line for line in rules.violations_of(path, text)):
                yield f"rule does not bite: {path} with #include {name}: {rule.why}"
    for rule in rules.TEXT_RULES:
        path, text = rule.example
        if not any(rule.why in line for line in rules.violations_of(path, text)):
            yield f"rule does not bite: {path} with {text!r}: {rule.why}"
        if rules.violations_of(path, "".join(f"// {line}\n" for line in text.splitlines())):
            yield f"rule takes a comment for code: {path}: {rule.why}"
    long_text = "// What this file is.\nint x;\n" + "\n" * rules.MAX_LINES
    if not rules.is_too_long(long_text) or rules.is_too_long("// Longer than 400 lines: a table.\n" + long_text):
        yield "the length rule does not bite"


def unused_rules(paths):
    """A rule for files that do not exist (renamed?) protects nothing."""
    for rule in rules.INCLUDE_RULES + rules.TEXT_RULES:
        if not any(re.match(rule.files, path) for path in paths):
            yield f"no file matches {rule.files} ({rule.why})"


def check_sources():
    paths = list(files(".hpp", ".cpp"))
    broken = list(toothless_rules()) + list(unused_rules(paths))
    for path in paths:
        text = read(path)
        broken += rules.violations_of(path, text)
        if rules.is_too_long(text):
            broken.append(f"{path}: {text.count(chr(10))} lines; split it, or say in the file comment why it is "
                          f"longer than {rules.MAX_LINES}")
        if path.endswith(".hpp") and "#pragma once" not in text:
            broken.append(f"{path}: no #pragma once")
        is_unit_test = path.startswith("tests/unit/")  # named after what it tests
        has_own_header = path.endswith(".cpp") and os.path.exists(os.path.join(ROOT, path[:-3] + "hpp"))
        if not is_unit_test and not has_own_header and not text.startswith("//"):
            broken.append(f"{path}: does not begin with a file comment")
    return broken


def check_libraries(relay, sanitizers=""):
    allowed = rules.RELAY_LIBRARIES | (rules.SANITIZER_LIBRARIES if sanitizers else set())
    made_up = " 0x1 (NEEDED)  Shared library: [libc.so.6]\n 0x1 (NEEDED)  Shared library: [libssl.so.3]\n"
    if rules.strange_libraries(made_up, rules.RELAY_LIBRARIES) != ["libssl.so.3"]:
        return ["the library rule does not bite"]
    output = subprocess.run(["readelf", "-d", relay], capture_output=True, text=True, check=True).stdout
    if "libuv.so" not in output:
        return [f"{relay}: readelf shows no libuv; is this the relay?"]
    return [f"{relay}: must not link {name}" for name in rules.strange_libraries(output, allowed)]


def check_format():
    formatter = shutil.which("clang-format-14") or shutil.which("clang-format")
    version = subprocess.run([formatter, "--version"], capture_output=True, text=True).stdout if formatter else ""
    if "version 14." not in version:
        print("clang-format 14 (Debian 12's) is not here; other versions format differently")
        sys.exit(SKIPPED)
    command = [formatter, "--dry-run", "--Werror", "--style=file"]
    ugly = subprocess.run(command + ["--assume-filename=relay/made_up.cpp"], input="int   x ;\n",
                          capture_output=True, text=True, cwd=ROOT)
    if ugly.returncode == 0:
        return ["clang-format does not complain about anything"]
    result = subprocess.run(command + list(files(".hpp", ".cpp")), capture_output=True, text=True, cwd=ROOT)
    return [line for line in result.stderr.splitlines() if "error:" in line]


def check_scripts():
    if not shutil.which("shellcheck"):
        print("shellcheck is not here")
        sys.exit(SKIPPED)
    scripts = list(files(".sh", folders=("deploy", "tests", "examples"))) + [".ci/run"]
    scripts += list(files("postinst", "prerm", "postrm", folders=("deploy/debian",)))
    scripts += ["deploy/lib/needs-userspace-wireguard", "deploy/needrestart/adit-relay.service"]
    made_up = subprocess.run(["shellcheck", "-s", "bash", "-"], input="rm $1\n", capture_output=True, text=True)
    if made_up.returncode == 0:
        return ["shellcheck does not complain about anything"]
    result = subprocess.run(["shellcheck", "-x", *scripts], capture_output=True, text=True, cwd=ROOT)
    return result.stdout.splitlines() + result.stderr.splitlines()


def main():
    checks = {"sources": check_sources, "libraries": check_libraries, "format": check_format,
              "scripts": check_scripts}
    broken = checks[sys.argv[1]](*sys.argv[2:])
    print("\n".join(broken) if broken else f"{sys.argv[1]}: all as it should be")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
