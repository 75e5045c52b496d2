#!/bin/bash
# The scenario on wireguard-go, in a namespace box of its own.
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "skipped: needs root (network namespaces and /dev/net/tun)"; exit 77; }
[ -c /dev/net/tun ] || { echo "skipped: there is no /dev/net/tun"; exit 77; }
command -v wireguard-go >/dev/null || { echo "skipped: there is no wireguard-go (apt-get install wireguard-go)"; exit 77; }
exec "$ADIT_SOURCE_DIR/tests/support/box.sh" bash "$ADIT_SOURCE_DIR/tests/integration/wireguard/wg_scenario.sh" \
  "$ADIT_BUILD_DIR/tests/integration/wireguard/wg_driver" userspace
