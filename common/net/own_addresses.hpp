// The addresses of this machine's own interfaces, and which of them others can reach.
#pragma once

#include <string>
#include <vector>

#include "common/net/ip_address.hpp"

namespace adit {

struct OwnAddress {
  std::string interface;
  IpAddress address;
  unsigned length = 0;  ///< of its network

  bool operator==(const OwnAddress&) const = default;
};

/// Every IPv4 and IPv6 address of every interface (getifaddrs(3)); empty if the kernel does not
/// say.
std::vector<OwnAddress> own_addresses();

/// 169.254.0.0/16 and fe80::/10.
bool is_link_local(const IpAddress& address);

/// Not one that only its own network can reach: RFC 1918, RFC 6598, fc00::/7, link-local, loopback.
bool is_public(const IpAddress& address);

}  // namespace adit
