"""tests/support/echo_stream.py as processes of their own: targets that echo and clients whose every byte is compared."""

import contextlib
import json
import os
import subprocess
import sys

from relay_process import SLOWNESS


@contextlib.contextmanager
def script(*arguments):
    """(process, its first line); it ends when its stdin does."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "echo_stream.py")
    process = subprocess.Popen([sys.executable, path, *map(str, arguments)], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.stdin.close()
        try:
            process.wait(60 * SLOWNESS)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


@contextlib.contextmanager
def target(hello):
    """The address of a target that echoes what follows the hello."""
    with script("target", hello.hex()) as (_, port):
        yield ("127.0.0.1", int(port))


def ended(stream):
    """What a client found when it was told to end; fails if a byte was lost or altered."""
    found = json.loads(stream.communicate(timeout=120 * SLOWNESS)[0])
    assert "problem" not in found, found
    assert found["received"] == found["sent"] > 0, found
    return found
