#!/bin/bash
# demo_test.sh once | interrupt SIGNAL [below_var_lib]: the demo works, and however it ends, the machine is as it was before.
# `once` runs it to its proof, within a minute; `interrupt` ends it while it stays up for trying things. Runs in a
# box (tests/support/box.sh), so that what other tests do meanwhile is not taken for a trace of the demo.
set -euo pipefail
cd "$ADIT_SOURCE_DIR"
# shellcheck source=deploy/packages.sh
. deploy/packages.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Everything of a machine that the demo could leave changed.
traces() {
  echo "ports:" && sed 1d /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6 | awk '{print $3, $4}'
  echo "interfaces:" && ip -o link | awk '{print $2}'
  echo "network namespaces:" && ip netns list
  echo "firewall:" && nft list ruleset
  echo "mounts:" && awk '{print $5}' /proc/self/mountinfo
  echo "processes:" && cat /proc/[0-9]*/comm | sort | sed -nE '/adit|nginx|wireguard-go|sleep|unshare/p'
  echo "enabled:" && enabled_services
  echo "files:" && find /etc /run /usr/local/bin /dev/net -xdev -printf '%p %m %u %s %l\n' | sort
  find /var/lib -maxdepth 1 -name 'adit*'
}

# Sanitizers' leak check needs ptrace, which the relay's data process denies; the unit tests look for leaks.
export ASAN_OPTIONS=detect_leaks=0

run_once() {
  local status=0 limit=60
  [ -z "${ADIT_SANITIZE:-}" ] || limit=150
  SECONDS=0
  deploy/demo.sh --once --no-build --no-install || status=$?
  [ $status = 0 ] || exit $status
  echo "it took $SECONDS s of at most $limit"
  [ $SECONDS -lt $limit ]
}

# A clone below /var/lib, which is another folder inside of the demo's box.
move_below_var_lib() {
  local clone=/var/lib/misc/adit
  [ -d /var/lib/misc ] || { echo "skipped a clone below /var/lib: no folder there to mount over" && return; }
  mount -n -t tmpfs tmpfs /var/lib/misc
  mkdir -p $clone/build/release/{relay,controller}
  cp -r deploy $clone
  cp "$ADIT_BUILD_DIR"/relay/adit-relay $clone/build/release/relay/
  cp "$ADIT_BUILD_DIR"/controller/adit{,-controller} $clone/build/release/controller/
  cd $clone
  export ADIT_BUILD_DIR=$clone/build/release
}

interrupt() { # interrupt SIGNAL: as Ctrl-C, a service manager or the kernel (KILL) would
  local status=0 demo
  # A background job of a script ignores SIGINT, and what a process ignores its children cannot trap.
  /usr/bin/python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' deploy/demo.sh --no-build --no-install >"$work/output" 2>&1 &
  demo=$!
  until grep -q "Ctrl-C ends everything" "$work/output"; do
    if ! kill -0 $demo 2>/dev/null; then
      wait $demo || status=$?
      cat "$work/output"
      [ $status != 0 ] || { echo "the demo ended by itself" && exit 1; }
      exit $status
    fi
    sleep 0.1
  done
  try_a_command
  kill -"$1" $demo
  wait $demo || status=$?
  echo "SIG$1: status $status"
  [ $status -gt 128 ]
}

# One of the commands that the demo offers, taken from its output.
try_a_command() {
  local command
  command=$(grep -o 'nsenter .*adit status' "$work/output")
  echo "\$ $command"
  $command | tee "$work/status"
  grep -q home "$work/status"
}

if [ $# -gt 2 ]; then move_below_var_lib; fi
traces >"$work/before"
case $1 in
  once) run_once ;;
  interrupt) interrupt "$2" ;;
esac
# The box's processes end with its first one, but not in the same instant.
deadline=$((SECONDS + 10))
until traces >"$work/after" && cmp -s "$work/before" "$work/after" || [ $SECONDS -ge $deadline ]; do sleep 0.1; done
diff "$work/before" "$work/after" || { echo "the demo left the above on the machine" && exit 1; }
echo "the machine is as it was: no port, interface, mount, service or file more"
