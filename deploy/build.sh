# shellcheck shell=bash
# How adit's scripts configure and build it. Sourced, with the source tree as the current folder.

meminfo=/proc/meminfo

# How many compilers run at once. One needs up to 1.5 GB, more with sanitizers: a small VPS builds with one job
# rather than none.
job_count() {
  local fitting cores
  fitting=$(awk '/^MemAvailable/ {print int($2 / 1500000)}' "$meminfo")
  cores=$(nproc)
  echo $((fitting < 1 ? 1 : fitting < cores ? fitting : cores))
}

configure() { # configure PRESET OPTION...: in silence, unless it fails
  mkdir -p build
  cmake --preset "$@" >"build/$1-configure.log" 2>&1 || { cat "build/$1-configure.log" && return 1; }
}

# The three programs of the preset release, without the tests: none of TEST_PACKAGES is needed. A build folder that
# is configured already stays as it is, with its tests if it has them.
build_programs() {
  [ -e build/release/build.ninja ] || configure release -DBUILD_TESTING=OFF || return 1
  cmake --build --preset release -j "$(job_count)" --target adit-relay adit-controller adit
}

# build_packages [RELEASE]: the .deb files of the same programs, in the build folder's packages/, and nothing else there
# but what they are made of. $ADIT_BUILD_DIR may name a build folder that is configured already.
build_packages() {
  local folder=${ADIT_BUILD_DIR:-build/release}
  [ -e "$folder/build.ninja" ] || configure release -DBUILD_TESTING=OFF || return 1
  cmake -S . -B "$folder" -DADIT_DEB_RELEASE="${1:-1}" >"$folder/configure.log" 2>&1 ||
    { cat "$folder/configure.log" && return 1; }
  rm -f "$folder"/packages/*.deb
  cmake --build "$folder" -j "$(job_count)" --target packages
}

build_all() { # build_all PRESET: with the tests
  configure "$1" -DBUILD_TESTING=ON || return 1
  cmake --build --preset "$1" -j "$(job_count)"
}
