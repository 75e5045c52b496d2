// NodeFacts: what the machine itself has that a site may not have as well. PURE.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/net/ip_address.hpp"
#include "controller/config/address_pool.hpp"
#include "controller/wireguard/key.hpp"

namespace adit::config {

/// Facts about the machine that bound what may be written.
struct NodeFacts {
  AddressPool pool;
  std::vector<IpPrefix> own_networks;  ///< the VPS's own; a site's network must not overlap them
  std::optional<wireguard::PublicKey> node_key;  ///< the node's own; no site may have it
};

/// Why `address` cannot be a site's tunnel address on this node ("10.98.0.10 is not one of …"), or
/// "". What a site has already may come to clash: `tunnel:` was changed, or a link came later.
std::string clash_of_address(const IpAddress& address, const NodeFacts& facts);
/// Why `address` cannot be one to dial from, or "".
std::string clash_of_source_address(const IpAddress& address, const NodeFacts& facts);
/// The same of a site's network.
std::string clash_of_network(const IpPrefix& network, const NodeFacts& facts);

}  // namespace adit::config
