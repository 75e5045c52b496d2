#!/bin/bash
# tear_down_scenario.sh: the controller makes adit0 with the kernel's WireGuard, and --tear-down takes it away; one of
# somebody else stays. Runs in the folder of adit and adit-controller, in support/vm_run.sh.
set -euo pipefail
folder=$(mktemp -d)
printf '%s\n' "control_socket: $folder/control.sock" "relay_socket: $folder/none.sock" "state_dir: $folder/state" \
  "endpoint: 192.0.2.17" > "$folder/c.yaml"
tear_down() { ./adit-controller --config "$folder/c.yaml" --tear-down; }

mkfifo "$folder/said"
./adit-controller --config "$folder/c.yaml" 2> "$folder/said" &
controller=$!
exec 3< "$folder/said"
while read -r -t 60 line <&3; do
  echo "$line"
  case $line in *"adit-controller: ready"*) break ;; esac
done
./adit --socket "$folder/control.sock" site add one --network 10.31.0.0/24 \
  --public-key AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=
ip -d link show dev adit0 | grep -q wireguard
[ -n "$(ip route show proto 173)" ]
if tear_down; then echo "it must refuse while a controller runs"; exit 1; fi
ip link show dev adit0 > /dev/null
kill "$controller"
wait "$controller"

tear_down | tee "$folder/done"
grep -qx "removed: interface adit0" "$folder/done"
grep -qx "removed: kernel route 10.31.0.0/24" "$folder/done"
if ip link show dev adit0 2> /dev/null; then echo "adit0 is still there"; exit 1; fi
[ -z "$(ip route show proto 173)" ]
[ "$(tear_down)" = "nothing to remove" ]

ip link add adit0 type wireguard
wg genkey > "$folder/other"
wg set adit0 private-key "$folder/other"
tear_down 2>&1 | tee "$folder/done"
grep -q "adit did not make" "$folder/done"
[ "$(wg show adit0 private-key)" = "$(cat "$folder/other")" ]
echo "kernel tear-down: ok"
