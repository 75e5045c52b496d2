#!/bin/bash
# box.sh BUILD_DIR ONCE: the demo from inside its box, as the box's first process. Called by deploy/demo.sh.
# The story is `main` at the end; the machines and how they are wired stand in network.sh, what runs on them in
# machines.sh, and what is shown at the end in proof.sh.
set -euo pipefail
exec 2>&1
read -r first_process _ </proc/self/stat # as the machine outside numbers it, while /proc is still its own
mount -n -t proc proc /proc # -n: without a note in the /run of the machine
build_dir=$1 once=$2
export PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
unset ADIT_SOCKET
here=$(dirname "${BASH_SOURCE[0]}")
demo=/run/demo # everything of this demo: keys, configurations, logs

# shellcheck source=deploy/demo/say.sh
. "$here/say.sh"
# shellcheck source=deploy/demo/network.sh
. "$here/network.sh"
# shellcheck source=deploy/demo/machines.sh
. "$here/machines.sh"
# shellcheck source=deploy/demo/proof.sh
. "$here/proof.sh"

# The machine's own files stay out of reach: /run, /var/lib and /usr/local/bin are empty here, /etc is a copy.
# The programs come first: the clone may lie below one of the others.
private_files() {
  mount -n -t tmpfs -o mode=755 tmpfs /usr/local/bin
  install "$build_dir"/relay/adit-relay "$build_dir"/controller/adit-controller \
    "$build_dir"/controller/adit "$here/find_key.py" /usr/local/bin/
  mount -n -t tmpfs -o mode=755 tmpfs /run
  mount -t tmpfs -o mode=755 tmpfs /var/lib
  mkdir -p /run/netns /run/lock "$demo/log"
  cp -a /etc "$demo/etc"
  mount --bind "$demo/etc" /etc
  touch /etc/hosts
  rm -rf /etc/adit /etc/netns
}

# What packages of adit make at installation: users, group and folders (see DESIGN: "Installed").
install_users() {
  local name id=64200
  sed -i '/^adit/d; /^home-web:/d' /etc/passwd /etc/group
  for name in adit-relay adit-controller home-web; do
    id=$((id + 1))
    echo "$name:x:$id:$id::/:/usr/sbin/nologin" >>/etc/passwd
    echo "$name:x:$id:" >>/etc/group
  done
  echo "adit:x:64210:" >>/etc/group
  install -d -o adit-relay -g adit-relay -m 755 /run/adit-relay
  install -d -o adit-relay -g adit-relay -m 700 /var/lib/adit-relay
  install -d -o adit-controller -g adit -m 750 /run/adit
  install -d -o adit-controller -g adit -m 700 /var/lib/adit
}

what_to_try() {
  local enter="nsenter --target $first_process --mount --root --net --pid"
  cat <<TEXT

It stays up. From another terminal, as root:

  $enter ip netns exec client curl --cacert $demo/home-ca.pem https://app.example.test/
  $enter ip netns exec vps adit status
  $enter ip netns exec vps adit get routes
  $enter ip netns exec vps adit host add files.example.test --site home --target 10.30.0.200:443
  $enter ip netns exec vps bash        # a shell on the VPS; also: client internet cgnat gateway server
  $enter ip netns exec gateway wg show

Logs: $demo/log/ in the box. Ctrl-C ends everything.
TEXT
}

main() {
  private_files
  install_users
  title "1. The internet, a VPS, a carrier-grade NAT and a home"
  wire_everything
  title "2. Home: a web server whose TLS key nobody else has"
  make_home_certificate
  start_web_server
  show_home_is_unreachable
  title "3. The VPS: adit-relay and adit-controller, each a user of its own"
  start_relay
  start_controller
  title "4. The site: WireGuard through the NAT"
  add_site
  bring_tunnel_up
  title "5. The host, and a visitor"
  add_host
  visit
  title "6. The proof"
  prove
  echo
  echo "It works: https://app.example.test/ is served from behind the NAT, and the VPS cannot read it."
  [ "$once" = no ] || return 0
  what_to_try
  while :; do sleep 3600; done
}

trap 'report_failure $?' EXIT
main
