# shellcheck shell=bash disable=SC2154  # $demo is set by box.sh
# What runs on the demo's machines: the web server and stock WireGuard at home, adit on the VPS.

home_key=$demo/home/tls.key # readable by the home's web server alone
marker=$(head -c 16 /proc/sys/kernel/random/uuid) # a word that only the page at home contains

# A CA of the home's own, as a person without a public name would make; the client trusts its certificate.
make_home_certificate() {
  install -d -o home-web -g home-web -m 755 "$demo/home" "$demo/home/www"
  run openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=Home CA" \
    -keyout "$demo/home/ca.key" -out "$demo/home-ca.pem" 2>/dev/null
  run openssl req -x509 -CA "$demo/home-ca.pem" -CAkey "$demo/home/ca.key" -newkey ec \
    -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=app.example.test" \
    -addext "subjectAltName=DNS:app.example.test" -addext "basicConstraints=critical,CA:false" \
    -keyout "$home_key" -out "$demo/home/tls.crt" 2>/dev/null
  run chown home-web: "$home_key"
  run chmod 400 "$home_key"
}

start_web_server() {
  echo "hello from home ($marker)" >"$demo/home/www/index.html"
  cat >"$demo/home/nginx.conf" <<CONF
daemon off;
worker_processes 1;
error_log stderr;
pid $demo/home/nginx.pid;
events { worker_connections 128; }
http {
  access_log off;
  client_body_temp_path $demo/home/body; proxy_temp_path $demo/home/proxy; fastcgi_temp_path $demo/home/fastcgi;
  uwsgi_temp_path $demo/home/uwsgi; scgi_temp_path $demo/home/scgi;
  server {
    listen 10.30.0.200:443 ssl;
    ssl_certificate $demo/home/tls.crt;
    ssl_certificate_key $home_key;
    root $demo/home/www;
  }
}
CONF
  daemon nginx server setpriv --reuid home-web --regid home-web --clear-groups \
    --inh-caps -all,+net_bind_service --ambient-caps +net_bind_service \
    nginx -e stderr -c "$demo/home/nginx.conf"
  wait_for 30 "the web server at home" quietly server curl -s --cacert "$demo/home-ca.pem" \
    --resolve app.example.test:443:10.30.0.200 https://app.example.test/
}

show_home_is_unreachable() {
  if on client curl -sS --max-time 2 --cacert "$demo/home-ca.pem" \
    --connect-to app.example.test:443:192.0.2.77:443 https://app.example.test/; then
    echo "the NAT let a visitor in: this is no carrier-grade NAT" >&2
    return 1
  fi
  echo "  as it should be: the home's public address belongs to the carrier; nothing gets in there"
}

# said READY LOG: has the program said so? (`READY=1` goes to systemd, this line to everybody.)
said() { grep -qF "$1" "$demo/log/$2.log"; }

start_relay() {
  daemon relay vps setpriv --reuid adit-relay --regid adit-relay --clear-groups \
    --bounding-set -all,+net_bind_service --inh-caps -all,+net_bind_service --ambient-caps +net_bind_service \
    adit-relay --controller-user adit-controller
  wait_for 30 "adit-relay: ready" said "adit-relay: ready" relay
}

# Without WireGuard in the kernel the controller starts wireguard-go, which needs a tun device and a folder for
# its socket; a unit file gives both to the controller's user (DeviceAllow=, RuntimeDirectory=).
prepare_userspace_wireguard() {
  install -d -o adit-controller -g adit -m 755 /run/wireguard
  [ -c /dev/net/tun ] || return 0
  mknod "$demo/tun" c 10 200
  chown adit-controller: "$demo/tun"
  chmod 600 "$demo/tun"
  mount --bind "$demo/tun" /dev/net/tun
}

# Its group is that of the people who may use the command line, which its socket gets; a member of
# adit-relay, it may connect to the relay's socket.
start_controller() {
  prepare_userspace_wireguard
  daemon controller vps setpriv --reuid adit-controller --regid adit --groups adit-relay \
    --bounding-set -all,+net_admin --inh-caps -all,+net_admin --ambient-caps +net_admin \
    adit-controller
  wait_for 30 "adit-controller: ready" said "adit-controller: ready" controller
}

# A keepalive of 2 s, because this carrier forgets a mapping after 3 s; most keep it for 30 s and more,
# and adit's default is 25 s.
add_site() {
  on vps adit site add home --network 10.30.0.0/24 --target 10.30.0.200:443 --keepalive 2s
  echo "vps\$ adit site config home --format wg-quick >wg0.conf"
  quietly vps adit site config home --format wg-quick >"$demo/home/printed.conf"
  sed 's/^/  | /' "$demo/home/printed.conf"
}

# The home makes its key itself; only the public half leaves it. fill_in stands for the person's editor.
fill_in_private_key() {
  local line key=$1
  while IFS= read -r line; do
    if [[ $line =~ ^[#\ ]*PrivateKey ]]; then line="PrivateKey = $(<"$key")"; fi
    printf '%s\n' "$line"
  done
}

bring_tunnel_up() {
  umask 077
  echo "gateway\$ wg genkey >wg.key   # at home; then PrivateKey in wg0.conf"
  wg genkey >"$demo/home/wg.key"
  fill_in_private_key "$demo/home/wg.key" <"$demo/home/printed.conf" >"$demo/home/wg0.conf"
  grep -q '^PrivateKey' "$demo/home/wg0.conf"
  umask 022
  on gateway wg-quick up "$demo/home/wg0.conf" 2>"$demo/log/wg-quick.log"
  on vps adit site set-key home "$(wg pubkey <"$demo/home/wg.key")"
  wait_for 60 "a handshake through the NAT" site_is_up
  on vps adit status
}

site_is_up() {
  quietly vps adit status -o json | /usr/bin/python3 -c '
import json, sys
sys.exit(not any(s["name"] == "home" and s["state"] == "up" for s in json.load(sys.stdin)["sites"]))'
}

add_host() { on vps adit host add app.example.test --site home; }

visit() {
  local page
  on client curl -sS --max-time 30 --cacert "$demo/home-ca.pem" https://app.example.test/
  echo "  now 4 s of silence, longer than the carrier remembers; the keepalive holds the way open:"
  sleep 4
  on client curl -sS --max-time 30 --cacert "$demo/home-ca.pem" --output "$demo/page" https://app.example.test/
  page=$(<"$demo/page")
  check "the page came again: $page" [ "$page" = "hello from home ($marker)" ]
}
