"""A copy of the source tree, and programs that play others, for tests of the project's own scripts."""

import contextlib
import os
import shutil
import subprocess
import tempfile

ROOT = os.environ["ADIT_SOURCE_DIR"]


class SourceCopy:
    """`path` is the tree without build folders; `bin` comes first in the PATH of what `run` runs."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "adit")
        self.bin = os.path.join(folder, "bin")
        shutil.copytree(ROOT, self.path, ignore=shutil.ignore_patterns("build", ".git", "__pycache__"))
        os.mkdir(self.bin)

    def file(self, *parts):
        return os.path.join(self.path, *parts)

    def write(self, path, text):
        """A file of the tree, executable as a script must be."""
        with open(self.file(path), "w") as file:
            file.write(text)
        os.chmod(self.file(path), 0o755)

    def fake(self, program, text):
        """`program` is this shell script; $REAL is the program that it plays."""
        path = os.path.join(self.bin, program)
        with open(path, "w") as file:
            file.write(f"#!/bin/sh\nREAL={shutil.which(program)}\n{text}\n")
        os.chmod(path, 0o755)

    def run(self, *command):
        """(exit status, stdout and stderr) of a command that runs in the tree."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ADIT_")}
        environment["PATH"] = self.bin + ":" + os.environ["PATH"]
        ran = subprocess.run(command, cwd=self.path, env=environment, text=True, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return ran.returncode, ran.stdout


@contextlib.contextmanager
def source_copy():
    with tempfile.TemporaryDirectory(prefix="adit-scripts-test-") as folder:
        yield SourceCopy(folder)
