"""Starts the real adit-relay in a folder of its own and ends it by its pid."""

import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import relay_control

BUILD = os.environ.get("ADIT_BUILD_DIR", "build/dev")
BINARY = os.path.join(BUILD, "relay", "adit-relay")
IS_SANITIZED = os.environ.get("ADIT_SANITIZE", "") != ""
SLOWNESS = 5 if IS_SANITIZED else 1


def cpu_seconds(pid):
    """What the process has used so far."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class RelayProcess:
    """`with RelayProcess(...) as relay:`; `relay.lines` collects what it writes to stderr."""

    def __init__(self, *options, workers=2, folder=None, sandbox=None, prefix=(), environment=None,
                 wait=True, binary=None):
        self.owns_folder = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix="adit-relay-test-")
        self.control_path = os.path.join(self.folder, "relay.sock")
        self.state_dir = os.path.join(self.folder, "state")
        self.lines = []
        self.waiting = queue.Queue()
        command = list(prefix) + [binary or BINARY, "--control", self.control_path, "--state-dir",
                                  self.state_dir]
        if workers is not None:  # else one for each CPU that the process may use
            command += ["--workers", str(workers)]
        # Sanitizers need /proc and calls that the sandbox does not allow.
        if sandbox is None:
            sandbox = not IS_SANITIZED
        if not sandbox:
            command.append("--no-sandbox")
        elif IS_SANITIZED:  # the leak check at the end stops all threads by ptrace
            environment = {**(environment or {}), "ASAN_OPTIONS": "detect_leaks=0"}
        self.process = subprocess.Popen(command + list(options), stderr=subprocess.PIPE,
                                        stdin=subprocess.DEVNULL,
                                        env={**os.environ, **(environment or {})})
        self.reader = threading.Thread(target=self.read_lines, daemon=True)
        self.reader.start()
        if wait:
            try:
                self.wait_for("adit-relay: ready")
            except Exception:
                self.close()
                raise

    def read_lines(self):
        for line in self.process.stderr:
            line = line.decode(errors="replace").rstrip("\n")
            self.lines.append(line)
            self.waiting.put(line)
        self.waiting.put(None)

    def wait_for(self, part, timeout=20):
        """The next line of stderr that contains `part`; lines before it are passed over."""
        deadline = time.monotonic() + timeout * SLOWNESS
        while True:
            try:
                line = self.waiting.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise TimeoutError(f"no line with {part!r} in:\n" + "\n".join(self.lines)) from None
            if line is None:
                raise EOFError(f"ended without {part!r}:\n" + "\n".join(self.lines))
            if part in line:
                return line

    def control(self, **arguments):
        return relay_control.Control(self.control_path, timeout=30 * SLOWNESS, **arguments)

    def stats(self):
        with self.control() as control:
            return control.stats()

    def health(self):
        with self.control() as control:
            return control.health()

    def set(self, table):
        """Makes `table` live; fails if it is refused. Returns the statistics after it."""
        with self.control() as control:
            reply = control.set(table)
            assert not reply["problems"], reply
            return control.stats()

    def port(self, configured=0):
        """The bound port of the listener that is configured with `configured`."""
        for listener in self.stats()["listeners"]:
            if listener["port"] == configured:
                return listener["bound_port"]
        raise KeyError(configured)

    def data_pid(self):
        return self.stats()["data_pid"]

    def wait_until(self, what, condition, timeout=10):
        """Until `condition(stats)` is true: what the relay counts is seen when it is counted."""
        deadline = time.monotonic() + timeout * SLOWNESS
        with self.control() as control:
            while True:
                stats = control.stats()
                if condition(stats):
                    return stats
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{what}; at last {stats}\n" + "\n".join(self.lines[-20:]))
                threading.Event().wait(0.005)

    def wait_closed(self, reason, count=1, timeout=10):
        return self.wait_until(f"{count} x {reason}",
                               lambda s: s["closed"].get(reason, 0) >= count, timeout)

    def terminate(self, timeout=5):
        """SIGTERM; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout)
        self.reader.join(timeout)  # `lines` is whole from here on
        return status

    def close(self):
        if self.process.poll() is None:
            try:
                self.terminate()
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.reader.join(5)
        self.process.stderr.close()
        if self.owns_folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        for sign in ("Sanitizer", "runtime error:", "Assertion"):
            assert not any(sign in line for line in self.lines), "\n".join(self.lines)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
