#!/bin/bash
# tests/run.sh [--all] [--no-install]: everything that shows adit works, from a bare machine to CTest's summary.
#
#   as root: installs the packages that are missing (no service is started, none stays enabled)
#   builds the presets release and asan, runs CTest for both, and ends with their summaries; up to ten integration
#   tests that fail run once more with nothing beside them: what passes then is named and does not count, unless a
#   sanitizer or an assertion has spoken
#   --all         also: tests labelled slow, ThreadSanitizer, libFuzzer on every parser, Debian 13
#   --no-install  never calls apt; says what is missing instead
#
# Exit status: 0 all passed (what a machine cannot run is listed as skipped, with the reason), 2 wrong usage,
# 1 anything else.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source-path=SCRIPTDIR
. deploy/packages.sh
# shellcheck source-path=SCRIPTDIR
. deploy/build.sh

all=no install=yes
for argument; do
  case $argument in
    --all) all=yes ;;
    --no-install) install=no ;;
    -h | --help) sed -n '2,12s/^# \{0,1\}//p' tests/run.sh && exit 0 ;;
    *) echo "tests/run.sh: unknown option $argument (see --help)" >&2 && exit 2 ;;
  esac
done

say() { printf '\n== %s\n' "$*"; }

get_packages() {
  local wanted=("${BUILD_PACKAGES[@]}" "${PACKAGE_PACKAGES[@]}" "${DEMO_PACKAGES[@]}" "${TEST_PACKAGES[@]}")
  if [ $all = yes ]; then wanted+=("${ALL_PACKAGES[@]}"); fi
  if [ $install = yes ] && [ "$(id -u)" = 0 ]; then
    install_packages "${wanted[@]}"
    return
  fi
  local missing
  missing=$(missing_packages "${wanted[@]}" | tr '\n' ' ')
  [ -z "$missing" ] || echo "not installed (their tests are skipped, or the build fails): $missing"
}

# test_job_count PRESET: tests wait more than they compute, for deadlines and for machines that boot; not under
# ThreadSanitizer, where four at once on two cores starve one another.
test_job_count() { if [ "$1" = tsan ]; then job_count; else echo $((2 * $(job_count))); fi; }

# may_be_chance PRESET: whether only tests failed that wait for other processes on a machine with too much to do, ten at the
# most. What a unit test, a fuzzer, a sanitizer, an assertion or the soak with its random seed finds once is found.
may_be_chance() {
  local failed=build/$1/Testing/Temporary/LastTestsFailed.log
  [ -s "$failed" ] || return 1 # ctest itself failed
  [ "$(wc -l <"$failed")" -le 10 ] || return 1
  ! grep -qvE '^[0-9]+:(integration|boot|demo)/' "$failed" || return 1
  ! grep -qF '/relay_soak/' "$failed" || return 1
  ! grep -qE "Sanitizer: |runtime error: |Assertion ['\`]" "build/$1-tests.log"
}

# run_tests PRESET [CTEST OPTION...]: the whole output is kept beside the build; status 1 if a test failed, unless it may be
# chance and passes with nothing beside it (skipping is no passing). The summary names it then.
run_tests() {
  local preset=$1 again=build/$1-again.log
  shift
  say "test: $preset"
  rm -f "build/$preset-tests.xml" "$again" "build/$preset/Testing/Temporary/LastTestsFailed.log"
  if ctest --preset "$preset" -j "$(test_job_count "$preset")" --output-junit "$PWD/build/$preset-tests.xml" \
    --test-output-size-passed 65536 "$@" 2>&1 | tee "build/$preset-tests.log"; then
    return 0
  fi
  may_be_chance "$preset" || return 1
  say "test: $preset, what failed once more, one at a time"
  ctest --preset "$preset" --rerun-failed -j 1 "$@" 2>&1 | tee "$again" || return 1
  ! grep -qF '***Skipped' "$again"
}

# Another system, not another preset: CTest's summary there is one line here.
debian13() {
  local status=0
  say "test: Debian 13"
  tests/debian13.sh 2>&1 | tee build/debian13-tests.log || status=$?
  case $status in
    0) debian13_result=$(grep '^[0-9]*% tests passed' build/debian13-tests.log) ;;
    77) debian13_result=$(tail -n 1 build/debian13-tests.log) ;;
    *) debian13_result="FAILED (build/debian13-tests.log)" && return 1 ;;
  esac
}

# The reasons of skipped tests, then CTest's own last words about each preset.
summary() {
  local preset
  say "what was skipped"
  for preset in "${presets[@]}"; do
    /usr/bin/python3 tests/support/skipped.py "$preset" "build/$preset-tests.xml" || :
  done
  for preset in "${presets[@]}"; do
    say "CTest: $preset"
    sed -n '/^[0-9]*% tests passed/,$p' "build/$preset-tests.log"
    if [ -e "build/$preset-again.log" ]; then
      echo "The failed ones once more, one at a time:"
      sed -n '/^[0-9]*% tests passed/,$p' "build/$preset-again.log"
    fi
  done
  if [ $all = yes ]; then say "Debian 13" && echo "$debian13_result"; fi
}

mkdir -p build
started=$SECONDS failed=no presets=(release asan)
if [ $all = yes ]; then presets+=(tsan fuzz); fi
trap 'exit $(($? != 0))' EXIT # apt, cmake and ctest have statuses of their own

get_packages
for preset in "${presets[@]}"; do
  say "build: $preset"
  build_all "$preset"
done
say "built in $((SECONDS - started)) s"
for preset in "${presets[@]}"; do
  options=()
  if [ $all = no ] && [ "$preset" = release ]; then options=(-LE slow); fi
  run_tests "$preset" ${options[@]+"${options[@]}"} || failed=yes
done
if [ $all = yes ]; then debian13 || failed=yes; fi
summary
[ $failed = no ]
