#!/bin/bash
# wg_scenario.sh DRIVER BACKEND: the life of a node's WireGuard interface over the Backend interface, with a home in
# a second network namespace that really shakes hands. Runs as root in namespaces of its own (support/box.sh) or in
# a virtual machine (support/vm_run.sh); what it makes goes with them.
set -euo pipefail
driver=$(realpath "$1") backend=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

check() { # check NAME GOT WANTED
  if [ "$2" = "$3" ]; then echo "ok: $1"; passed=$((passed + 1)); return; fi
  echo "FAILED: $1"; echo "  got:    $2"; echo "  wanted: $3"; failed=$((failed + 1))
}
matches() { # matches NAME TEXT PATTERN
  # shellcheck disable=SC2254  # PATTERN is a pattern
  case $2 in $3) echo "ok: $1"; passed=$((passed + 1)) ;; *) echo "FAILED: $1"; echo "  got: $2"; echo "  wanted: $3"; failed=$((failed + 1)) ;; esac
}
vps() { "$driver" "$backend" "$@" 2>&1; }
home() { ip netns exec home "$driver" "$backend" "$@" 2>&1; }
refused() { if vps "$@"; then echo "it did not fail"; fi; }   # prints the error of a command that must fail
peer_field() { vps show adit0 | sed -n "s|^peer $1 .*\b$2=\([^ ]*\).*|\1|p"; }
reaches() { # the first handshake may need a retry of WireGuard's own, after 5 s
  for _ in 1 2 3 4 5 6 7 8; do if ip netns exec home ping -q -c 1 -W 2 10.98.0.1 >/dev/null 2>&1; then echo yes; return; fi; done
  echo no
}

ip netns add home
ip link add name outside type veth peer name wan netns home
ip addr add 192.0.2.1/24 dev outside; ip link set dev outside up
ip -n home addr add 192.0.2.2/24 dev wan; ip -n home link set dev wan up; ip -n home link set dev lo up

# --- made, configured, adopted ----------------------------------------------------------------------------------
matches "no interface yet" "$(refused show adit0)" "not_found: *"
vps create adit0
matches "a fresh interface has neither key nor port in use" "$(vps show adit0)" "interface adit0 port=* key=- peers=0"
vps device adit0 "$work/vps.key" 51820
vps up adit0 1420
vps address-add adit0 10.98.0.1/20
vps address-add adit0 fd12:3456:789a::1/64
check "link and addresses" "$(vps link adit0 | sed 's/kind=[a-z]*/kind=K/')" "link adit0 kind=K up=true mtu=1420
address 10.98.0.1/20
address fd12:3456:789a::1/64"
vps_key=$(vps show adit0 | sed -n 's/.* key=\([^ ]*\).*/\1/p')

home create adith0; home device adith0 "$work/home.key" 51821
home_key=$(home show adith0 | sed -n 's/.* key=\([^ ]*\).*/\1/p')
home peer adith0 "$vps_key" allowed=10.98.0.0/20 endpoint=192.0.2.1:51820 keepalive=25
vps peer adit0 "$home_key" allowed=10.98.0.10/32 keepalive=25
home up adith0 1420; home address-add adith0 10.98.0.10/20
check "the tunnel carries" "$(reaches)" yes
check "the endpoint is learned" "$(peer_field "$home_key" endpoint)" 192.0.2.2:51821
shaken=$(peer_field "$home_key" handshake)
matches "there was a handshake" "$shaken" "1[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]"

# --- peers one by one; the home's handshake must stay ------------------------------------------------------------
other=$(printf 'other peer with 32 bytes of key..' | head -c 32 | base64)
received=$(peer_field "$home_key" rx)
vps peer adit0 "$other" allowed=10.98.0.11/32,10.31.0.0/24 keepalive=10
check "a second peer is added" "$(peer_field "$other" allowed)" "10.31.0.0/24,10.98.0.11/32"
vps peer adit0 "$other" allowed=10.98.0.11/32
check "its AllowedIPs are replaced" "$(peer_field "$other" allowed)" "10.98.0.11/32"
check "its keepalive stays when it is not given" "$(peer_field "$other" keepalive)" 10
vps peer adit0 "$home_key" allowed=10.98.0.10/32,10.30.0.0/24 keepalive=20
check "the home's AllowedIPs grow" "$(peer_field "$home_key" allowed)" "10.30.0.0/24,10.98.0.10/32"
vps peer adit0 "$other" remove
check "the second peer is gone" "$(vps show adit0 | grep -c ^peer)" 1
vps peer adit0 "$other" remove
check "removing it again is nothing" "$(vps show adit0 | grep -c ^peer)" 1
vps device adit0 "$work/vps.key" 51820
check "the same key and port again change nothing" "$(vps show adit0 | head -1)" "interface adit0 port=51820 key=$vps_key peers=1"
vps create adit0
check "an interface that is there is adopted" "$(vps show adit0 | head -1)" "interface adit0 port=51820 key=$vps_key peers=1"
check "the home's handshake is the same" "$(peer_field "$home_key" handshake)" "$shaken"
check "and traffic goes on" "$(reaches)" yes
check "over the same session" "$(peer_field "$home_key" handshake)" "$shaken"
check "its counters went on" "$([ "$(peer_field "$home_key" rx)" -gt "$received" ] && echo yes)" yes

