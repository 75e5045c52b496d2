#!/bin/bash
# relay_lossy_scenario.sh: in a virtual machine, whose kernel has netem. Connections through the relay to a home behind a wire
# that loses 1 % of the packets in each direction, delays all by 50 ms and some by less; every byte comes back.
set -euo pipefail
fail() { echo "WRONG: $*" && exit 1; }
said() { # said LOG LINE: within 30 s
  for _ in $(seq 300); do
    if grep -qF "$2" "$1"; then return; fi
    sleep 0.1
  done
  cat "$1"
  fail "no line with \"$2\""
}
streams=3 bytes=1500000

ip netns add home
ip link add near type veth peer name far netns home
ip addr add 10.77.0.1/24 dev near
ip -n home addr add 10.77.0.2/24 dev far
ip link set near up
ip -n home link set far up
impaired=(root netem delay 50ms 10ms loss 1% reorder 5% 50%)
tc qdisc add dev near "${impaired[@]}"
tc -n home qdisc add dev far "${impaired[@]}"
ip netns exec home nc -ll -p 443 -e cat & # echoes

cat >controller.yaml <<YAML
control_socket: /run/control.sock
relay_socket: /run/relay.sock
state_dir: /run/controller
YAML
mkdir -p /run/controller
./adit-relay --control /run/relay.sock --state-dir /run/relay --workers 2 2>relay.log &
said relay.log "adit-relay: ready"
./adit-controller --config "$PWD/controller.yaml" 2>controller.log &
said controller.log "adit-controller: ready"
cat >adit.yaml <<YAML
relay: {addresses: ["127.0.0.1"], https_port: 8443, http_port: off}
hosts:
  a.example.com: {site: direct, target: 10.77.0.2:443}
YAML
./adit --socket /run/control.sock apply -f adit.yaml || { cat relay.log controller.log && fail "no table"; }

stream() { # stream NUMBER
  { cat hello && head -c $bytes /dev/urandom; } >"sent.$1"
  nc 127.0.0.1 8443 <"sent.$1" >"got.$1" || return 1
  cmp "sent.$1" "got.$1"
}
began=$(date +%s) pids=()
for number in $(seq $streams); do
  stream "$number" &
  pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid" || fail "a stream lost bytes or broke: $(ls -l sent.* got.*) $(tail -n 5 relay.log)"; done
echo "$streams streams of $bytes bytes each way in $(($(date +%s) - began)) s"
tc -s qdisc show dev near
dropped=$(tc -s qdisc show dev near | sed -n 's/.*dropped \([0-9]*\),.*/\1/p')
[ "$dropped" -gt 10 ] || fail "the wire lost nothing: $dropped"
