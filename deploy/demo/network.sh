# shellcheck shell=bash
# The machines of the demo and their wires:
#
#   client 198.51.100.20 ──┐
#   vps    203.0.113.10  ──┤ internet (a router)
#                          └── 192.0.2.77 cgnat 100.64.0.1 ── 100.64.0.2 gateway 10.30.0.1 ── 10.30.0.200 server
#                                         masquerade              home's router                 home's web server
#
# The carrier's NAT forgets a UDP mapping after 3 s and lets nothing in that was not asked for.

# wire MACHINE DEVICE ADDRESS MACHINE DEVICE ADDRESS: a cable between two machines.
wire() {
  run ip link add name "$2" netns "$1" type veth peer name "$5" netns "$4"
  run ip -n "$1" addr add "$3" dev "$2"
  run ip -n "$4" addr add "$6" dev "$5"
  run ip -n "$1" link set dev "$2" up
  run ip -n "$4" link set dev "$5" up
}

default_route() { run ip -n "$1" route add default via "$2"; }

set_kernel() { # set_kernel MACHINE KEY VALUE: sysctl(8) without the package
  echo "$1\$ sysctl -w ${2//\//.}=$3"
  ip netns exec "$1" sh -c "echo $3 >/proc/sys/$2"
}

carrier_rules='table ip carrier {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "outside" masquerade
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    iifname "inside" oifname "outside" accept
  }
}'

wire_everything() {
  local machine
  for machine in internet client vps cgnat gateway server; do
    run ip netns add $machine
    run ip -n $machine link set dev lo up
  done
  wire client eth0 198.51.100.20/24 internet to-client 198.51.100.1/24
  wire vps eth0 203.0.113.10/24 internet to-vps 203.0.113.1/24
  wire cgnat outside 192.0.2.77/24 internet to-carrier 192.0.2.1/24
  wire gateway wan 100.64.0.2/24 cgnat inside 100.64.0.1/24
  wire server eth0 10.30.0.200/24 gateway lan 10.30.0.1/24
  default_route client 198.51.100.1
  default_route vps 203.0.113.1
  default_route cgnat 192.0.2.1
  default_route gateway 100.64.0.1
  default_route server 10.30.0.1
  for machine in internet cgnat gateway; do set_kernel $machine net/ipv4/ip_forward 1; done
  on cgnat nft "$carrier_rules"
  set_kernel cgnat net/netfilter/nf_conntrack_udp_timeout 3
  set_kernel cgnat net/netfilter/nf_conntrack_udp_timeout_stream 3
  mkdir -p /etc/netns/client # ip-netns(8): the client's own /etc/hosts, in place of DNS
  echo "203.0.113.10 app.example.test" >/etc/netns/client/hosts
}
