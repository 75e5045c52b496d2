"""deploy/build.sh: the programs are built where nothing for the tests is installed, with as many
compilers as fit into memory; and a test folder that got lost is an error."""

import os

import cases
from source_copy import source_copy

# cmake without Catch2, which only TEST_PACKAGES brings; it configures in earnest but builds nothing.
BARE_CMAKE = """
case "$1" in --build) echo "$*" >>build/build-calls; exit ;; esac
exec $REAL "$@" -DCMAKE_DISABLE_FIND_PACKAGE_Catch2=ON"""


def build_calls(copy):
    with open(copy.file("build", "build-calls")) as file:
        return file.read().splitlines()


def shell(copy, text):
    return copy.run("bash", "-euo", "pipefail", "-c", ". deploy/build.sh\n" + text)


def test_the_programs_need_no_test_package():
    with source_copy() as copy:
        copy.fake("cmake", BARE_CMAKE)
        status, output = shell(copy, "build_programs; job_count")
        assert status == 0, output
        assert not os.path.exists(copy.file("build", "release", "tests")), "the tests are configured too"
        assert build_calls(copy) == [f"--build --preset release -j {output.split()[-1]}"
                                     " --target adit-relay adit-controller adit"]
        # What is configured is not touched again; with the tests it is, and needs Catch2.
        made = os.stat(copy.file("build", "release", "CMakeCache.txt")).st_mtime_ns
        assert shell(copy, "build_programs")[0] == 0
        assert os.stat(copy.file("build", "release", "CMakeCache.txt")).st_mtime_ns == made
        for with_tests in ("build_all release", "cmake --preset release"):
            status, output = shell(copy, with_tests)
            assert status == 1 and "Catch2" in output, (with_tests, output)


def test_a_lost_test_folder_is_an_error():
    with source_copy() as copy:
        os.rename(copy.file("tests", "unit", "plan"), copy.file("tests", "unit", "plans"))
        status, output = shell(copy, "configure release -DBUILD_TESTING=ON")
        assert status == 1 and "unit/plan" in output, output
        os.mkdir(copy.file("tests", "unit", "plan"))
        copy.write("tests/unit/plan/CMakeLists.txt", "")
        status, output = shell(copy, "configure release -DBUILD_TESTING=ON")
        assert status == 1 and "tests that no CMakeLists.txt names:\n\n    unit/plans\n" in output, output


def test_a_lost_test_file_is_an_error():
    with source_copy() as copy:
        copy.write("tests/unit/plan/forgotten_test.cpp", 'TEST_CASE("plan: forgotten", "[plan]") {}\n')
        copy.write("tests/integration/forgotten.py", "def test_forgotten(): pass\n")
        copy.write("tests/integration/no_test.py", "def helper(): pass\n")
        status, output = shell(copy, "configure release -DBUILD_TESTING=ON")
        assert status == 1 and "tests that no CMakeLists.txt names:" in output, output
        assert "/forgotten_test.cpp\n" in output and "/forgotten.py\n" in output, output
        assert "no_test.py" not in output, output


def test_as_many_jobs_as_fit_into_memory():
    with source_copy() as copy:
        copy.fake("nproc", "echo 4")
        for available_kb, want in ((300_000, 1), (2_900_000, 1), (3_000_000, 2), (64_000_000, 4)):
            copy.write("meminfo", f"MemTotal: 99999999 kB\nMemAvailable: {available_kb} kB\n")
            status, output = shell(copy, "meminfo=meminfo; job_count")
            assert (status, output) == (0, f"{want}\n"), (available_kb, output)


if __name__ == "__main__":
    cases.run(globals())
