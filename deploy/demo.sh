#!/bin/bash
# deploy/demo.sh [--once] [--no-build] [--no-install]: adit's main job, on this machine, in a minute.
#
# A client on "the internet", a VPS, a carrier-grade NAT and a home with a web server, each in a network
# namespace; adit-relay and adit-controller on the VPS, stock WireGuard at home. It fetches
# https://app.example.test/ from the client and proves that TLS ended at home.
#
#   --once        ends after the proof: 0 it worked, 1 it did not, 77 this machine cannot run it (says why)
#   --no-build    takes the programs of $ADIT_BUILD_DIR (default build/release) as they are
#   --no-install  never calls apt
#
# Everything runs in a throw-away box (its own network, mounts and processes). Ctrl-C ends the box, and with
# it every process, interface and file; nothing of the machine itself is changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source-path=SCRIPTDIR
. deploy/packages.sh
# shellcheck source-path=SCRIPTDIR
. deploy/build.sh

once=no build=yes install=yes
for argument; do
  case $argument in
    --once) once=yes ;;
    --no-build) build=no ;;
    --no-install) install=no ;;
    -h | --help) sed -n '2,13s/^# \{0,1\}//p' deploy/demo.sh && exit 0 ;;
    *) echo "deploy/demo.sh: unknown option $argument (see --help)" >&2 && exit 2 ;;
  esac
done
build_dir=${ADIT_BUILD_DIR:-$PWD/build/release}

cannot() { # cannot REASON...: this machine lacks something; not a failure of adit
  echo "deploy/demo.sh: cannot run here: $*" >&2
  exit 77
}

get_packages() {
  local wanted=("${DEMO_PACKAGES[@]}")
  if [ $build = yes ]; then wanted+=("${BUILD_PACKAGES[@]}"); fi
  if [ $install = yes ]; then install_packages "${wanted[@]}"; fi
}

check_requirements() {
  local program
  for program in ip nft wg wg-quick nginx curl openssl unshare setpriv /usr/bin/python3; do
    [ -n "$(PATH=$PATH:/usr/sbin:/sbin command -v "$program")" ] || cannot "no program $program"
  done
  for program in relay/adit-relay controller/adit-controller controller/adit; do
    [ -x "$build_dir/$program" ] || cannot "no $build_dir/$program (build it first)"
  done
  unshare --net --mount --pid --fork true 2>/dev/null || cannot "no new namespaces allowed (a container?)"
  unshare --net ip link add name wg-try type wireguard 2>/dev/null && return
  [ -c /dev/net/tun ] || cannot "neither WireGuard in the kernel nor /dev/net/tun"
  command -v wireguard-go >/dev/null || cannot "neither WireGuard in the kernel nor wireguard-go"
}

[ "$(id -u)" = 0 ] || cannot "it makes network namespaces, and that takes root"
get_packages || cannot "it needs these packages"
if [ $build = yes ]; then build_programs || exit 1; fi
check_requirements

# The box dies with its first process, which --kill-child ties to unshare, and --pdeathsig ties unshare to this
# script: no way of ending it, SIGKILL included, leaves anything behind.
setpriv --pdeathsig KILL unshare --net --mount --pid --fork --kill-child \
  bash deploy/demo/box.sh "$build_dir" $once &
box=$!
trap '[ -z "$box" ] || kill -KILL "$box"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
status=0
wait $box || status=$?
box= # its number may be somebody else's now
exit $status
