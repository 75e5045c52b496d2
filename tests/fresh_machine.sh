#!/bin/bash
# tests/fresh_machine.sh [COMMAND...]: the README's commands on a Debian 12 that has nothing but git.
# Without arguments: deploy/demo.sh --once, then tests/run.sh. Afterwards no service may be enabled, and apt's
# switch for services must be gone. Takes the time of both, 25 minutes on two cores; by hand.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/support/debian_root.sh
. tests/support/debian_root.sh
[ "$(id -u)" = 0 ] || skip "needs root (chroot)"
command -v debootstrap >/dev/null || skip "no debootstrap (apt-get install debootstrap)"
[ $# -gt 0 ] || set -- bash -ec 'deploy/demo.sh --once && tests/run.sh'

# shellcheck disable=SC2016  # the inner shell expands
in_fresh_debian bookworm bash -uc '
  . deploy/packages.sh
  ! command -v g++ cmake python3 >/dev/null || { echo "this machine is not bare" && exit 1; }
  before=$(enabled_services)
  time "$@"
  status=$?
  diff <(echo "$before") <(enabled_services) || { echo "WRONG: services are enabled that were not" && status=1; }
  [ ! -e /usr/sbin/policy-rc.d ] || { echo "WRONG: policy-rc.d was left behind" && status=1; }
  exit $status
' fresh "$@"
