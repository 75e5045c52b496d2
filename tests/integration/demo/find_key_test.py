"""The search of the demo's proof finds a key wherever a process can hold one. Runs in a box, so that
the user whose processes it searches has no others."""

import base64
import contextlib
import os
import subprocess
import sys
import tempfile

import cases

FIND_KEY = os.path.join(os.environ["ADIT_SOURCE_DIR"], "deploy", "demo", "find_key.py")
sys.path.insert(0, os.path.dirname(FIND_KEY))
import find_key  # noqa: E402  (its folder is known only now)

USER = "nobody"
KEY = bytes((101 + 57 * i) % 256 for i in range(32))  # no row that stands in some table of characters
# The holder writes its key byte by byte, so that no copy is left in its heap.
HOLD = """
import ctypes, mmap, os, sys, tempfile
SIZE, PAGE = 16 * mmap.PAGESIZE, mmap.PAGESIZE
memory = mmap.mmap(-1, SIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
libc = ctypes.CDLL(None)
libc.mprotect.argtypes = libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
def put_key(at):
    for i in range(32):
        memory[at + i] = (101 + 57 * i) % 256
"""


@contextlib.contextmanager
def holder(code):
    """A process of USER that ran `code`, which follows HOLD."""
    if os.geteuid() != 0:
        raise cases.Skip("needs root to look into another process's memory")
    process = subprocess.Popen(
        ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "/usr/bin/python3", "-c",
         HOLD + code + "\nprint('ready', flush=True)\nsys.stdin.read()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        said = process.stdout.readline()
        if said.startswith("skipped: "):
            raise cases.Skip(said[len("skipped: "):].strip())
        assert said == "ready\n", said
        yield process.pid
    finally:
        process.communicate("", timeout=20)


def search(key, *where):
    """(exit status, output) of find_key.py for a WireGuard key of these bytes."""
    with tempfile.NamedTemporaryFile("w", suffix=".key") as file:
        file.write(base64.b64encode(key).decode() + "\n")
        file.flush()
        ran = subprocess.run(["/usr/bin/python3", FIND_KEY, "--key", file.name, *where],
                             capture_output=True, text=True)
        return ran.returncode, ran.stdout + ran.stderr


def test_a_key_in_memory_is_found_and_another_is_not():
    with holder("put_key(PAGE - 16)"):
        status, output = search(KEY, "--user", USER)
        assert status == 1 and "memory of python3" in output, output
        status, output = search(bytes(KEY[:31] + b"x"), "--user", USER)
        assert status == 0 and "found" not in output, output


def test_a_process_without_the_key_is_not_accused():
    with holder(""):
        status, output = search(KEY, "--user", USER)
        assert status == 0 and "found" not in output, output


def test_a_key_behind_mprotect_none_is_found():
    with holder("put_key(PAGE - 16)\nassert libc.mprotect(address, SIZE, 0) == 0  # PROT_NONE"):
        status, output = search(KEY, "--user", USER)
        assert status == 1 and "memory of python3" in output, output


def test_a_key_after_an_unreadable_page_is_found():
    """Guard pages (Linux 6.13) lie in the middle of a map and nobody can read them."""
    with holder("put_key(8 * PAGE)\nMADV_GUARD_INSTALL = 102\n"
                "if libc.madvise(address + 3 * PAGE, 2 * PAGE, MADV_GUARD_INSTALL) != 0:\n"
                "    print('skipped: no MADV_GUARD_INSTALL in this kernel', flush=True)\n"
                "    sys.exit()"):
        status, output = search(KEY, "--user", USER)
        assert status == 1 and "left out: 2 unreadable pages" in output, output


def test_reading_goes_on_page_by_page():
    """The same on every kernel: pages 1 and 3 of six cannot be read."""
    page, bad = find_key.PAGE, (1, 3)
    content = bytearray(6 * page)
    content[5 * page - 16:5 * page + 16] = KEY

    def pread(_, size, start):
        if start // page in bad:
            raise OSError(5, "Input/output error")
        end = min(n * page for n in (*bad, 6) if n * page > start)
        return bytes(content[start:min(start + size, end)])

    search_of = find_key.Search({KEY: "the key"})
    real, os.pread = os.pread, pread
    try:
        search_of.read("the file", 0, 0, len(content))
    finally:
        os.pread = real
    assert search_of.found == {"the key, in the file"}
    assert (search_of.unreadable_pages, search_of.bytes) == (2, 4 * page)


def test_a_key_in_an_open_file_that_has_no_name_is_found():
    with holder("file = tempfile.TemporaryFile(buffering=0)\n"
                "for i in range(32): file.write(bytes([(101 + 57 * i) % 256]))"):
        status, output = search(KEY, "--user", USER)
        assert status == 1 and "open file" in output and "in memory" not in output, output


def test_a_user_without_processes_is_no_proof():
    if os.geteuid() != 0:
        raise cases.Skip("needs root")
    assert search(KEY, "--user", "games")[0] == 2


if __name__ == "__main__":
    cases.run(globals())
