"""`adit verify` must fail where the relay is not blind: real processes with real keys in their memory
and in their files, and such that are no relay at all; only the controller plays its part."""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import tempfile

import cases
import traffic
from verify_stage import (NAME, Counters, checks_of, controller, need_tracing, passing, relay_folders,
                          relay_like, relay_program, scalar_of, verified)


def key_file():
    return traffic.certificate(NAME)[1]


def in_a_page(scalar, protection, flags=0x22, size=4096, fd=-1):
    """Code that writes the number into a page of its own, byte by byte, so that it never stands
    anywhere else, and then gives the page its protection."""
    masked = bytes(byte ^ 0xFF for byte in bytes.fromhex(scalar)).hex()
    return f"""
import ctypes
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
at = libc.mmap(None, {size}, 3, {flags}, {fd}, 0)
page = (ctypes.c_ubyte * 4096).from_address(at)
for i, byte in enumerate(bytes.fromhex('{masked}')): page[i] = byte ^ 0xFF
libc.mprotect(ctypes.c_void_p(at), ctypes.c_size_t({size}), {protection})
"""


def test_a_blind_relay_is_verified():
    need_tracing()
    verdict, checks = verified("", "--key", key_file(), "--ca", traffic.certificates()[1],
                               beside=["pass"])
    assert verdict == "verified", checks
    assert list(checks) == ["certificates_equal", "chain_trusted", "bytes_relayed", "relay_processes",
                            "relay_libraries", "relay_files", "relay_capabilities", "relay_memory",
                            "relay_contents"], checks
    assert "the bytes of 1 key" in checks["relay_memory"]["detail"], checks
    assert "of memory of 3 processes" in checks["relay_memory"]["detail"], checks


def test_a_private_key_in_the_relays_memory_is_found():
    need_tracing()
    scalar = scalar_of(key_file())
    whole = f"held = bytes.fromhex('{scalar}')"
    for code in (whole, whole + "; held = held[::-1]"):
        # The hexadecimal text in argv and source is another form; only the bytes count here.
        verdict, checks = verified(code, "--key", key_file())
        assert verdict == "failed" and checks["relay_memory"]["state"] == "failed", checks
        assert "private scalar" in checks["relay_memory"]["detail"], checks
        assert scalar not in json.dumps(checks)
    # Nobody told it about this key, but the text of a key file gives itself away.
    with open(key_file()) as file:
        pem = file.read()
    verdict, checks = verified(f"held = {pem!r}")
    assert "PEM block" in checks["relay_memory"]["detail"], checks


def test_a_key_in_a_page_that_nobody_may_read_is_found():
    need_tracing()
    for protection in (0, 2, 4):  # PROT_NONE, PROT_WRITE, PROT_EXEC
        code = in_a_page(scalar_of(key_file()), protection)
        verdict, checks = verified(code, "--key", key_file())
        assert verdict == "failed" and "private scalar" in checks["relay_memory"]["detail"], checks


def test_memory_that_cannot_be_read_is_not_searched_memory():
    need_tracing()
    # memfd_secret(2): no other process sees these pages, whatever its rights.
    code = ("import ctypes, os\nfd = ctypes.CDLL(None).syscall(447, 0)\n"
            "if fd >= 0: os.ftruncate(fd, 4096)\n" +
            in_a_page("00" * 32, 3, flags=1, fd="fd") + "os.close(fd)\n")
    probe = "import ctypes; raise SystemExit(ctypes.CDLL(None).syscall(447, 0) < 0)"
    if subprocess.run(["/usr/bin/python3", "-c", probe], check=False).returncode != 0:
        raise cases.Skip("this kernel has no memfd_secret")
    verdict, checks = verified(code)
    assert verdict == "incomplete", checks
    assert checks["relay_memory"]["state"] == "unchecked", checks
    assert "4.1 kB could not be read: /secretmem" in checks["relay_memory"]["detail"], checks


def test_a_mapping_too_large_to_be_searched_is_not_searched():
    need_tracing()
    reserved = in_a_page("", 3, flags=0x4022, size=65 << 30)  # MAP_NORESERVE
    assert verified(reserved)[0] == "verified"  # never touched: it holds nothing
    verdict, checks = verified(in_a_page("00" * 32, 3, flags=0x4022, size=65 << 30))
    assert checks["relay_memory"]["state"] == "unchecked", checks


