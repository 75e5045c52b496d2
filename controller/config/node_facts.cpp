#include "controller/config/node_facts.hpp"

#include <array>

#include <fmt/format.h>

namespace adit::config {

namespace {

/// All that this node and later ones take their tunnel addresses from: 10.98.0.0/16 and the ULA's
/// /48, unless the node's part was put elsewhere.
std::array<IpPrefix, 2> tunnel_space(const AddressPool& pool) {
  static const IpPrefix kPool4 = *IpPrefix::parse("10.98.0.0/16");
  static const IpPrefix kUla = *IpPrefix::parse("fc00::/7");
  return {kPool4.contains(pool.v4) ? kPool4 : pool.v4,
          kUla.contains(pool.v6) ? IpPrefix(pool.v6.address(), 48) : pool.v6};
}

}  // namespace

std::string clash_of_address(const IpAddress& address, const NodeFacts& facts) {
  if (facts.pool.is_site_address(address)) return {};
  return fmt::format("{} is not one of this node's site addresses, {} to {}", address,
                     facts.pool.first_site_address(), facts.pool.last_site_address());
}

std::string clash_of_source_address(const IpAddress& address, const NodeFacts& facts) {
  static const IpPrefix kMulticast4 = *IpPrefix::parse("224.0.0.0/4");
  static const IpPrefix kMulticast6 = *IpPrefix::parse("ff00::/8");
  const bool is_multicast = kMulticast4.contains(address) || kMulticast6.contains(address);
  if (address.is_unspecified() || is_multicast) {
    return fmt::format("{} is no address to dial from", address);
  }
  const IpPrefix& pool = address.is_v4() ? facts.pool.v4 : facts.pool.v6;
  if (!pool.contains(address) || facts.pool.is_source_address(address)) return {};
  return fmt::format("{} is not one of this node's source addresses, {} to {}", address,
                     pool.address().plus(2), pool.address().plus(9));
}

std::string clash_of_network(const IpPrefix& network, const NodeFacts& facts) {
  for (const IpPrefix& pool : tunnel_space(facts.pool)) {
    if (network.overlaps(pool)) {
      return fmt::format("{} overlaps {}, the tunnel's own addresses", network, pool);
    }
  }
  for (const IpPrefix& own : facts.own_networks) {
    if (network.overlaps(own)) {
      return fmt::format("{} overlaps {}, a network of this VPS", network, own);
    }
  }
  return {};
}

}  // namespace adit::config
