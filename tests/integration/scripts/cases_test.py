"""tests/script_tests.cmake, cases.py and skipped.py: each case is a test, and one that is skipped is seen."""

import os
import re
import subprocess
import tempfile

import cases

ROOT = os.environ["ADIT_SOURCE_DIR"]
PROJECT = f"""
cmake_minimum_required(VERSION 3.25)
project(small LANGUAGES NONE)
enable_testing()
set(PYTHON3 /usr/bin/python3)
include({ROOT}/tests/script_tests.cmake)
adit_add_case_tests(small three.py LABELS integration TIMEOUT 20)
# Below another source tree the helpers of this one are needed.
get_property(tests DIRECTORY PROPERTY TESTS)
set_tests_properties(${{tests}} PROPERTIES ENVIRONMENT PYTHONPATH={ROOT}/tests/support)
"""
# In quotes line by line: CTest must not take these for cases of this script.
THREE = ("import cases\n"
         "def test_good():\n    print('working')\n"
         "def test_bad():\n    assert 1 == 2\n"
         "def test_lacking():\n    raise cases.Skip('no zsh here')\n"
         "def helper():\n    pass\n")
RUN = "cases.run(globals())\n"


def run(*command, folder):
    return subprocess.run(command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def write(folder, name, text):
    with open(os.path.join(folder, name), "w") as file:
        file.write(text)


def test_each_case_is_a_test():
    with tempfile.TemporaryDirectory() as folder:
        write(folder, "CMakeLists.txt", PROJECT)
        write(folder, "three.py", THREE + RUN)
        made = run("cmake", "-G", "Ninja", "-B", ".", "-S", ".", folder=folder)
        assert made.returncode == 0, made.stdout
        ran = run("ctest", "--output-junit", "tests.xml", folder=folder)
        results = dict(re.findall(r"Test +#\d+: (\S+) \.+ *\**(\w+)", ran.stdout))
        assert results == {"small/good": "Passed", "small/bad": "Failed", "small/lacking": "Skipped"}, ran.stdout
        listed = run("/usr/bin/python3", f"{ROOT}/tests/support/skipped.py", "dev", "tests.xml", folder=folder)
        assert listed.stdout == "skipped (dev): small/lacking: skipped test_lacking: no zsh here\n", listed.stdout


def test_a_script_without_cases_is_an_error():
    with tempfile.TemporaryDirectory() as folder:
        write(folder, "CMakeLists.txt", PROJECT)
        write(folder, "three.py", "def helper(): pass\n")
        made = run("cmake", "-G", "Ninja", "-B", ".", "-S", ".", folder=folder)
        assert made.returncode != 0 and "no function test_" in made.stdout, made.stdout


def test_a_case_that_ctest_cannot_see_is_an_error():
    with tempfile.TemporaryDirectory() as folder:
        for extra in ("test_more = lambda: None\n", "if True:\n    def test_more(): pass\n"):
            write(folder, "three.py", THREE + extra + RUN)
            ran = run("/usr/bin/python3", "three.py", "test_good", folder=folder)
            assert ran.returncode == 1 and "test_more" in ran.stdout, ran.stdout


def test_a_case_that_is_gone_is_an_error():
    with tempfile.TemporaryDirectory() as folder:
        write(folder, "three.py", THREE + RUN)
        ran = run("/usr/bin/python3", "three.py", "test_gone", folder=folder)
        assert ran.returncode == 1 and "no such case" in ran.stdout, ran.stdout
        statuses = [run("/usr/bin/python3", "three.py", name, folder=folder).returncode
                    for name in ("test_good", "test_bad", "test_lacking")]
        assert statuses == [0, 1, 77]


if __name__ == "__main__":
    cases.run(globals())
