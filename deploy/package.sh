#!/bin/bash
# deploy/package.sh [--release N]: builds the Debian packages adit-relay and adit; the last lines name them.
#
#   --release N   what stands behind the '-' of their version (default 1): a higher one makes an upgrade
#
# The folder is build/release/packages; $ADIT_BUILD_DIR names another build folder of the preset release.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source-path=SCRIPTDIR
. deploy/build.sh

release=()
while [ $# -gt 0 ]; do
  case $1 in
    --release)
      [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || { echo "deploy/package.sh: --release needs a number" >&2 && exit 2; }
      release=("$2")
      shift
      ;;
    -h | --help) sed -n '2,6s/^# \{0,1\}//p' deploy/package.sh && exit 0 ;;
    *) echo "deploy/package.sh: unknown option $1 (see --help)" >&2 && exit 2 ;;
  esac
  shift
done

build_packages ${release[@]+"${release[@]}"}
