#!/bin/bash
# The scenario on a real kernel's WireGuard, in a virtual machine.
set -euo pipefail
here=$ADIT_SOURCE_DIR/tests/integration/wireguard
VM_TIMEOUT=240 VM_MEMORY=1024 VM_PROGRAMS="base64 sed grep" exec "$ADIT_SOURCE_DIR/tests/support/vm_run.sh" \
  'bash wg_scenario.sh ./wg_driver kernel' "$ADIT_BUILD_DIR/tests/integration/wireguard/wg_driver" "$here/wg_scenario.sh"
