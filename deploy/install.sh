#!/bin/bash
# deploy/install.sh [--no-build] [--no-start]: builds adit on this VPS and installs it, or upgrades it. As root, on
# Debian 12 or 13 or Ubuntu 24.04. It makes the packages adit-relay and adit and installs them with apt: `apt purge adit
# adit-relay` takes everything away again.
#
#   --no-build   takes the packages in build/release/packages as they are (deploy/package.sh makes them, here or on
#                another machine with the same system)
#   --no-start   starts nothing now, and leaves what runs as it is; the next boot starts it
#
# An upgrade cuts no connection. Exit status: 0 done, 1 failed, 2 wrong usage, 77 not possible here (it says why).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source-path=SCRIPTDIR
. deploy/packages.sh
# shellcheck source-path=SCRIPTDIR
. deploy/build.sh

build=yes start=yes
for argument; do
  case $argument in
    --no-build) build=no ;;
    --no-start) start=no ;;
    -h | --help) sed -n '2,10s/^# \{0,1\}//p' deploy/install.sh && exit 0 ;;
    *) echo "deploy/install.sh: unknown option $argument (see --help)" >&2 && exit 2 ;;
  esac
done

cannot() { # cannot REASON...: this machine lacks something; not a failure of adit
  echo "deploy/install.sh: cannot install here: $*" >&2
  exit 77
}

# A compiler needs up to 1 GB: better said now than found out by the kernel in ten minutes.
check_memory() {
  local megabytes
  megabytes=$(awk '/^(MemAvailable|SwapFree)/ {sum += $2} END {print int(sum / 1024)}' "$meminfo")
  [ "$megabytes" -lt 900 ] || return 0
  echo "adit: only $megabytes MB of memory and swap are free; if the compiler is killed: add a GB of swap, or make the"
  echo "adit: packages on another machine (deploy/package.sh), copy build/release/packages here and use --no-build"
}

# Most kernels have WireGuard; some containers do not, and then a program does its work.
has_wireguard() { unshare --net ip link add name wg-try type wireguard 2>/dev/null; }

install_adit() ( # a subshell, so that its EXIT trap puts things back however it ends
  local packages=("${ADIT_BUILD_DIR:-$PWD/build/release}"/packages/adit{-relay,}_*.deb)
  for package in "${packages[@]}"; do
    [ -e "$package" ] || { echo "deploy/install.sh: there is no $package" >&2 && exit 1; }
  done
  if ! has_wireguard; then
    mapfile -O ${#packages[@]} -t packages < <(missing_packages wireguard-go)
  fi
  if [ $start = no ]; then
    take_turn
    trap allow_service_start EXIT
    forbid_service_start
  fi
  # --reinstall: after a change here the version may be the same. The sandbox user cannot read below /root.
  apt_install --reinstall -o APT::Sandbox::User=root "${packages[@]}" </dev/null
)

installed_version() { dpkg-query -W -f '${Version}' "$1" 2>/dev/null || :; }

say_what_runs() {
  local unit state
  echo "adit: installed adit-relay $(installed_version adit-relay) and adit $(installed_version adit)"
  [ -d /run/systemd/system ] || { echo "adit: systemd does not run here; nothing was started" && return; }
  for unit in adit-relay adit-controller; do
    state=$(systemctl is-active $unit.service || :)
    case $state in
      active) ;;
      *) [ $start = no ] || echo "adit: $unit is $state; see: journalctl -u $unit" ;;
    esac
  done
}

[ "$(id -u)" = 0 ] || cannot "it installs packages, and that takes root"
command -v apt-get >/dev/null || cannot "there is no apt-get (Debian 12, Debian 13 and Ubuntu 24.04 have it)"
before=$(installed_version adit)
wanted=(iproute2)
if [ $build = yes ]; then wanted+=("${BUILD_PACKAGES[@]}" "${PACKAGE_PACKAGES[@]}"); fi
install_packages "${wanted[@]}" || cannot "it needs these packages"
if [ $build = yes ]; then check_memory && build_packages 1 || exit 1; fi
install_adit || exit 1
say_what_runs
if [ -z "$before" ]; then
  echo "next: adit init"
else
  echo "next: adit status"
fi
