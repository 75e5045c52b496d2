#include "controller/plan/desired.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace adit::plan {

namespace {

/// "::": dual-stack.
const IpAddress& any_address() {
  static const IpAddress kAny(std::span<const std::uint8_t>(std::array<std::uint8_t, 16>{}));
  return kAny;
}

DesiredPeer peer_of(const std::string& name, const config::Site& site) {
  DesiredPeer peer;
  peer.public_key = *site.public_key;
  peer.persistent_keepalive = site.keepalive;
  peer.site = name;
  for (const auto* address : {&site.address, &site.address6}) {
    if (*address) peer.allowed_ips.emplace_back(**address, (*address)->bits());
  }
  peer.allowed_ips.insert(peer.allowed_ips.end(), site.networks.begin(), site.networks.end());
  std::ranges::sort(peer.allowed_ips);
  return peer;
}

std::optional<DesiredInterface> interface_of(const config::Resources& resources,
                                             const NodeIdentity& node) {
  DesiredInterface out;
  for (const auto& [name, site] : resources.sites) {
    if (!site.public_key) continue;
    out.peers.push_back(peer_of(name, site));
    out.kernel_routes.insert(out.kernel_routes.end(), site.networks.begin(), site.networks.end());
  }
  if (out.peers.empty()) return std::nullopt;
  out.name = node.interface;
  out.listen_port = node.listen_port;
  out.public_key = node.public_key;
  out.pool = node.pool;
  out.addresses = {{node.pool.node_v4(), node.pool.v4.length()},
                   {node.pool.node_v6(), node.pool.v6.length()}};
  // Those of this node's part of the pool are the tunnel's, and no one's to make but ours.
  for (const IpAddress& address : resources.relay.value_or(config::Relay{}).source_addresses) {
    if (node.pool.is_source_address(address)) out.addresses.push_back({address, address.bits()});
  }
  std::ranges::sort(out.addresses);
  std::ranges::sort(out.peers, {}, &DesiredPeer::public_key);
  std::ranges::sort(out.kernel_routes);
  return out;
}

control::Route route_of(const config::Resources& resources, const config::Relay& relay,
                        const std::string& name, const config::Host& host) {
  control::Route route{.name = "host/" + name,
                       .pattern = HostPattern::parse(name).value(),
                       .port = config::public_port_of(resources, host),
                       .check = host.check,
                       .site = host.site,
                       .targets = config::targets_of(resources, host),
                       .drain = host.drain};
  if (relay.http_port && host.http) {
    route.http = {*relay.http_port, *host.http, *config::http_target_of(resources, host),
                  config::http_proxy_protocol_of(resources, host)};
  }
  route.proxy_protocol = config::proxy_protocol_of(resources, host);
  route.alpn = host.alpn;
  route.access = host.access;
  route.limits = host.limits;
  return route;
}

control::Table table_of(const config::Resources& resources, std::uint64_t revision) {
  const config::Relay relay = resources.relay.value_or(config::Relay{});
  control::Table out;
  out.revision = revision;
  out.settings = {relay.addresses, relay.timeouts, relay.limits, relay.privacy};
  out.settings.accept_proxy = relay.accept_proxy;
  out.settings.source_addresses = relay.source_addresses;
  out.settings.access = relay.access;
  if (out.settings.addresses.empty()) out.settings.addresses.push_back(any_address());
  out.routes.reserve(resources.hosts.size());
  for (const auto& [name, host] : resources.hosts) {
    // Validation leaves none of these.
    if (!config::target_of(resources, host) || !HostPattern::parse(name)) continue;
    out.routes.push_back(route_of(resources, relay, name, host));
  }
  return out;
}

}  // namespace

Desired build_desired(const config::Resources& resources, const NodeIdentity& node,
                      std::uint64_t revision) {
  return {interface_of(resources, node), node.public_key, table_of(resources, revision)};
}

}  // namespace adit::plan
