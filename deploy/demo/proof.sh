# shellcheck shell=bash disable=SC2154,SC2317  # $demo, $home_key, $marker are set by the others
# What the demo proves: the visitor spoke TLS with home itself, through the relay, which knows no key.

prove() {
  verify
  check "adit verify could check everything it knows of" checked_everything
  check "the certificate seen from the internet is home's (openssl says so too)" same_fingerprint
  check "the relay runs as a user of its own, with no capability where the internet reaches it" relay_is_unprivileged
  relay_holds_no_key
}

# One run is the proof. Only one in which nothing came in time judged nothing, and is run again.
verify() {
  local status=0 attempts=3
  while :; do
    on client adit verify app.example.test --outside --at 203.0.113.10:443 --key "$home_key" 2>&1 |
      tee "$demo/verified" || status=$?
    [ $status != 0 ] || return 0
    attempts=$((attempts - 1))
    if [ $attempts = 0 ] || ! came_too_late; then return $status; fi
    echo "  an answer did not come in time: the tunnel is slow to come up, or the machine is busy; once more:"
    status=0
    sleep 1
  done
}

# Is lateness all that adit complains of? (Then nothing was relayed either.)
came_too_late() {
  local complaints
  complaints=$(grep -E '^ *BAD|^adit: ' "$demo/verified" | grep -v 'bytes relayed') || return 1
  ! grep -qv ' in time' <<<"$complaints"
}

checked_everything() {
  grep -q "TLS ends at home" "$demo/verified" && grep -q "bytes relayed" "$demo/verified" &&
    ! grep -q "not checked" "$demo/verified"
}

fingerprint() { openssl x509 -noout -fingerprint -sha256; }

same_fingerprint() {
  local outside home
  outside=$(quietly client openssl s_client -connect 203.0.113.10:443 -servername app.example.test \
    </dev/null 2>/dev/null | fingerprint)
  home=$(fingerprint <"$demo/home/tls.crt")
  echo "  seen outside: $outside"
  echo "  home's file:  $home"
  [ "$outside" = "$home" ]
}

# Two processes, both of adit-relay; exactly one of them may bind a port below 1024, the other may nothing.
relay_is_unprivileged() {
  /usr/bin/python3 - <<'PYTHON'
import glob, pwd, sys
uid, sets = pwd.getpwnam("adit-relay").pw_uid, []
for path in glob.glob("/proc/[0-9]*/status"):
    fields = dict(line.rstrip("\n").split(":\t", 1) for line in open(path) if ":\t" in line)
    if int(fields["Uid"].split()[0]) == uid:
        sets.append(int(fields["CapEff"], 16) | int(fields["CapPrm"], 16))
sys.exit(sorted(sets) != [0, 1 << 10])
PYTHON
}

# The same search, for each kind of thing alone, finds it where it belongs; so it would find it in the relay.
relay_holds_no_key() {
  local find=(/usr/bin/python3 /usr/local/bin/find_key.py)
  local all=(--key "$home_key" --key "$demo/home/wg.key" --key /var/lib/adit/wireguard.key --word "$marker")
  quietly client curl -sS --max-time 30 --cacert "$demo/home-ca.pem" --output "$demo/page" https://app.example.test/
  check "the search finds home's TLS key in the memory of home's web server" \
    finds "in memory of nginx" "${find[@]}" --key "$home_key" --user home-web
  check "the search finds the page there" finds "in memory of nginx" "${find[@]}" --word "$marker" --user home-web
  check "the search finds home's WireGuard key in home's folder" \
    finds "in $demo/home/wg.key" "${find[@]}" --key "$demo/home/wg.key" --tree "$demo/home"
  check "the search finds the VPS's WireGuard key in the controller's folder" \
    finds "in /var/lib/adit/wireguard.key" "${find[@]}" --key /var/lib/adit/wireguard.key --tree /var/lib/adit
  find+=("${all[@]}" --user adit-relay --tree /var/lib/adit-relay --tree /run/adit-relay)
  echo "\$ $(quoted "${find[@]}")"
  check "and no key, and not a word of the page, in the relay's memory, open files and folders" "${find[@]}"
}

# finds PLACE COMMAND...: find_key.py ends with 1 when it found something, with 2 when it could not look.
finds() {
  local status=0 place=$1 found
  shift
  echo "\$ $(quoted "$@")"
  found=$("$@") || status=$?
  echo "$found"
  [ $status = 1 ] && grep -q "found: .*, $place" <<<"$found"
}
