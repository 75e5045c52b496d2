#!/bin/bash
# --tear-down with the kernel's WireGuard, in a virtual machine.
set -euo pipefail
VM_TIMEOUT=240 VM_MEMORY=1024 VM_PROGRAMS="mktemp mkfifo grep tee cat" exec "$ADIT_SOURCE_DIR/tests/support/vm_run.sh" \
  'bash tear_down_scenario.sh' "$ADIT_BUILD_DIR/controller/adit-controller" "$ADIT_BUILD_DIR/controller/adit" \
  "$ADIT_SOURCE_DIR/tests/integration/controller/tear_down_scenario.sh"
