"""The packages that the test packages/build has made: where they are, and what is in them."""

import glob
import os
import shutil
import subprocess
import tempfile

import cases

BUILD = os.environ["ADIT_BUILD_DIR"]
SOURCE = os.environ["ADIT_SOURCE_DIR"]


def needs(*programs):
    for program in programs:
        if shutil.which(program) is None:
            raise cases.Skip(f"{program} is not installed")


def output(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=True, **options).stdout


def deb(package):
    """The one file of `package`."""
    needs("dpkg-shlibdeps", "file", "dpkg-deb")  # else packages/build made none
    found = glob.glob(os.path.join(BUILD, "packages", f"{package}_*.deb"))
    assert len(found) == 1, (package, found)
    return found[0]


def field(package, name):
    return output("dpkg-deb", "-f", deb(package), name).strip()


class Unpacked:
    """What both packages put on a machine, below a folder of our own (its `path`)."""

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory()
        self.path = self._folder.name
        for package in ("adit-relay", "adit"):
            output("dpkg-deb", "-x", deb(package), self.path)
        return self

    def __exit__(self, *_):
        self._folder.cleanup()

    def file(self, path):
        return self.path + path

    def text(self, path):
        with open(self.file(path), encoding="utf-8") as file:
            return file.read()
