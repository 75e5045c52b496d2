#!/bin/bash
# A wire between relay and home that loses, delays and reorders: netem, in a virtual machine with a kernel that has it.
set -euo pipefail
here=$ADIT_SOURCE_DIR/tests/integration
command -v tc >/dev/null || { echo "skipped: no tc (apt-get install iproute2)" && exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
/usr/bin/python3 -c 'import sys, traffic; sys.stdout.buffer.write(traffic.client_hello("a.example.com"))' >"$folder/hello"
VM_TIMEOUT=240 VM_MEMORY=1024 VM_PROGRAMS=tc VM_MODULES=sch_netem "$ADIT_SOURCE_DIR/tests/support/vm_run.sh" \
  'bash relay_lossy_scenario.sh' "$ADIT_BUILD_DIR/relay/adit-relay" "$ADIT_BUILD_DIR/controller/adit-controller" \
  "$ADIT_BUILD_DIR/controller/adit" "$here/relay_lossy_scenario.sh" "$folder/hello"
