#!/bin/bash
# The installed packages on a kernel that has WireGuard: see kernel_guest.sh.
set -euo pipefail
here=$(dirname "$0")
shopt -s nullglob
debs=("$ADIT_BUILD_DIR"/packages/*.deb)
[ ${#debs[@]} = 2 ] || { echo "skipped: not two packages in $ADIT_BUILD_DIR/packages" && exit 77; }
exec "$here/../support/vm_boot.sh" "$here/kernel_guest.sh" "${debs[@]}"
