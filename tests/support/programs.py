"""Programs of others in a test's box, where every port is free: started, waited for, and ended by their pid."""

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import cases


def need(*names):
    """Skips the case where one of `names` is not installed."""
    if missing := [name for name in names if not shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")]:
        raise cases.Skip(f"not installed: {', '.join(missing)}")


def wait_until(what, condition, timeout=20):
    """What `condition()` returns once it is true; an OSError of it counts as not yet."""
    deadline = time.monotonic() + timeout
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if result := condition():
                return result
        if time.monotonic() > deadline:
            raise TimeoutError(what() if callable(what) else what)
        threading.Event().wait(0.02)


def listens(port):
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


class Stage:
    """`with Stage() as stage:` a folder and programs in it; all of them end with it."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="adit-stage-")
        self.children = []
        return self

    def __exit__(self, *_):
        for child in self.children:
            child.terminate()
        for child in self.children:
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def read(self, name):
        with contextlib.suppress(FileNotFoundError), open(self.path(name), errors="replace") as file:
            return file.read()
        return ""

    def start(self, name, *command, port=None, environment=None):
        """Its output goes to NAME.log. With `port`: returns once somebody listens there."""
        with open(self.path(f"{name}.log"), "wb") as log:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                                     env={**os.environ, "HOME": self.folder, "PATH": os.environ["PATH"] + ":/usr/sbin",
                                          **(environment or {})})
        self.children.append(child)
        if port:
            def up():
                assert child.poll() is None, f"{name} ended: {self.read(name + '.log')}"
                return listens(port)
            wait_until(lambda: f"{name} does not listen: {self.read(name + '.log')}", up)
        return child