# --- kernel routes and addresses ------------------------------------------------------------------------------------
vps route-add adit0 10.30.0.0/24; vps route-add adit0 10.30.0.0/24; vps route-add adit0 fd00:30::/64
check "routes carry protocol 173" "$(ip route show 10.30.0.0/24 | sed 's/ *$//')" "10.30.0.0/24 dev adit0 proto 173 scope link"
check "and are seen" "$(vps link adit0 | grep ^route)" "route 10.30.0.0/24
route fd00:30::/64"
ip route add 10.31.0.0/24 via 192.0.2.2 proto static; ip -6 route add unreachable fd00:31::/64 proto static
check "a foreign route is a conflict that names it" "$(refused route-add adit0 10.31.0.0/24)" "conflict: add kernel route 10.31.0.0/24 to adit0: there is one that adit did not make: \`10.31.0.0/24 via 192.0.2.2 dev outside proto static\`; remove it (ip route del 10.31.0.0/24) or take 10.31.0.0/24 out of the site's networks"
matches "in IPv6 too" "$(refused route-add adit0 fd00:31::/64)" "conflict: *fd00:31::/64*proto static*"
vps route-del adit0 10.31.0.0/24; vps route-del adit0 fd00:31::/64
check "a foreign route is never removed" "$(ip route show 10.31.0.0/24 | wc -l; ip -6 route show fd00:31::/64 | wc -l)" "1
1"
vps route-del adit0 10.30.0.0/24; vps route-del adit0 10.30.0.0/24; vps route-del adit0 fd00:30::/64
check "own routes are removed" "$(vps link adit0 | grep -c ^route || :)" 0
vps address-add adit0 10.98.0.2/20; vps address-add adit0 10.98.0.2/20
vps address-del adit0 10.98.0.2/20; vps address-del adit0 10.98.0.2/20
check "addresses come and go" "$(vps link adit0 | grep -c ^address)" 2

# --- what goes wrong says so, and breaks nothing --------------------------------------------------------------------
vps create adit1; vps device adit1 "$work/second.key" 51999; vps up adit1 1420
matches "a port that is taken" "$(refused device adit0 "$work/vps.key" 51999)" "conflict: *UDP port*is taken by another program*"
check "leaves the old port" "$(vps show adit0 | head -1)" "interface adit0 port=51820 key=$vps_key peers=1"
check "and the tunnel" "$(reaches)" yes
vps delete adit1
matches "a foreign interface is not taken over" "$(refused create outside)" "conflict: interface outside exists but *"
matches "nor read" "$(refused show outside)" "conflict: interface outside exists but *"
matches "nor deleted" "$(refused delete outside)" "conflict: interface outside *"
check "it is still there" "$(ip -br link show outside | wc -l)" 1
cp "$driver" /run/wg_driver; mkdir -m 0711 /run/node; chmod 0755 /run
matches "no privilege: the fix is named" "$(setpriv --reuid 65534 --clear-groups --inh-caps=-all /run/wg_driver "$backend" create adit2 2>&1)" "denied: *CAP_NET_ADMIN*"

# --- many -------------------------------------------------------------------------------------------------------------
vps many adit0 1000 2
vps many adit0 3 3000
check "a thousand peers" "$(vps show adit0 | grep -c ^peer)" 1001
check "and the home still has its session" "$(peer_field "$home_key" handshake) $(reaches)" "$shaken yes"

# --- as an unprivileged user with CAP_NET_ADMIN, as the controller runs --------------------------------------------------
vps delete adit0
check "deleted" "$(ip -br link show adit0 2>/dev/null | wc -l)" 0
vps delete adit0
if [ "$backend" = userspace ]; then
  check "its process has ended" "$(pgrep -c -f 'wireguard-go adit0' || :)" 0
  mknod -m 0666 /run/tun c 10 200; mount --bind /run/tun /dev/net/tun; chown 65534 /run/wireguard
fi
chown 65534 /run/node
controller() { setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all,+net_admin --ambient-caps=-all,+net_admin \
  --bounding-set=-all,+net_admin --no-new-privs /run/wg_driver "$backend" "$@" 2>&1; }
controller create adit0; controller device adit0 /run/node/key 51820; controller up adit0 1420
controller address-add adit0 10.98.0.1/20; controller route-add adit0 10.30.0.0/24
matches "CAP_NET_ADMIN alone is enough" "$(controller show adit0)" "interface adit0 port=51820 key=* peers=0"
if [ "$backend" = userspace ]; then
  process=$(pgrep -f 'wireguard-go adit0')
  check "wireguard-go has that and no other" "$(sed -n 's/^CapPrm:\t//p' "/proc/$process/status")" 0000000000001000
  check "and a session of its own, with nobody of ours as parent" "$(cut -d' ' -f4 "/proc/$process/stat")" 1
  controller create adit0
  check "it is adopted, not started again" "$(pgrep -f 'wireguard-go adit0')" "$process"
fi
controller delete adit0
check "and deleted" "$(ip -br link show adit0 2>/dev/null | wc -l)" 0
home delete adith0

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
