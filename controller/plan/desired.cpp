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
  out.addresses = {{node.pool.node_v4(), node.pool.v4.length()},
                   {node.pool.node_v6(), node.pool.v6.length()}};
  std::ranges::sort(out.addresses);
  std::ranges::sort(out.peers, {}, &DesiredPeer::public_key);
  std::ranges::sort(out.kernel_routes);
  return out;
}

void add_routes(const config::Resources& resources, const config::Relay& relay,
                const std::string& name, const config::Host& host, control::Table& out) {
  const auto target = config::target_of(resources, host);
  const auto pattern = HostPattern::parse(name);
  if (!target || !pattern) return;  // validation leaves none of these
  const std::uint16_t port = config::public_port_of(resources, host);
  out.routes.push_back(
      {"host/" + name, *pattern, port, host.site, {control::Target{*target, 1}}, host.drain});
  const auto http_target = config::http_target_of(resources, host);
  if (!relay.http_port || !host.http || !http_target) return;
  control::Route http{
      "http/" + name, *pattern, *relay.http_port, host.site, {control::Target{*http_target, 1}},
      host.drain};
  http.protocol = control::Protocol::Http;
  http.http = *host.http;
  http.https_port = port;
  out.routes.push_back(std::move(http));
}

control::Table table_of(const config::Resources& resources, std::uint64_t revision) {
  const config::Relay relay = resources.relay.value_or(config::Relay{});
  control::Table out;
  out.revision = revision;
  out.settings = {relay.addresses, relay.timeouts, relay.limits, relay.privacy};
  if (out.settings.addresses.empty()) out.settings.addresses.push_back(any_address());
  out.routes.reserve(2 * resources.hosts.size());
  for (const auto& [name, host] : resources.hosts) add_routes(resources, relay, name, host, out);
  return out;
}

}  // namespace

Desired build_desired(const config::Resources& resources, const NodeIdentity& node,
                      std::uint64_t revision) {
  return {interface_of(resources, node), node.public_key, table_of(resources, revision)};
}

}  // namespace adit::plan
