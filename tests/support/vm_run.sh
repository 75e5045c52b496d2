#!/bin/bash
# vm_run.sh: runs one command on a Debian kernel in a throw-away virtual machine, for what this machine's own
# kernel may lack (WireGuard above all). The kernel comes from Debian's package, unpacked into a cache and never
# installed; everything of the guest is in memory, it has no disk and no network card.
#
#   vm_run.sh COMMAND [FILE | FILE:/PATH/IN/GUEST]...
#
# Files land in /job, where COMMAND runs as root (bash), with the libraries that ldd names. COMMAND's output is
# ours. Status: COMMAND's; 77 when something is missing here, with the reason; 124 time limit; 125 guest died.
#   VM_TIMEOUT seconds (120)   VM_MEMORY MiB (512)   VM_PROGRAMS, VM_MODULES more programs of this machine, modules of the kernel
# Needs qemu-system-x86 busybox-static kmod cpio, and apt once (27 MB, into ~/.cache/adit-tests).
set -euo pipefail

[ $# -ge 1 ] || { sed -n '2,13s/^# \{0,1\}//p' "$0" >&2; exit 2; }
command=$1; shift
programs="bash ip ss wg ping timeout setpriv stat ${VM_PROGRAMS:-}"
modules="wireguard veth tun dummy ${VM_MODULES:-}"

skip() { echo "skipped: $*"; exit 77; }
# shellcheck source=tests/support/vm_kernel.sh
. "$(dirname "$0")/vm_kernel.sh"
vm_needs busybox ldd

work=$(mktemp -d "${TMPDIR:-/tmp}/adit-vm-XXXXXX")
qemu=
# shellcheck disable=SC2317  # called by the trap
clean_up() {
  if [ -n "$qemu" ]; then kill "$qemu" 2>/dev/null || true; wait "$qemu" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 143' TERM INT

# Copies FILE to ROOT/PATH with the shared libraries it is linked to. /bin, /sbin, /lib and /lib64 of the guest
# are links into /usr, as Debian's are.
add_file() {
  local root=$1 file=$2 path=$3 library
  install -D -m "$(stat -Lc %a "$file")" "$file" "$root$path"
  { ldd "$file" 2>/dev/null || true; } | { grep -o '/[^ ]*' || true; } | while read -r library; do
    [ -f "$library" ] || continue
    [ -e "$root/usr${library#/usr}" ] || install -D -m 755 "$library" "$root/usr${library#/usr}"
  done
}

archive() { (cd "$1" && find . -mindepth 1 | LC_ALL=C sort | cpio --create --format=newc --quiet --owner=0:0); }

have_kernel

# --- the guest's programs and modules, made anew when they or this script change -----------------------------------
fingerprint=$({ cat "$0" "$(dirname "$0")/vm_kernel.sh"; echo "$release $programs $modules"
  for name in busybox $programs; do stat -Lc '%n %Y %s' "$(command -v "$name" || echo /)"; done; } | sha256sum | cut -c1-12)
base=$cache/guest-$fingerprint.cpio
build_base() {
  local root=$work/base name path
  mkdir -p "$root"/{usr/{bin,sbin,lib,lib64},proc,sys,dev,run,tmp,root,job,etc}
  for name in bin sbin lib lib64; do ln -s "usr/$name" "$root/$name"; done
  add_file "$root" "$(command -v busybox)" /usr/bin/busybox
  for name in $(busybox --list); do [ "$name" = busybox ] || ln -sf busybox "$root/usr/bin/$name"; done
  for name in $programs; do                                # this machine's own programs over busybox's
    path=$(command -v "$name") || continue
    rm -f "$root/usr/bin/$name"; add_file "$root" "$path" "/usr/bin/$name"
  done
  add_file "$root" "$(command -v kmod)" /usr/sbin/modprobe  # the kernel calls /sbin/modprobe to load a module
  # shellcheck disable=SC2086  # names
  add_modules "$root" $modules
  depmod -b "$root" "$release"
  echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
  cat >"$root/init" <<'INIT'
#!/bin/busybox sh
# Process 1 of the guest. ttyS0: the kernel's log; ttyS1: the command's output; ttyS2: its status.
export PATH=/usr/sbin:/usr/bin HOME=/root
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs devtmpfs /dev; mount -t tmpfs tmpfs /run
mkdir -p /run/netns /run/wireguard /var /dev/net; ln -s /run /var/run
[ -e /dev/net/tun ] || mknod /dev/net/tun c 10 200
for port in 1 2; do stty -F /dev/ttyS$port raw -echo; done
ip link set dev lo up; cd /job
bash /command </dev/null >/dev/ttyS1 2>&1
echo "status $?" >/dev/ttyS2
poweroff -f
INIT
  chmod 755 "$root/init"
  rm -f "$cache"/guest-*.cpio
  archive "$root" >"$base.new"; mv "$base.new" "$base"
}
[ -e "$base" ] || build_base
cp "$base" "$work/initrd"                                  # ours now: another run may make the base anew
flock -u 9

# --- this run's files: a second archive behind the first, which the kernel unpacks over it ---------------------------
mkdir -p "$work/files/job"
printf '%s\n' "$command" >"$work/files/command"
for item in "$@"; do
  file=${item%%:/*} path=/job/$(basename "${item%%:/*}")
  case $item in *:/*) path=/${item#*:/} ;; esac
  [ -f "$file" ] || { echo "vm_run.sh: no such file: $file" >&2; exit 2; }
  add_file "$work/files" "$file" "$path"
done
archive "$work/files" >>"$work/initrd"

status=0
touch "$work/status"
run_qemu "${VM_MEMORY:-512}" "${VM_TIMEOUT:-120}" "$work/initrd" "$work/log" "$work/status"
wait "$qemu" || status=$?
qemu=
[ "$status" != 124 ] || { echo "vm_run.sh: time limit of ${VM_TIMEOUT:-120} s" >&2; exit 124; }
result=$(sed -n 's/^status \([0-9]*\).*/\1/p' "$work/status")
[ -n "$result" ] || { echo "vm_run.sh: the guest died (qemu: $status); its last words:" >&2; tail -20 "$work/log" >&2; exit 125; }
exit "$result"
