"""Starts our programs without any privilege, also where the tests themselves run as root."""

import contextlib
import os
import subprocess
import tempfile

from controller_process import BINARY

NOBODY = 65534
BARE = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"]
AS_NOBODY = BARE + [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


@contextlib.contextmanager
def place():
    """The arguments for programs without privilege that share a folder."""
    with tempfile.TemporaryDirectory(prefix="adit-unprivileged-") as folder:
        if os.getuid() != 0:
            prefix = []
        elif subprocess.run([*AS_NOBODY, BINARY, "--version"], capture_output=True).returncode == 0:
            prefix = AS_NOBODY
            os.chown(folder, NOBODY, NOBODY)
        else:  # below /root, say, it is not for nobody to run
            prefix = BARE
        yield {"folder": folder, "prefix": prefix}
