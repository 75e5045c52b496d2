"""A small runner for tests that drive real programs: every function of the script whose name
begins with test_ is a case, and a CTest of its own (adit_add_case_tests in tests/script_tests.cmake).
By hand: `SCRIPT.py [CASE...]`. Exit status 0 all passed, 1 some failed, 77 all were skipped."""

import re
import sys
import time
import traceback


class Skip(Exception):
    """This machine lacks something; the message says what."""


def unseen(names, path):
    """Cases that CTest does not find in the script: made by a decorator's or a loop's magic, say."""
    with open(path, encoding="utf-8") as script:
        seen = re.findall(r"^def (test_[A-Za-z0-9_]+)\(", script.read(), re.M)
    return sorted(set(names) - set(seen))


def run(namespace):
    cases = {name: case for name, case in namespace.items() if name.startswith("test_")}
    if lost := unseen(cases, namespace["__file__"]):
        sys.exit(f"no line begins with `def NAME(`, so CTest would never run: {', '.join(lost)}")
    wanted = sys.argv[1:] or list(cases)
    if missing := [name for name in wanted if name not in cases]:
        sys.exit(f"no such case (configure again?): {', '.join(missing)}")
    failed, skipped = [], []
    for name in wanted:
        start = time.monotonic()
        try:
            cases[name]()
            print(f"ok      {name} ({time.monotonic() - start:.2f} s)", flush=True)
        except Skip as reason:
            skipped.append(name)
            print(f"skipped {name}: {reason}", flush=True)
        except Exception:
            failed.append(name)
            print(f"FAILED  {name}\n{traceback.format_exc()}", flush=True)
    if failed or not wanted:
        sys.exit(1)
    sys.exit(77 if len(skipped) == len(wanted) else 0)
