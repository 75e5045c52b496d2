// The home's side of a tunnel as configuration text for stock WireGuard. PURE. The home's private
// key is never known here: its place is a line to fill in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.hpp"
#include "common/net/ip_address.hpp"
#include "controller/wireguard/backend.hpp"
#include "controller/wireguard/key.hpp"

namespace adit::wireguard {

struct SiteConfigInput {
  std::string site;  ///< the site's name
  std::vector<InterfaceAddress>
      addresses;  ///< the home's tunnel addresses: 10.98.0.10/32, fd…::a/128
  PublicKey node_public_key;
  std::string endpoint;               ///< HOST:PORT, [IPv6]:PORT; as it shall stand there
  std::vector<IpPrefix> allowed_ips;  ///< the node's whole /20 and /64
  Seconds persistent_keepalive{25};   ///< 0: the line is left out
  std::optional<std::uint32_t> mtu;   ///< nullopt: wg-quick works it out
  bool has_public_key = false;        ///< adit knows the home's public key already
};

/// A wg-quick(8) file, with comments that say what to fill in and which command comes next.
std::string render_wg_quick(const SiteConfigInput& input);

}  // namespace adit::wireguard
