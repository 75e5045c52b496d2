#!/bin/bash
# boot_root.sh tree|archive: a Debian 12 that boots, for the tests in tests/boot: systemd, and what adit's packages
# depend on. Made once and kept in a cache; prints its path. Nobody writes in it: a guest gets a layer over it.
#   tree     the folder, for systemd-nspawn
#   archive  the same without documentation, as cpio, for a virtual machine's memory
# Status 77 and a reason where this machine cannot make it. Takes a minute, the next time nothing.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=tests/support/debian_root.sh
. "$here/debian_root.sh"
# shellcheck source=deploy/packages.sh
. "$here/../../deploy/packages.sh"

# systemd and a person's tools; then what adit's packages depend on, so that they install without a network.
packages=(systemd systemd-sysv dbus udev kmod iproute2 nftables curl openssl procps ca-certificates
  libuv1 libfmt9 libseccomp2 libyaml-cpp0.7 libmnl0 libsqlite3-0 libmicrohttpd12 libcurl4 libssl3 libstdc++6
  libcap2 wireguard-tools wireguard-go iputils-ping python3 bash-completion)
root=$cache/bookworm-boot-$({ cat "$0" && printf '%s\n' "${DEMO_PACKAGES[@]}"; } | sha256sum | cut -c1-12)

make_tree() {
  local include=${packages[*]} base=$root.new/base
  # Others are of older scripts; one that was used today may be another clone's.
  find "$cache" -maxdepth 1 -name 'bookworm-boot-*' -mtime +0 -exec rm -rf {} +
  rm -rf "$root.new"
  mkdir -p "$root.new"
  debootstrap --variant=minbase --include="${include// /,}" bookworm "$base" "$(mirror)" >"$root.new/log" 2>&1 ||
    { tail -n 5 "$root.new/log" >&2 && skip "debootstrap does not work here"; }
  cp -r /etc/apt/apt.conf.d/. "$base/etc/apt/apt.conf.d/" # how apt reaches its mirror here
  keep_packages_of_the_demo "$base"
  settle "$base"
  mv "$root.new" "$root"
}

# The guest has no network to a mirror: what deploy/demo.sh installs lies in apt's cache already.
keep_packages_of_the_demo() {
  local base=$1
  rm -f "$base"/var/cache/apt/archives/*.deb
  cp -L /etc/resolv.conf /etc/hosts "$base/etc/"
  chroot "$base" sh -c "export DEBIAN_FRONTEND=noninteractive
    apt-get -q update && apt-get -q -y --no-install-recommends --download-only install ${DEMO_PACKAGES[*]}" \
    >>"$root.new/log" 2>&1 || { tail -n 5 "$root.new/log" >&2 && skip "apt in the new Debian finds no mirror"; }
  : >"$base/etc/resolv.conf"
}

# As the image of a hosting company: has booted before, is on the net by systemd-networkd, keeps its journal.
settle() {
  local base=$1
  echo 0123456789abcdef0123456789abcdef >"$base/etc/machine-id" # empty would be "first boot: enable everything"
  echo vps >"$base/etc/hostname"
  printf '127.0.0.1 localhost\n::1 localhost\n' >"$base/etc/hosts"
  mkdir -p "$base/var/log/journal"
  cat >"$base/etc/systemd/network/eth0.network" <<'NETWORK'
[Match]
Name=eth0
[Network]
Address=203.0.113.10/24
Gateway=203.0.113.1
Address=2001:db8:1::10/64
LinkLocalAddressing=no
IPv6AcceptRA=no
IPv6DuplicateAddressDetection=0
NETWORK
  systemctl --root "$base" -q enable systemd-networkd
  # Timers that would wake up in the middle of a test, and consoles that are not there.
  systemctl --root "$base" -q mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
    e2scrub_all.timer fstrim.timer man-db.timer console-getty.service getty.target
}

make_archive() {
  local archive=$root/boot.cpio
  [ -e "$archive" ] || {
    (cd "$root/base" && find . \( -path './usr/share/doc/*' -o -path './usr/share/locale/*' -o -path './usr/share/man/*' \
      -o -path './var/cache/apt/*' -o -path './var/lib/apt/lists/*' -o -path './proc/*' -o -path './sys/*' \
      -o -path './dev/*' \) -prune -o -print0 | cpio --create --null --format=newc --quiet >"$archive.new")
    mv "$archive.new" "$archive"
  }
}

[ "$(id -u)" = 0 ] || skip "needs root (debootstrap)"
for program in debootstrap flock systemctl; do
  command -v $program >/dev/null || skip "no $program"
done
mkdir -p "$cache"
exec 9>"$cache/boot.lock"
flock 9 # two tests at once make one tree
[ -d "$root" ] || make_tree >&2
touch "$root"
case ${1:-} in
  tree) echo "$root/base" ;;
  archive) command -v cpio >/dev/null || skip "no cpio" && make_archive && echo "$root/boot.cpio" ;;
  *) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
esac
