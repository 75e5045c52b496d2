# shellcheck shell=bash
# Debian's kernel for a virtual machine: fetched once with apt (27 MB), unpacked into a cache and never installed.
# Sourced by vm_run.sh and vm_boot.sh, which define skip.

cache=${XDG_CACHE_HOME:-$HOME/.cache}/adit-tests
export PATH=$PATH:/usr/sbin:/sbin

vm_needs() { # vm_needs PROGRAM...: or skips
  local needed
  [ "$(uname -m)" = x86_64 ] || skip "the virtual machine is x86-64 only"
  for needed in qemu-system-x86_64 modprobe depmod cpio apt-get dpkg flock "$@"; do
    command -v "$needed" >/dev/null || skip "no $needed (see the packages in deploy/packages.sh)"
  done
}

fetch_kernel() {
  local package
  package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '$1 == "Depends:" && /linux-image/ {print $2; exit}')
  [ -n "$package" ] || skip "apt does not know linux-image-cloud-amd64 (apt-get update?)"
  rm -rf "$cache/kernel.new"
  mkdir -p "$cache/kernel.new"
  (cd "$cache/kernel.new" && apt-get -qq download "$package" >/dev/null 2>&1 && dpkg -x ./*.deb . && rm ./*.deb) ||
    skip "apt could not download $package"
  depmod -b "$cache/kernel.new" "$(ls "$cache/kernel.new/lib/modules")"
  rm -rf "$cache/kernel"
  mv "$cache/kernel.new" "$cache/kernel"
}

# have_kernel: sets $release; takes the cache's lock (descriptor 9), which the caller gives back.
have_kernel() {
  mkdir -p "$cache"
  exec 9>"$cache/vm.lock"
  flock 9 # two runs at once must not build one cache twice
  [ -d "$cache/kernel/lib/modules" ] || fetch_kernel
  release=$(ls "$cache/kernel/lib/modules")
}

# add_modules ROOT MODULE...: those and what they need, as files of the guest.
add_modules() {
  local root=$1 module path
  shift
  for module; do modprobe -d "$cache/kernel" -S "$release" --show-depends "$module"; done |
    awk '$1 == "insmod" {print $2}' | sort -u | while read -r path; do
      install -D -m 644 "$path" "$root/usr${path#"$cache/kernel"}"; done
  cp "$cache/kernel/lib/modules/$release"/modules.{builtin,builtin.modinfo,order} "$root/usr/lib/modules/$release/"
}

# run_qemu MEMORY SECONDS INITRD LOG STATUS APPEND...: output of the guest's second serial port is ours. qemu64 and not
# "max": without AVX to emulate, the guest's WireGuard is five times as fast. rdrand: entropy at boot. no_timer_check: the
# kernel tries the timer during some milliseconds, which a busy machine does not always give.
run_qemu() {
  local memory=$1 limit=$2 initrd=$3 log=$4 result=$5
  shift 5
  timeout "$limit" qemu-system-x86_64 -accel tcg -cpu qemu64,+rdrand -m "$memory" -nodefaults -no-user-config \
    -display none -no-reboot -net none -kernel "$cache/kernel/boot/vmlinuz-$release" -initrd "$initrd" \
    -append "console=ttyS0 quiet panic=-1 random.trust_cpu=on no_timer_check $*" \
    -serial "file:$log" -serial stdio -serial "file:$result" </dev/null &
  # shellcheck disable=SC2034  # the caller waits for it
  qemu=$!
}
