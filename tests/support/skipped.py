"""skipped.py PRESET JUNIT.xml: one line for everything that CTest did not run, with the reason the test gave.

CTest itself only says "Skipped"; the reason is the last line that such a test printed. A test that passed
may have left out a part: it says so in a line that begins with "skipped".
"""
import sys
import xml.etree.ElementTree as ElementTree


def lines_of(case):
    return [line.strip() for line in (case.findtext("system-out") or "").splitlines() if line.strip()]


def skips(case):
    """What was skipped in `case`, a testcase of JUnit's."""
    if case.get("status") in ("notrun", "disabled") or case.find("skipped") is not None:
        return lines_of(case)[-1:] or ["no reason given"]
    return [line for line in lines_of(case) if line.startswith("skipped")]


def main():
    preset, path = sys.argv[1:]
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        for reason in skips(case):
            print(f"skipped ({preset}): {case.get('name')}: {reason}")


if __name__ == "__main__":
    main()
