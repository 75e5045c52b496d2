#!/bin/bash
# box.sh COMMAND...: runs COMMAND in a box of its own: network, mount and PID namespaces, /run fresh and empty.
# When COMMAND ends, the kernel ends every process and removes every interface and socket that it made.
# Status: COMMAND's; 77 where this machine does not let us make namespaces.
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
namespaces=(--net --mount --pid --fork --kill-child --mount-proc)
if ! reason=$(unshare "${namespaces[@]}" true 2>&1); then
  echo "skipped: no namespaces here ($reason)"
  exit 77
fi
# shellcheck disable=SC2016  # the inner shell expands
exec unshare "${namespaces[@]}" bash -c '
  set -e
  mount -n -t tmpfs tmpfs /run
  mkdir -p /run/netns /run/wireguard /run/lock
  ip link set dev lo up
  exec "$@"' box "$@"
