"""tests/run.sh ends with the statuses that it promises, and its summary names all that was skipped."""

import cases
from source_copy import source_copy

# ctest that has run two tests, of which one was skipped and one left out a part.
FAKE_CTEST = r"""
while [ $# -gt 0 ]; do
  case $1 in --output-junit) junit=$2 ;; esac
  shift
done
cat >"$junit" <<XML
<testsuite>
<testcase name="unit/whole" status="run"><system-out>All tests passed</system-out></testcase>
<testcase name="shell/part" status="run"><system-out>ok one
skipped two: no zsh
ok three</system-out></testcase>
<testcase name="shell/none" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/><system-out>
looking
skipped: no fish</system-out></testcase>
</testsuite>
XML
echo "100% tests passed, 0 tests failed out of 3"
exit ${CTEST_STATUS:-0}"""


# ctest in which FAILED tests called NAME fail and say WORDS, and of which AGAIN do so alone.
FAILING_CTEST = r"""
preset=$2
mkdir -p "build/$preset/Testing/Temporary"
case " $* " in
  *" --rerun-failed -j 1 "*)
    echo "$preset rerun RERUN"
    echo "50% tests passed, AGAIN tests failed out of FAILED"
    exit AGAIN ;;
esac
seq FAILED | sed "s|$|:NAME|" >"build/$preset/Testing/Temporary/LastTestsFailed.log"
cat <<'SAID'
WORDS
SAID
echo "99% tests passed, FAILED tests failed out of 300"
exit 8"""


def failing_ctest(failed, again, name="integration/relay_hold/x", words="TimeoutError", rerun=""):
    values = {"FAILED": failed, "AGAIN": again, "NAME": name, "WORDS": words, "RERUN": rerun}
    script = FAILING_CTEST
    for word, value in values.items():
        script = script.replace(word, str(value))
    return script


def run(copy, *options, debian13="exit 77", cmake="exit 0", ctest=FAKE_CTEST):
    """tests/run.sh where cmake, ctest and Debian 13 are these scripts."""
    copy.fake("dpkg-query", "echo installed")
    copy.fake("cmake", cmake)
    copy.fake("ctest", ctest)
    copy.write("tests/debian13.sh", "#!/bin/bash\n" + debian13)
    return copy.run("tests/run.sh", "--no-install", *options)


def test_statuses():
    with source_copy() as copy:
        for why, want, arguments in (
                ("all passed", 0, {}),
                ("a test failed", 1, {"ctest": FAKE_CTEST.replace("${CTEST_STATUS:-0}", "8")}),
                ("cmake cannot configure", 1, {"cmake": "exit 77"}),
                ("it does not compile", 1, {"cmake": '[ "$1" != --build ] || exit 2'})):
            status, output = run(copy, **arguments)
            assert status == want, (why, status, output)
        assert run(copy, "--no-such-option")[0] == 2


def test_what_may_be_chance_runs_once_more_alone():
    with source_copy() as copy:
        for failed, again, want in ((1, 0, 0), (10, 0, 0), (1, 1, 1), (10, 3, 1)):
            status, output = run(copy, ctest=failing_ctest(failed, again))
            assert status == want, (failed, again, output)
            summary = output[output.index("== CTest: release"):]
            for line in (f"99% tests passed, {failed} tests failed out of 300", "once more, one at a time",
                         f"50% tests passed, {again} tests failed out of {failed}"):
                assert summary.count(line) == 2, (line, summary)
        status, output = run(copy, ctest=failing_ctest(1, 0, rerun="1/1 Test #1: x ...***Skipped"))
        assert status == 1 and "rerun" in output, output


def test_what_is_no_chance_fails_at_once():
    with source_copy() as copy:
        for arguments in (
                {"failed": 0, "again": 0},  # ctest itself failed
                {"failed": 11, "again": 0},
                {"failed": 1, "again": 0, "name": "unit_relay/x"},
                {"failed": 1, "again": 0, "name": "property_relay/x"},
                {"failed": 1, "again": 0, "name": "fuzz/client_hello"},
                {"failed": 1, "again": 0, "name": "integration/relay_soak/a_minute"},
                {"failed": 1, "again": 0, "words": "==1==ERROR: AddressSanitizer: heap-use-after-free"},
                {"failed": 1, "again": 0, "words": "a.cpp:1:2: runtime error: signed integer overflow"},
                {"failed": 1, "again": 0, "words": "stl_vector.h:1045: Assertion '__n < this->size()' failed."}):
            status, output = run(copy, ctest=failing_ctest(**arguments))
            assert status == 1 and "rerun" not in output, (arguments, output)


def test_missing_packages_are_no_success():
    with source_copy() as copy:
        copy.write("deploy/packages.sh", "BUILD_PACKAGES=() DEMO_PACKAGES=() TEST_PACKAGES=()\n"
                   "install_packages() { return 77; }\nmissing_packages() { :; }\n")
        copy.fake("cmake", "exit 0")
        copy.fake("ctest", FAKE_CTEST)
        copy.fake("id", "echo 0")
        assert copy.run("tests/run.sh")[0] == 1


def test_the_summary_names_what_was_skipped():
    with source_copy() as copy:
        status, output = run(copy)
        assert status == 0, output
        for preset in ("release", "asan"):
            assert f"skipped ({preset}): shell/part: skipped two: no zsh\n" in output, output
            assert f"skipped ({preset}): shell/none: skipped: no fish\n" in output, output
        assert "whole" not in output and "Debian 13" not in output, output


def test_debian_13_stands_in_the_summary():
    with source_copy() as copy:
        for script, want, line in (
                ("echo looking; echo skipped: no debootstrap; exit 77", 0, "skipped: no debootstrap"),
                ("echo '99% tests passed, 1 tests failed out of 300'; exit 8", 1, "FAILED"),
                ("echo '100% tests passed, 0 tests failed out of 300'; echo bye", 0, "100% tests passed")):
            status, output = run(copy, "--all", debian13=script)
            assert status == want, output
            assert line in output[output.rindex("== Debian 13"):], output


if __name__ == "__main__":
    cases.run(globals())
