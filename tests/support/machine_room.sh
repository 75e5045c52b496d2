#!/bin/bash
# machine_room.sh COMMAND...: a box (box.sh) in which systemd-nspawn can boot a machine: besides network, mounts,
# processes and /run, COMMAND has a control group of its own, below which the guest's systemd makes its own.
# Status: COMMAND's; 77 and a reason where this machine cannot do it.
set -euo pipefail
here=$(dirname "$0")
skip() { echo "skipped: $*" && exit 77; }

if [ "${1:-}" != --inside ]; then
  [ $# -ge 1 ] || { sed -n '2,4s/^# //p' "$0" >&2 && exit 2; }
  [ "$(id -u)" = 0 ] || skip "needs root (it boots a machine)"
  for program in systemd-nspawn debootstrap ip nft; do
    PATH=$PATH:/usr/sbin:/sbin command -v $program >/dev/null || skip "no $program"
  done
  unshare --mount true 2>/dev/null || skip "no namespaces here"
  exec unshare --mount "$0" --inside "$@"
fi
shift

# The machine's own tree of control groups, version 2, mounted where only this script sees it.
groups=/sys/fs/cgroup
umount -n -R $groups 2>/dev/null || :
mount -n -t cgroup2 none $groups 2>/dev/null || skip "no cgroup2 to be had here"
group=$groups/adit-boot-$$
mkdir "$group" 2>/dev/null || skip "no control group of one's own to be had here"

# remove GROUP: its folders. The last process of a group may still be ending: then once more.
remove() {
  for _ in $(seq 50); do
    find "$1" -depth -type d -exec rmdir {} + 2>/dev/null || :
    [ -e "$1" ] || return 0
    sleep 0.1
  done
  echo "machine_room.sh: $1 is still in use" >&2
}
trap 'remove "$group"' EXIT
for old in "$groups"/adit-boot-*; do # of a run that was killed
  [ -e "/proc/${old##*-}" ] || remove "$old"
done

# Not this shell enters the group, which it is to remove; and no way of ending it leaves the box alive.
# shellcheck disable=SC2016  # the inner shells expand
setpriv --pdeathsig KILL bash -c 'echo $$ >"$1/cgroup.procs" && shift && exec unshare --cgroup "$@"' room "$group" \
  "$here/box.sh" bash -c '
    umount -n /sys/fs/cgroup
    mount -n -t cgroup2 none /sys/fs/cgroup
    exec "$@"' room "$@" &
trap 'kill -TERM $!' TERM INT
status=0
wait $! || status=$?
exit $status
