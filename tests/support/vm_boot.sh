#!/bin/bash
# vm_boot.sh SCRIPT [FILE]...: boots the Debian of boot_root.sh, systemd and all, in a virtual machine whose kernel has
# WireGuard, and runs SCRIPT there as root (bash) when multi-user.target is reached; FILEs lie beside it in /job.
# Its output is ours. Status: SCRIPT's; 77 when something is missing here, with the reason; 124 time limit; 125 guest died.
#   VM_TIMEOUT seconds (280)
set -euo pipefail
here=$(dirname "$0")
skip() { echo "skipped: $*" && exit 77; }
# shellcheck source=tests/support/vm_kernel.sh
. "$here/vm_kernel.sh"
[ $# -ge 1 ] || { sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2; }
# shellcheck disable=SC2119  # no program besides the usual ones
vm_needs
status=0
archive=$("$here/boot_root.sh" archive) || status=$?
[ $status = 0 ] || { echo "$archive" && exit $status; }

work=$(mktemp -d "${TMPDIR:-/tmp}/adit-vm-XXXXXX")
qemu=
# shellcheck disable=SC2317  # called by the trap
clean_up() {
  if [ -n "$qemu" ]; then kill "$qemu" 2>/dev/null || true; wait "$qemu" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 143' TERM INT
have_kernel

# What is added to the Debian: modules, the job, and the unit that runs it. Nothing waits for a network card.
files=$work/files
mkdir -p "$files"/{job,proc,sys,dev} "$files/etc/systemd/system/multi-user.target.wants"
add_modules "$files" wireguard veth tun dummy nf_tables nf_conntrack
flock -u 9
ln -s usr/lib "$files/lib"
depmod -b "$files" "$release" 2>/dev/null
rm "$files/lib"
cp "$1" "$files/job/script"
shift
for file; do cp "$file" "$files/job/"; done
ln -s /sbin/init "$files/init"
cat >"$files/etc/systemd/system/job.service" <<'UNIT'
[Unit]
After=multi-user.target
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
WorkingDirectory=/job
ExecStart=/bin/bash -c 'stty -F /dev/ttyS1 raw -echo; stty -F /dev/ttyS2 raw -echo; \
  /bin/bash /job/script >/dev/ttyS1 2>&1 </dev/null; echo "status $?" >/dev/ttyS2'
UNIT
ln -s ../job.service "$files/etc/systemd/system/multi-user.target.wants/"
{ cat "$archive" && (cd "$files" && find . -mindepth 1 -print0 | cpio --create --null --format=newc --quiet --owner=0:0); } \
  >"$work/initrd"

touch "$work/status"
run_qemu 2048 "${VM_TIMEOUT:-280}" "$work/initrd" "$work/log" "$work/status" \
  systemd.show_status=0 systemd.mask=serial-getty@ttyS0.service net.ifnames=0
wait "$qemu" || status=$?
qemu=
[ "$status" != 124 ] || { echo "vm_boot.sh: time limit of ${VM_TIMEOUT:-280} s" >&2; exit 124; }
result=$(sed -n 's/^status \([0-9]*\).*/\1/p' "$work/status")
[ -n "$result" ] || { echo "vm_boot.sh: the guest died (qemu: $status); its last words:" >&2; tail -20 "$work/log" >&2; exit 125; }
exit "$result"
