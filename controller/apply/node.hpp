// NodeContext: what is fixed about this node for the life of the controller: its settings, its key
// and its part of the tunnel's addresses.
#pragma once

#include <string>
#include <vector>

#include "common/result.hpp"
#include "controller/config/node_config.hpp"
#include "controller/config/validate.hpp"
#include "controller/plan/desired.hpp"
#include "controller/wireguard/key.hpp"

namespace adit::apply {

struct NodeContext {
  config::NodeConfig config;
  plan::NodeIdentity identity;
};

/// The node's key and its context. The key (wireguard.key) and the /48 (ula) are made in the state
/// folder at the first start and read afterwards.
struct NodeState {
  NodeContext context;
  wireguard::PrivateKey private_key;
};

Result<NodeState> load_node(const config::NodeConfig& config);

/// The networks of the machine's own links except `interface`; link-local ones are left out.
std::vector<IpPrefix> own_networks(const std::string& interface);

/// Whether `interface` may have IPv6 addresses: net.ipv6.conf.INTERFACE.disable_ipv6, that of
/// `default` for one that is not there yet; false in a kernel without IPv6 (ip-sysctl.rst).
bool has_ipv6(const std::string& interface);

/// HOST:PORT under which homes reach this node's WireGuard: as configured, else the first public
/// address (configured, or one of the machine's own that is not private). Empty: not known.
std::string wireguard_endpoint(const NodeContext& node, std::uint16_t listen_port);

}  // namespace adit::apply
