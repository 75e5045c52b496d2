"""skipped.py PRESET JUNIT.xml: one line for each test that CTest skipped, with the reason the test gave.

CTest itself only says "Skipped"; the reason is the last line that such a test printed.
"""
import sys
import xml.etree.ElementTree as ElementTree


def reason(case):
    lines = [line for line in (case.findtext("system-out") or "").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no reason given"


def main():
    preset, path = sys.argv[1:]
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        if case.get("status") in ("notrun", "disabled") or case.find("skipped") is not None:
            print(f"skipped ({preset}): {case.get('name')}: {reason(case)}")


if __name__ == "__main__":
    main()