def test_a_sanitizers_shadow_is_no_gap():
    need_tracing()
    found = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True,
                           check=False).stdout.strip() if shutil.which("gcc") else ""
    if not found.startswith("/"):
        raise cases.Skip("there is no libasan")
    verdict, checks = verified("", preload=found)
    assert verdict == "verified", checks
    assert "of sanitizers' shadow not searched" in checks["relay_memory"]["detail"], checks


def test_a_key_in_the_supervisor_or_in_a_process_that_drains_is_found():
    need_tracing()
    held = f"held = bytes.fromhex('{scalar_of(key_file())}')"
    for where in ({"supervisor": held}, {"beside": ["pass", held]}):
        verdict, checks = verified("", "--key", key_file(), **where)
        assert verdict == "failed" and checks["relay_memory"]["state"] == "failed", checks


def test_a_key_in_a_twin_that_somebody_else_started_is_found():
    need_tracing()
    held = f"held = bytes.fromhex('{scalar_of(key_file())}')"
    with relay_program() as program, relay_like(held, program=program) as (_, twin):
        verdict, checks = verified("", "--key", key_file(), program=program)
        assert verdict == "failed" and f"process {twin} " in checks["relay_memory"]["detail"], checks


def test_a_data_process_that_the_supervisor_did_not_start_is_reported():
    need_tracing()
    for claimed in (lambda _: os.getpid(), lambda pids: pids[0], lambda _: 0):
        verdict, checks = verified("", pids=lambda pids, data=claimed: (pids[0], data(pids)))
        assert verdict == "failed" and checks["relay_processes"]["state"] == "failed", checks
        assert "no child of its supervisor" in checks["relay_processes"]["detail"], checks


def test_a_child_that_runs_another_program_is_reported():
    need_tracing()
    cat = os.path.realpath("/bin/cat")
    verdict, checks = verified("", beside=[f"os.execv({cat!r}, ['adit-relay'])"])
    assert verdict == "failed" and f"runs {cat}" in checks["relay_processes"]["detail"], checks


def test_the_name_alone_makes_no_relay():
    need_tracing()
    sleep = subprocess.Popen(["adit-relay", "600"], executable=os.path.realpath("/usr/bin/sleep"))
    try:
        verdict, checks = verified("", pids=lambda _: (sleep.pid, sleep.pid))
        assert verdict == "incomplete", checks
        assert f"pid {sleep.pid} is no adit-relay" in checks["relay_processes"]["detail"], checks
    finally:
        sleep.kill()
        sleep.wait()


def test_the_controllers_wireguard_key_is_searched_for_by_itself():
    need_tracing()
    secret = bytes(range(100, 132))
    with tempfile.TemporaryDirectory() as state, traffic.tls_origin("hello", NAME) as home:
        with open(os.path.join(state, "wireguard.key"), "w") as file:
            file.write(base64.b64encode(secret).decode() + "\n")
        with relay_like("held = bytes(range(100, 132))") as pids:
            with controller(home.address[1], pids, state_dir=state) as fake:
                checks = checks_of(fake.run("verify", NAME, "-o", "json"))
                assert "wireguard.key: key bytes" in checks["relay_memory"]["detail"], checks


def test_a_relay_that_can_do_tls_is_no_blind_relay():
    need_tracing()
    verdict, checks = verified("import _ssl")
    assert verdict == "failed" and checks["relay_libraries"]["state"] == "failed", checks
    assert "libssl" in checks["relay_libraries"]["detail"] or "libcrypto" in checks["relay_libraries"]["detail"]


def test_a_relay_that_holds_a_file_open_is_reported():
    need_tracing()
    verdict, checks = verified("held = open('/etc/hostname')")
    assert verdict == "failed", checks
    assert "/etc/hostname" in checks["relay_files"]["detail"], checks


def test_a_state_folder_behind_a_link_is_its_state_folder():
    need_tracing()
    with relay_folders() as (state, _, arguments):
        os.rename(state, state + ".moved")
        os.symlink(state + ".moved", state)
        verdict, checks = verified(f"lock = open({os.path.join(state, 'lock')!r}, 'w')", arguments=arguments)
        assert verdict == "verified", checks


