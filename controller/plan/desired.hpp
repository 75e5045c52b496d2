// What ought to be, computed from Resources alone: the WireGuard interface and the route table.
// PURE.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/control/messages.hpp"
#include "controller/config/address_pool.hpp"
#include "controller/config/resources.hpp"
#include "controller/wireguard/backend.hpp"

namespace adit::plan {

struct DesiredPeer {
  wireguard::PublicKey public_key;
  std::vector<IpPrefix> allowed_ips;  ///< tunnel addresses, then networks; sorted
  Seconds persistent_keepalive{25};
  std::string site;

  bool operator==(const DesiredPeer&) const = default;
};

struct DesiredInterface {
  std::string name;
  std::uint16_t listen_port = 51820;
  wireguard::PublicKey public_key;  ///< of the node's private key
  std::uint32_t mtu = 1420;
  std::vector<wireguard::InterfaceAddress> addresses;  ///< sorted
  std::vector<DesiredPeer> peers;                      ///< sorted by public key
  std::vector<IpPrefix> kernel_routes;                 ///< the sites' networks; sorted
  /// A source address of it that is no longer wanted stays: connections live by it.
  config::AddressPool pool;

  bool operator==(const DesiredInterface&) const = default;
};

struct Desired {
  /// nullopt until the first site has a key: then no privilege is needed.
  std::optional<DesiredInterface> interface;
  /// By which an interface that is no longer wanted is known to be ours.
  wireguard::PublicKey node_key;
  control::Table table;

  bool operator==(const Desired&) const = default;
};

/// What of the node enters the desired state.
struct NodeIdentity {
  std::string interface = "adit0";
  std::uint16_t listen_port = 51820;
  wireguard::PublicKey public_key;
  config::AddressPool pool;
};

/// Never fails for validated resources. `revision` stands in the table.
Desired build_desired(const config::Resources& resources, const NodeIdentity& node,
                      std::uint64_t revision);

}  // namespace adit::plan
