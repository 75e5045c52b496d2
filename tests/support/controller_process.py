"""Starts the real adit-controller in a folder of its own, speaks HTTP to it over its Unix socket,
and ends it by its pid."""

import collections
import contextlib
import http.client
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse

BUILD = os.environ.get("ADIT_BUILD_DIR", "build/dev")
BINARY = os.path.join(BUILD, "controller", "adit-controller")
SLOWNESS = 5 if os.environ.get("ADIT_SANITIZE", "") else 1

Answer = collections.namedtuple("Answer", "status headers document")


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("adit", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def path_of(*segments, **query):
    """"/v1/hosts/%2A.example.com?owner=git" of its decoded parts."""
    path = "/" + "/".join(urllib.parse.quote(s, safe="") for s in segments)
    return path + ("?" + urllib.parse.urlencode(query) if query else "")


class ControllerProcess:
    """`with ControllerProcess(relay_socket=...) as controller:`; `settings` go to controller.yaml.
    `controller.lines` collects what it writes to stderr."""

    def __init__(self, relay_socket=None, folder=None, prefix=(), wait=True, **settings):
        self.owns_folder = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix="adit-controller-test-")
        self.socket_path = os.path.join(self.folder, "control.sock")
        self.state_dir = os.path.join(self.folder, "controller")
        self.config_path = os.path.join(self.folder, "controller.yaml")
        settings = {"control_socket": self.socket_path, "state_dir": self.state_dir,
                    "relay_socket": relay_socket or os.path.join(self.folder, "no-relay.sock"),
                    **settings}
        with open(self.config_path, "w") as file:
            file.writelines(f"{key}: {json.dumps(value)}\n" for key, value in settings.items())
        self.lines = []
        self.waiting = queue.Queue()
        self.process = subprocess.Popen(
            [*prefix, BINARY, "--config", self.config_path], stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL)
        self.reader = threading.Thread(target=self.read_lines, daemon=True)
        self.reader.start()
        if wait:
            try:
                self.wait_for("adit-controller: ready")
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

    def raw(self, method, path, body=None, headers=(), timeout=30):
        """One request with `body` as bytes; the answer's document is its JSON."""
        connection = UnixConnection(self.socket_path, timeout * SLOWNESS)
        with contextlib.closing(connection):
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            content = response.read()
            document = json.loads(content) if content else None
            return Answer(response.status, dict(response.getheaders()), document)

    def request(self, method, path, document=None, headers=(), **arguments):
        body = None if document is None else json.dumps(document).encode()
        return self.raw(method, path, body, headers, **arguments)

    def get(self, path):
        answer = self.request("GET", path)
        assert answer.status == 200, answer
        return answer.document

    def done(self, method, path, document=None, headers=(), **arguments):
        """A request that must succeed; its document."""
        answer = self.request(method, path, document, headers, **arguments)
        assert answer.status == 200, answer
        return answer.document

    def apply(self, text, **members):
        return self.request("POST", "/v1/apply",
                            {"files": [{"path": "adit.yaml", "text": text}], **members})

    def status(self):
        return self.get("/v1/status")

    def wait_until(self, what, condition, timeout=15):
        """Until `condition(status)` is true: the controller publishes what it sees when it sees it."""
        deadline = time.monotonic() + timeout * SLOWNESS
        while True:
            status = self.status()
            if condition(status):
                return status
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}; at last {json.dumps(status, indent=1)}\n" +
                                   "\n".join(self.lines[-20:]))
            threading.Event().wait(0.02)

    def proportional_bytes(self):
        """Its PSS: memory of its own and its share of what is shared."""
        with open(f"/proc/{self.process.pid}/smaps_rollup") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:"))

    def terminate(self, timeout=5):
        """SIGTERM; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)

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

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
