# shellcheck shell=bash
# In the virtual machine: packages, `adit init`, a home in another network namespace with the kernel's WireGuard and a TLS
# server, and the proof. The tunnel must be the kernel's, and the unit of the userspace one skipped by its condition.
set -euo pipefail
fail() {
  echo "WRONG: $*"
  journalctl -b -q --no-pager -n 40
  exit 1
}
wait_for() { # wait_for SECONDS WHAT COMMAND...
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || fail "in vain: $what"
    sleep 0.2
  done
}
site_is_up() { adit status -o json | python3 -c '
import json, sys
sys.exit(not any(s["state"] == "up" for s in json.load(sys.stdin)["sites"]))'; }

ip netns add home
ip link add name eth0 type veth peer name wan netns home
ip addr add 203.0.113.10/24 dev eth0
ip link set eth0 up
ip -n home addr add 203.0.113.77/24 dev wan
ip -n home link set wan up
ip -n home link set lo up
ip -n home addr add 10.30.0.200/32 dev lo
echo "203.0.113.10 app.example.test" >>/etc/hosts

dpkg --install /job/adit-relay_*.deb /job/adit_*.deb
[ "$(systemctl show -P ActiveState adit-wireguard.service)" = inactive ] || fail "adit-wireguard.service runs"
[ "$(systemctl show -P Result adit-wireguard.service)" = exec-condition ] ||
  fail "adit-wireguard.service was not skipped by its condition: $(systemctl show -P Result adit-wireguard.service)"

SECONDS=0
adit init --site home --network 10.30.0.0/24 --target 10.30.0.200:443
echo "adit init: $SECONDS s"
umask 077
wg genkey >/root/home.key
adit site config home --format wg-quick | sed "s|^PrivateKey.*|PrivateKey = $(cat /root/home.key)|" >/root/wg0.conf
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=app.example.test \
  -addext subjectAltName=DNS:app.example.test -keyout /root/tls.key -out /root/tls.crt 2>/dev/null
ip netns exec home openssl s_server -accept 10.30.0.200:443 -www -quiet -cert /root/tls.crt -key /root/tls.key &
ip netns exec home wg-quick up /root/wg0.conf
adit site set-key home "$(wg pubkey </root/home.key)"
adit host add app.example.test --site home
wait_for 60 "home's handshake" site_is_up
ip -d link show adit0 | grep -qw wireguard || fail "adit0 is not the kernel's: $(ip -d link show adit0)"
! pgrep -x wireguard-go >/dev/null || fail "wireguard-go runs"
ip -d link show adit0
wg show
adit verify app.example.test --outside | tee /root/verified
grep -q "TLS ends at home" /root/verified || fail "no proof"
! grep -q "not checked" /root/verified || fail "something was not checked"

apt-get purge -q -y adit adit-relay
! ip link show adit0 2>/dev/null || fail "adit0 is still there"
[ -z "$(ip route show table all proto 173)" ] || fail "kernel routes are still there"
echo "the kernel's WireGuard carried it, and it is gone"
