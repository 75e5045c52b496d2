// The node's own settings, /etc/adit/controller.yaml: sockets, state folder, WireGuard interface
// and endpoint. Every key is optional; no file at all means every default.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/net/ip_address.hpp"
#include "controller/config/address_pool.hpp"
#include "controller/config/problem.hpp"

namespace adit::config {

struct NodeConfig {
  std::string control_socket = "/run/adit/control.sock";
  std::string relay_socket = "/run/adit-relay/relay.sock";
  std::string state_dir = "/var/lib/adit";
  std::string interface = "adit0";    ///< key `interface:`
  std::uint16_t listen_port = 51820;  ///< key `listen_port:`; 0 lets the kernel choose
  std::optional<std::string>
      endpoint;  ///< key `endpoint:` HOST or HOST:PORT for generated configurations
  std::vector<IpAddress> public_addresses;  ///< key `public_addresses:`
  std::optional<IpPrefix> tunnel_v4;  ///< key `tunnel: {ipv4: 10.98.0.0/20, ipv6: fd…::/64}`
  std::optional<IpPrefix>
      tunnel_v6;  ///< default: a ULA /48 generated once and kept in the state folder
  std::string wireguard_go =
      "wireguard-go";  ///< key `wireguard_go:` program for machines without kernel WireGuard
  std::string uapi_dir = "/var/run/wireguard";  ///< key `uapi_dir:`

  bool operator==(const NodeConfig&) const = default;
};

/// This node's part of the tunnel: what is written, else 10.98.0.0/20 and the first /64 of `ula`
/// (the /48 kept in the state folder).
AddressPool address_pool(const NodeConfig& config, const IpPrefix& ula);

/// `text` of the file at `path`. Paths must be absolute; `metrics:`, `watch:` and `store:` are "not
/// in this version".
Checked<NodeConfig> read_node_config(const std::string& path, const std::string& text);

}  // namespace adit::config
