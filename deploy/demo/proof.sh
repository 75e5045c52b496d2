# shellcheck shell=bash disable=SC2154,SC2317  # $demo, $home_key, $marker, $here are set by the others
# What the demo proves: the visitor spoke TLS with home itself, through the relay, which knows no key.

prove() {
  verify || verify || verify # its own deadlines are short for a machine that is busy with other things
  check "adit verify could check everything it knows of" checked_everything
  check "the certificate seen from the internet is home's (openssl says so too)" same_fingerprint
  check "the relay runs as a user of its own, with no capability where the internet reaches it" relay_is_unprivileged
  relay_holds_no_key
}

verify() {
  on client adit verify app.example.test --outside --at 203.0.113.10:443 --key "$home_key" | tee "$demo/verified"
}

checked_everything() { grep -q "bytes relayed" "$demo/verified" && ! grep -q "not checked" "$demo/verified"; }

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

# The same search finds the keys where they belong; so it would find them in the relay.
relay_holds_no_key() {
  local find=(/usr/bin/python3 "$here/find_key.py" --key "$home_key" --key "$demo/home/wg.key"
    --key /var/lib/adit/wireguard.key --word "$marker")
  echo "\$ $(quoted "${find[@]}") --user home-web"
  check "the search finds home's key and page in home's web server" finds "${find[@]}" --user home-web
  check "the search finds the VPS's WireGuard key in the controller's folder" \
    finds "${find[@]}" --tree /var/lib/adit
  echo "\$ $(quoted "${find[@]}") --user adit-relay --tree /var/lib/adit-relay --tree /run/adit-relay"
  check "and no key, and not a word of the page, in the relay's memory, open files and folders" \
    "${find[@]}" --user adit-relay --tree /var/lib/adit-relay --tree /run/adit-relay
}

finds() { # find_key.py ends with 1 when it found something, with 2 when it could not look
  local status=0
  "$@" || status=$?
  [ $status = 1 ]
}
