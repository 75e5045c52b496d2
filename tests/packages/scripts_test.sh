#!/bin/bash
# scripts_test.sh: what the packages' scripts do, for real, in a throw-away layer over this machine's root (overlayfs):
# an image without a running systemd, a machine (whose systemctl only writes down what it is asked), policy-rc.d, an
# upgrade, and a purge that leaves the layer as it was. Runs in tests/support/box.sh.
set -euo pipefail
skip() { echo "skipped: $*" && exit 77; }
fail() { echo "WRONG: $*" && exit 1; }
[ "$(id -u)" = 0 ] || skip "needs root"
for program in dpkg dpkg-shlibdeps file deb-systemd-helper deb-systemd-invoke systemd-sysusers systemd-tmpfiles; do
  command -v $program >/dev/null || skip "no $program"
done
for name in adit-relay adit-controller; do
  if getent passwd $name >/dev/null; then skip "this machine has a user $name"; fi
done

layer=/run/adit-test
mkdir $layer
mount -t tmpfs tmpfs $layer
mkdir -p $layer/{changed,work,root}
mount -t overlay overlay -o lowerdir=/,upperdir=$layer/changed,workdir=$layer/work $layer/root 2>/dev/null ||
  skip "no overlayfs here"
root=$layer/root
mount -t tmpfs tmpfs $root/run
mount -t tmpfs tmpfs $root/tmp
mount -t proc proc $root/proc
mount --bind $root/proc/sys $root/proc/sys
mount -o remount,bind,ro $root/proc/sys # the kernel settings of this machine stay as they are
mount --bind /dev $root/dev
rm -f $root/usr/sbin/policy-rc.d
mkdir $root/tmp/debs
cp "$ADIT_BUILD_DIR"/packages/*.deb $root/tmp/debs/

# The same answers as a machine on which both run; what it was asked stands in /tmp/asked. Links to units
# (deb-systemd-helper's --root=/) are the real one's work.
mkdir $root/tmp/bin
cat >$root/tmp/bin/systemctl <<'SYSTEMCTL'
#!/bin/sh
case "$*" in --root=*) exec /usr/bin/systemctl "$@" ;; esac
echo "$*" >>/tmp/asked
case "$*" in *is-enabled*) echo enabled ;; esac
SYSTEMCTL
chmod 755 $root/tmp/bin/systemctl

in_root() {
  chroot $root env -i PATH=/tmp/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"
}
install_both() { # and their output, if they fail; what libraries are called differs between the systems
  : >$root/tmp/asked
  in_root sh -c 'dpkg --force-confold -i /tmp/debs/*.deb' >$layer/log 2>&1 || { cat $layer/log && fail "dpkg -i"; }
}
asked() { grep -qE -- "$1" $root/tmp/asked; }
# What a machine consists of; not logs, caches, dpkg's own notes, and folders of links to units that hold none (Debian's
# deb-systemd-helper takes every empty one away). Files of /etc with what is in them, but for the
# backups ("passwd-") that are made of them.
state() {
  (cd $root && find usr etc var -xdev \( -path var/log -o -path var/cache -o -path var/lib/dpkg -o -path var/tmp \) -prune -o \
    ! \( -path 'etc/systemd/system/*.wants' -type d -empty \) ! -path 'etc/*-' -printf '%p %y %m %U\n' | sort
    find etc -xdev ! -name '*-' -type f -exec sha256sum {} + | sort -k 2)
  in_root getent passwd && in_root getent group
}

state >$layer/before

# An image: no systemd runs.
install_both
[ ! -s $root/tmp/asked ] || fail "systemctl was asked in an image: $(cat $root/tmp/asked)"
in_root getent passwd adit-relay adit-controller >/dev/null || fail "no users"
in_root getent group adit >/dev/null || fail "no group adit"
for unit in adit-relay adit-controller; do
  [ -L $root/etc/systemd/system/multi-user.target.wants/$unit.service ] || fail "$unit is not enabled"
done
[ "$(in_root stat -c '%a %U:%G' /etc/adit/secrets)" = "750 root:adit-controller" ] || fail "mode of /etc/adit/secrets"
[ "$(in_root stat -c %U /run/wireguard)" = adit-controller ] || fail "no /run/wireguard"

# An upgrade on a machine that runs: the relay is reloaded and never restarted, the controller restarted, the
# userspace WireGuard left alone. What the administrator and the programs wrote stays.
mkdir -p $root/run/systemd/system
echo 'endpoint: 203.0.113.10' >>$root/etc/adit/controller.yaml
mkdir -p $root/var/lib/adit && echo state >$root/var/lib/adit/mark
install_both
asked '^--quiet reload adit-relay.service|^reload adit-relay.service' || fail "no reload: $(cat $root/tmp/asked)"
if asked 'restart .*adit-relay|(stop|start) .*adit-relay'; then fail "the relay was disturbed: $(cat $root/tmp/asked)"; fi
asked '(^| )restart adit-controller.service' || fail "no restart: $(cat $root/tmp/asked)"
if asked 'adit-wireguard'; then fail "the tunnel was disturbed: $(cat $root/tmp/asked)"; fi
grep -qx 'endpoint: 203.0.113.10' $root/etc/adit/controller.yaml || fail "controller.yaml was replaced"
[ "$(cat $root/var/lib/adit/mark)" = state ] || fail "state is gone"

# An administrator who forbids services to be started is obeyed.
printf '#!/bin/sh\nexit 101\n' >$root/usr/sbin/policy-rc.d
chmod 755 $root/usr/sbin/policy-rc.d
install_both
if asked '(^| )(start|reload|restart) adit'; then fail "policy-rc.d says no: $(cat $root/tmp/asked)"; fi
rm $root/usr/sbin/policy-rc.d

# A unit that was disabled stays so.
rm $root/etc/systemd/system/multi-user.target.wants/adit-relay.service
install_both
[ ! -e $root/etc/systemd/system/multi-user.target.wants/adit-relay.service ] || fail "enabled again"

# Gone: everything stops first, and nothing is left.
: >$root/tmp/asked
in_root dpkg --purge adit adit-relay >$layer/log 2>&1 || { cat $layer/log && fail "dpkg --purge"; }
asked '^stop adit-controller.service adit-wireguard.service' || fail "not stopped: $(cat $root/tmp/asked)"
asked '^stop adit-relay.service' || fail "not stopped: $(cat $root/tmp/asked)"
[ ! -e $root/run/wireguard ] || fail "/run/wireguard is left"
state >$layer/after
diff $layer/before $layer/after || fail "a purge leaves the above"
echo "ok"
