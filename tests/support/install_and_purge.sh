#!/bin/bash
# install_and_purge.sh: deploy/install.sh from source, once more over what it installed, then `apt purge`. The three
# programs answer in between, and what is left in the end is what there was before. Changes the machine it runs on:
# for a throw-away system (in_fresh_debian of debian_root.sh), with what adit is built with installed already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
fail() { echo "WRONG: $*" && exit 1; }

# Files but for logs, caches, notes of dpkg and apt, backups of the user files ("passwd-"), and folders of links to units
# that hold none (deb-systemd-helper takes every empty one away); then users and groups.
state() {
  find /usr /etc /var /run -xdev \( -path /var/log -o -path /var/cache -o -path /var/lib/dpkg -o -path /var/lib/apt -o \
    -path /var/tmp \) -prune -o ! \( -path '/etc/systemd/system/*.wants' -type d -empty \) ! -path '/etc/*-' \
    -printf '%p %y %m %U\n' | sort
  getent passwd && getent group
}

answers() {
  local program
  for program in adit-relay adit-controller adit; do "$program" --version || fail "$program --version"; done
  { adit --help && adit route test --help; } >/dev/null || fail "adit --help"
  { getent passwd adit-relay adit-controller && getent group adit; } >/dev/null || fail "users are missing"
}

# There is no systemd as the first process here; programs that were never started leave only what installing them left.
state >/tmp/before
deploy/install.sh --no-start && answers
deploy/install.sh --no-start --no-build && answers
apt-get -q -y -o Dpkg::Use-Pty=0 purge adit adit-relay
hash -r # else it answers from memory
! command -v adit-relay adit-controller adit || fail "a program is still there"
[ ! -e /usr/sbin/policy-rc.d ] || fail "policy-rc.d was left behind"
state >/tmp/after
diff /tmp/before /tmp/after || fail "the lines above are new (>) or gone (<) after the purge"
echo "installed from source, again, and purged: nothing is left"
