#!/bin/bash
# proof_test.sh: the demo's proof fails when adit says so, and is made again only when an answer came too late.
# It is deploy/demo/proof.sh with made-up answers of `adit verify` and of the search for keys.
set -euo pipefail
demo=$(mktemp -d)
trap 'rm -rf "$demo"' EXIT
here=$ADIT_SOURCE_DIR/deploy/demo home_key=$demo/home/tls.key marker=word
# shellcheck source=deploy/demo/say.sh
. "$here/say.sh"
# shellcheck source=deploy/demo/proof.sh
. "$here/proof.sh"

passed='  ok  same certificate   a client and home see the same one
  ok  bytes relayed      1.2 kB to home, 1.9 kB to the client

  TLS ends at home. The relay forwards bytes that it cannot read.'
# The last line of a failed one, as adit writes it
failed='  NOT verified: see the lines above.'
late='  BAD same certificate   the target shows no certificate: no answer in time
  BAD bytes relayed      the connection did not come through this relay: 0 B to home, 0 B to the client
'$failed
leaking='  ok  same certificate   a client and home see the same one
  BAD relay: memory      the key /run/demo/home/tls.key is in the memory of process 9
'$failed
late_and_leaking=$(head -n 2 <<<"$late")'
  BAD relay: memory      the key /run/demo/home/tls.key is in the memory of process 9
'$failed
stranger='  BAD same certificate   a client gets the certificate of CN=stranger, home shows that of CN=app.example.test
'$failed
no_answer='adit: the controller at /run/adit/control.sock did not answer in time; its log says why'
partly='  ok  bytes relayed      1.2 kB to home, 1.9 kB to the client
  ?   relay: memory      not checked (run as root)

  Nothing speaks against it, but not everything could be checked.'

# In place of the machines: the next of the answers, with adit's exit status for it.
on() {
  local answer
  echo x >>"$demo/calls"
  answer=${answers[$(($(wc -l <"$demo/calls") - 1))]:-}
  echo "$answer"
  [[ $answer != *"NOT verified"* && $answer != adit:* && -n $answer ]]
}
sleep() { :; }
# shellcheck disable=SC2317  # proof.sh calls them
same_fingerprint() { :; }
# shellcheck disable=SC2317
relay_is_unprivileged() { :; }
relay_holds_no_key() { :; }

wrong=0
expect() { # expect STATUS CALLS NAME ANSWER...
  local want="status $1, $2 runs" name=$3 status=0 got
  answers=("${@:4}")
  : >"$demo/calls"
  (set -e && prove) >"$demo/output" 2>&1 & # not after || or if: there -e is off
  wait $! || status=$?
  got="status $status, $(wc -l <"$demo/calls") runs"
  if [ "$got" = "$want" ]; then
    echo "ok: $name: $got"
  else
    echo "WRONG: $name: $got, not $want" && sed 's/^/  | /' "$demo/output"
    wrong=1
  fi
}

expect 0 1 "verified" "$passed"
expect 1 1 "a key in the relay" "$leaking" "$passed"
expect 1 1 "somebody else's certificate" "$stranger" "$passed"
expect 0 2 "late, then verified" "$late" "$passed"
grep -q "did not come in time" "$demo/output" || { echo "WRONG: it does not say that it tries again" && wrong=1; }
expect 0 2 "the controller was late, then verified" "$no_answer" "$passed"
expect 1 2 "late, then a key in the relay" "$late" "$leaking" "$passed"
expect 1 1 "late, and a key in the relay" "$late_and_leaking" "$passed"
expect 1 3 "always late" "$late" "$late" "$late" "$passed"
expect 1 1 "not everything checked" "$partly" "$passed"
expect 1 1 "no answer at all" "" "$passed"

# The positive control: found is only what is found where it belongs.
check_finds() { # check_finds STATUS EXIT-STATUS OUTPUT
  local status=0
  finds "in memory of nginx" bash -c "echo '$3'; exit $2" >/dev/null || status=$?
  [ $status = "$1" ] || { echo "WRONG: finds: '$3' with status $2 gives $status" && wrong=1; }
}
check_finds 0 1 "    found: tls.key as DER, in memory of nginx (122) [heap]"
check_finds 1 1 "    found: tls.key as DER, in /var/lib/adit/tls.key"
check_finds 1 2 "    found: tls.key as DER, in memory of nginx (122) [heap]"
check_finds 1 0 "    process 122 (nginx): 46 memory maps, in memory of nginx"
exit $wrong
