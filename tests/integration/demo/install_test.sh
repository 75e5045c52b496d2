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
# Only the made-up packages are installed here; without the others' lists apt takes no time.
rm -rf $layer/root/var/lib/apt/lists $layer/root/var/cache/apt/*.bin

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

policy=$layer/root/usr/sbin/policy-rc.d

# What the package found in force while it was installed, and then what the administrator finds.
install_under() { # install_under SCRIPT-LINES: they are the administrator's policy
  printf '#!/bin/sh\n%s\n' "$1" >$policy
  chmod 751 $policy
  cp -a $policy $layer/policy-before
  in_root 'apt_get purge adit-test-ours >/dev/null; install_packages /adit-test-ours.deb' >$layer/said
  [ "$(cat $layer/root/policy-adit-test-ours)" = 101 ] || fail "the service could have been started"
  cmp $policy $layer/policy-before || fail "the administrator's policy-rc.d was changed"
  [ "$(stat -c %a $policy)" = 751 ] || fail "the administrator's policy-rc.d has another mode"
  left_behind
}

left_behind() {
  local left
  left=$(find $layer/root/usr/sbin -name 'policy-rc.d?*')
  [ -z "$left" ] || fail "left behind: $left"
}

echo "an administrator's policy-rc.d that forbids everything is used as it is"
install_under 'exit 101'
if grep -q "put aside" $layer/said; then fail "it was replaced without need"; fi
echo "one that allows everything, or all but some, makes room and comes back"
install_under 'exit 0'
grep -q "put aside" $layer/said || fail "it does not say so"
# shellcheck disable=SC2016  # the policy's own $1
install_under 'case $1 in nginx) exit 101 ;; esac'
echo "one that is a link comes back as a link"
mv $policy $layer/root/etc/its-policy
ln -s /etc/its-policy $policy
in_root 'apt_get purge adit-test-ours >/dev/null; install_packages /adit-test-ours.deb >/dev/null'
[ "$(cat $layer/root/policy-adit-test-ours)" = 101 ] || fail "the service could have been started"
[ "$(readlink $policy)" = /etc/its-policy ] || fail "the link is gone"
left_behind
rm $policy

kill_install() { # in the middle of apt's work, as the kernel kills: nothing is put back
  # shellcheck disable=SC2016  # the inner shell expands
  in_root 'apt_get() { kill -KILL $BASHPID; }; install_packages adit-no-such-package' >/dev/null 2>&1 || :
  grep -q "put here by adit" $policy || fail "the killed run left no policy-rc.d: this shows nothing"
}

echo "the next run puts right what a killed one left, with nothing to install too"
for next in 'install_packages bash' 'apt_get purge adit-test-ours >/dev/null; install_packages /adit-test-ours.deb'; do
  kill_install
  in_root "$next" >/dev/null
  [ ! -e $policy ] || fail "policy-rc.d was left behind"
  printf '#!/bin/sh\nexit 0 # mine\n' >$policy
  chmod 755 $policy
  kill_install
  kill_install
  in_root "$next" >/dev/null
  grep -q mine $policy || fail "the administrator's policy-rc.d is lost"
  left_behind
  rm $policy
done

echo "and what it left says how to do it by hand"
for mine in yes no; do
  if [ $mine = yes ]; then printf '#!/bin/sh\nexit 0 # mine\n' >$policy && chmod 755 $policy; fi
  kill_install
  in_root "$(sed -n 's/^#   //p' $policy)"
  if [ $mine = yes ]; then
    grep -q mine $policy || fail "the text's command loses the administrator's policy-rc.d"
    rm $policy
  fi
  [ ! -e $policy ] || fail "the text's command leaves policy-rc.d"
  left_behind
done

echo "what fails to install fails, and puts things back"
if in_root 'apt_get() { return 100; }; install_packages adit-no-such-package' >/dev/null; then fail "it said it worked"; fi
[ ! -e $layer/root/usr/sbin/policy-rc.d ] || fail "policy-rc.d was left behind after a failure"
echo "all as it should be"