def test_a_key_in_a_file_that_is_open_is_found():
    need_tracing()
    for fd in (0, 2, 7):  # a standard stream may be any file, but it may not hold a key
        code = f"at = os.open({key_file()!r}, os.O_RDONLY); wait = os.dup(0); os.dup2(at, {fd}); os.close(at)"
        # What it waits for comes from its standard input.
        code += "; os.read = lambda _, size, read=os.read: read(wait, size)"
        with os_readable(key_file()):
            verdict, checks = verified(code)
        assert verdict == "failed" and checks["relay_contents"]["state"] == "failed", checks
        assert checks["relay_contents"]["detail"].startswith(key_file() + " has a PEM block"), checks


@contextlib.contextmanager
def os_readable(path):
    """The relay's user may read the file."""
    modes = [(place, os.stat(place).st_mode & 0o777) for place in (os.path.dirname(path), path)]
    try:
        for place, mode in modes:
            os.chmod(place, mode | 0o055)
        yield
    finally:
        for place, mode in modes:
            os.chmod(place, mode)


def test_a_key_in_the_relays_folders_is_found():
    need_tracing()
    with relay_folders() as (state, runtime, arguments):
        assert verified(arguments=arguments)[0] == "verified"
        for folder in (os.path.join(state, "old", "deep"), runtime):
            os.makedirs(folder, exist_ok=True)
            copy = shutil.copy(key_file(), os.path.join(folder, "table.cache"))
            # Its own name for the key: no marker of PEM, only the number.
            with open(copy, "wb") as file:
                file.write(b"x" * 5000 + bytes.fromhex(scalar_of(key_file())))
            verdict, checks = verified("", "--key", key_file(), arguments=arguments)
            assert verdict == "failed" and checks["relay_memory"]["state"] == "passed", checks
            assert checks["relay_contents"]["detail"].startswith(copy + " has "), checks
            os.unlink(copy)


def test_a_folder_that_the_controller_uses_too_is_not_the_relays():
    need_tracing()
    with relay_folders() as (_, runtime, arguments), relay_like(arguments=arguments) as pids:
        controllers = os.path.join(runtime, "controller")
        os.mkdir(controllers)
        shutil.copy(key_file(), os.path.join(controllers, "some.key"))
        counters = Counters()
        with traffic.tls_origin("hello", NAME) as home, passing(home.address, counters) as port:
            for state_dir, state in ((controllers, "passed"), ("", "failed")):
                with controller(port, pids, state_dir=state_dir, counters=counters) as fake:
                    check = checks_of(fake.run("verify", NAME, "-o", "json"))["relay_contents"]
                    assert check["state"] == state, check


def test_a_relay_with_capabilities_is_reported():
    need_tracing()
    with traffic.tls_origin("hello", NAME) as home, relay_program() as program:
        process = subprocess.Popen([program, "-c", "input()"], stdin=subprocess.PIPE)
        try:
            with controller(home.address[1], (process.pid, process.pid)) as fake:
                checks = checks_of(fake.run("verify", NAME, "-o", "json"))
                assert checks["relay_capabilities"]["state"] == "failed", checks
        finally:
            process.communicate(b"\n")


def test_without_the_right_it_says_run_as_root():
    need_tracing()
    with traffic.tls_origin("hello", NAME) as home, relay_program() as program:
        process = subprocess.Popen([program, "-c", "input()"], stdin=subprocess.PIPE)
        try:
            with controller(home.address[1], (process.pid, process.pid)) as fake:
                os.chmod(fake.folder, 0o755)
                os.chmod(fake.socket_path, 0o666)
                ran = fake.run("verify", NAME, "-o", "json",
                               prefix=("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"))
                if not ran.out:
                    raise cases.Skip("the build folder is not readable for others")
                checks = checks_of(ran)
                for name in ("processes", "libraries", "files", "memory", "contents"):
                    assert checks["relay_" + name]["detail"] == "not checked (run as root)", checks
        finally:
            process.communicate(b"\n")


if __name__ == "__main__":
    cases.run(globals())
