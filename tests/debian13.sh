#!/bin/bash
# tests/debian13.sh [trixie | noble | bookworm]: adit builds on the next Debian too (or on Ubuntu 24.04, or on a Debian 12 with
# nothing on it), its tests without network pass there, and deploy/install.sh installs it from source, again over itself,
# and apt purges it so that nothing is left.
# Run by `tests/run.sh --all`, or by hand; takes some minutes, and 1.5 GB for the cached system the first time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/support/debian_root.sh
. tests/support/debian_root.sh
suite=${1:-trixie}
[ "$(id -u)" = 0 ] || skip "needs root (chroot)"
command -v debootstrap >/dev/null || skip "no debootstrap (apt-get install debootstrap)"

# shellcheck disable=SC2016  # the inner shell expands
in_fresh_debian "$suite" bash -euo pipefail -c '
  . deploy/packages.sh
  . deploy/build.sh
  # systemd: what the packages depend on is no leftover of theirs.
  install_packages "${BUILD_PACKAGES[@]}" "${PACKAGE_PACKAGES[@]}" "${DEMO_PACKAGES[@]}" catch2 binutils systemd >/tmp/apt.log ||
    { cat /tmp/apt.log && exit 1; }
  dpkg-query -W -f "\${Package} \${Version}\n" g++ cmake catch2 libyaml-cpp-dev libfmt-dev libuv1-dev libcli11-dev
  configure release -DBUILD_TESTING=ON
  cmake --build --preset release -j "$(job_count)" -- -k 0 # every error at once
  ctest --preset release -L "unit|property|fuzz|examples" -LE root
  tests/support/install_and_purge.sh
'
