"""tests/support/echo_stream.py as processes of their own: targets that echo and clients whose every byte is compared."""

import contextlib
import json
import os
import subprocess
import sys
import threading

from relay_process import SLOWNESS

END = 120 * SLOWNESS  # seconds


def told_to_end(process):
    """What it still says once its stdin has ended, all of it: a full pipe would hold it."""
    # Not by communicate(), which knows nothing of what readline() has read too far.
    limit = threading.Timer(END, process.kill)
    limit.start()
    try:
        process.stdin.close()
        rest = process.stdout.read()
        process.wait()
    finally:
        limit.cancel()
    return rest


@contextlib.contextmanager
def running(*command):
    """(process, its first line); it ends when its stdin does."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process, process.stdout.readline().strip()
    finally:
        try:
            if process.poll() is None:
                told_to_end(process)
        finally:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()


def script(*arguments):
    """tests/support/echo_stream.py, `running`."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "echo_stream.py")
    return running(sys.executable, path, *map(str, arguments))


@contextlib.contextmanager
def target(hello):
    """The address of a target that echoes what follows the hello."""
    with script("target", hello.hex()) as (_, port):
        yield ("127.0.0.1", int(port))


def ended(stream):
    """What a client found when it was told to end; fails if a byte was lost or altered."""
    found = json.loads(told_to_end(stream))
    assert "problem" not in found, found
    assert found["received"] == found["sent"] > 0, found
    return found
