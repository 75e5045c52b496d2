# shellcheck shell=bash disable=SC2154  # $demo is set by box.sh
# How the demo shows what it does: every command is printed with the machine it runs on, then run.

if [ -t 1 ]; then bold=$'\e[1m' plain=$'\e[0m'; else bold='' plain=''; fi

title() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }

# As a person would type it: quotes only where a shell needs them.
quoted() {
  local word line=
  for word; do
    if [[ $word =~ ^[A-Za-z0-9_./:=,@%+*-]+$ ]]; then line+=" $word"; else line+=" '${word//\'/\'\\\'\'}'"; fi
  done
  echo "${line# }"
}

# run COMMAND...: outside of every machine (making them).
run() {
  echo "\$ $(quoted "$@")"
  "$@"
}

# on MACHINE COMMAND...: in that machine's namespace.
on() {
  local machine=$1
  shift
  echo "$machine\$ $(quoted "$@")"
  ip netns exec "$machine" "$@"
}

# quietly MACHINE COMMAND...: the same without a word, for conditions and answers that are used further on.
quietly() {
  local machine=$1
  shift
  ip netns exec "$machine" "$@"
}

# daemon NAME MACHINE COMMAND...: in the background; output to its log.
daemon() {
  local name=$1 machine=$2
  shift 2
  echo "$machine\$ $(quoted "$@") &"
  ip netns exec "$machine" "$@" </dev/null >"$demo/log/$name.log" 2>&1 &
  disown
}

# wait_for SECONDS WHAT COMMAND...: until COMMAND succeeds; fails after SECONDS.
wait_for() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    if [ $SECONDS -ge $deadline ]; then
      echo "adit demo: waited in vain for: $what" >&2
      return 1
    fi
    sleep 0.1
  done
}

check() { # check WHAT COMMAND...: one line of the proof
  local what=$1
  shift
  if "$@"; then
    echo "  ok: $what"
  else
    echo "  WRONG: $what"
    return 1
  fi
}

report_failure() { # report_failure STATUS: what the programs said, when the story broke off
  [ "$1" != 0 ] || return 0
  local log
  for log in "$demo"/log/*.log; do
    [ -s "$log" ] || continue
    echo "--- last lines of ${log##*/}"
    tail -n 15 "$log"
  done
  echo "adit demo: FAILED" >&2
  exit 1
}
