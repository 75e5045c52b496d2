"""A small runner for tests that drive real programs: every function of the script whose name
begins with test_ is a case. Exit status 0 all passed, 1 some failed, 77 all were skipped."""

import sys
import time
import traceback


class Skip(Exception):
    """This machine lacks something; the message says what."""


def run(namespace):
    wanted = sys.argv[1:]
    cases = [(name, case) for name, case in namespace.items() if name.startswith("test_")]
    if wanted:
        cases = [(name, case) for name, case in cases if name in wanted]
    failed, skipped = [], []
    for name, case in cases:
        start = time.monotonic()
        try:
            case()
            print(f"ok      {name} ({time.monotonic() - start:.2f} s)", flush=True)
        except Skip as reason:
            skipped.append(name)
            print(f"skipped {name}: {reason}", flush=True)
        except Exception:
            failed.append(name)
            print(f"FAILED  {name}\n{traceback.format_exc()}", flush=True)
    if failed or not cases:
        sys.exit(1)
    sys.exit(77 if len(skipped) == len(cases) else 0)
