#!/bin/bash
# install_test.sh: what deploy/packages.sh installs leaves no service running or enabled, and nothing else of ours.
# A package with a service, made here, is installed by it for real, in a throw-away layer over this machine's
# root (overlayfs). The control run, plain apt-get, must leave the service enabled: else this test shows nothing.
set -euo pipefail
skip() { echo "skipped: $*" && exit 77; }
[ "$(id -u)" = 0 ] || skip "needs root"
for program in dpkg-deb apt-get deb-systemd-helper; do
  command -v $program >/dev/null || skip "no $program"
done

# Own mounts, and a root of our own: every file written below is gone at the end.
if [ "${1:-}" != inside ]; then
  exec unshare --mount --pid --fork --kill-child "$0" inside
fi
layer=/run/adit-test
mount -t tmpfs tmpfs /run
mkdir -p $layer/{changed,work,root}
mount -t overlay overlay -o lowerdir=/,upperdir=$layer/changed,workdir=$layer/work $layer/root 2>/dev/null ||
  skip "no overlayfs here"
mount -t proc proc $layer/root/proc
mount --bind /dev $layer/root/dev
cp "$ADIT_SOURCE_DIR/deploy/packages.sh" $layer/root/packages.sh

make_package() { # make_package NAME: a service as Debian's own packages have it (debhelper's scripts)
  local tree=$layer/package-$1
  mkdir -p "$tree"/{DEBIAN,lib/systemd/system,etc/init.d}
  printf 'Package: %s\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.com>\nDescription: test\n' \
    "$1" >"$tree/DEBIAN/control"
  printf '[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n' >"$tree/lib/systemd/system/$1.service"
  cat >"$tree/etc/init.d/$1" <<INIT
#!/bin/sh
### BEGIN INIT INFO
# Provides: $1
# Required-Start:
# Required-Stop:
# Default-Start: 2 3 4 5
# Default-Stop: 0 1 6
### END INIT INFO
exit 0
INIT
  cat >"$tree/DEBIAN/postinst" <<POSTINST
#!/bin/sh
set -e
deb-systemd-helper enable $1.service >/dev/null
update-rc.d $1 defaults >/dev/null
if [ -x /usr/sbin/policy-rc.d ]; then /usr/sbin/policy-rc.d $1 start || echo \$?; else echo free; fi >/policy-$1
POSTINST
  printf '#!/bin/sh\nupdate-rc.d %s remove\ndeb-systemd-helper purge %s.service\n' "$1" "$1" >"$tree/DEBIAN/postrm"
  chmod 755 "$tree"/DEBIAN/post* "$tree/etc/init.d/$1"
  dpkg-deb --build --root-owner-group "$tree" "$layer/root/$1.deb" >/dev/null
}

in_root() { chroot $layer/root bash -c "set -eu; . /packages.sh; $1"; }

fail() { echo "WRONG: $*" && exit 1; }

make_package adit-test-plain
make_package adit-test-ours
rm -f $layer/root/usr/sbin/policy-rc.d
in_root enabled_services >$layer/before

echo "control: plain apt-get enables the service, and would start it"
in_root 'apt_get install /adit-test-plain.deb >/dev/null'
[ "$(cat $layer/root/policy-adit-test-plain)" = free ] || fail "something else keeps services from starting"
in_root enabled_services | grep -q adit-test-plain || fail "the made-up package enables nothing"
in_root 'apt_get purge adit-test-plain >/dev/null'
in_root enabled_services | diff $layer/before - || fail "the control run was not undone"

echo "install_packages: the service is installed, neither started nor enabled"
# apt takes a path for a package, dpkg-query does not: so it counts as missing, as it is
in_root 'install_packages /adit-test-ours.deb'
[ -z "$(in_root 'missing_packages adit-test-ours')" ] || fail "not installed"
in_root enabled_services | diff $layer/before - || fail "something is enabled that was not before"
[ "$(cat $layer/root/policy-adit-test-ours)" = 101 ] || fail "nothing kept the service from being started"
[ ! -e $layer/root/usr/sbin/policy-rc.d ] || fail "policy-rc.d was left behind"
[ -e $layer/root/etc/rc2.d ] && in_root 'ls /etc/rc2.d' | grep -q '^S.*adit-test' && fail "System V would start it"

echo "an administrator's own policy-rc.d stays as it is"
printf '#!/bin/sh\nexit 101\n' >$layer/root/usr/sbin/policy-rc.d
in_root 'apt_get purge adit-test-ours >/dev/null; install_packages /adit-test-ours.deb >/dev/null'
[ "$(tail -n 1 $layer/root/usr/sbin/policy-rc.d)" = "exit 101" ] || fail "policy-rc.d was removed or changed"

echo "what fails to install fails, and puts things back"
rm $layer/root/usr/sbin/policy-rc.d
if in_root 'apt_get() { return 100; }; install_packages adit-no-such-package' >/dev/null; then fail "it said it worked"; fi
[ ! -e $layer/root/usr/sbin/policy-rc.d ] || fail "policy-rc.d was left behind after a failure"
echo "all as it should be"
