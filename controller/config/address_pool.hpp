// The tunnel's address plan (DESIGN.md, "Addresses"): one /20 of the pool and one /64 of the ULA
// per node; .0.1 the VPS, .0.2–.0.9 its further source addresses, sites from .0.10, devices from
// .8.0. PURE.
#pragma once

#include "common/net/ip_address.hpp"
#include "controller/wireguard/backend.hpp"

namespace adit::config {

struct AddressPool {
  IpPrefix v4;  ///< this node's /20
  IpPrefix v6;  ///< this node's /64

  [[nodiscard]] IpAddress node_v4() const { return v4.address().plus(1); }

  [[nodiscard]] IpAddress node_v6() const { return v6.address().plus(1); }

  /// The site's IPv6 address goes with its IPv4 one: the same offset.
  [[nodiscard]] IpAddress v6_for(const IpAddress& v4_address) const;
  /// True for the part from which sites get theirs: .0.10 up to .7.255 of the /20.
  [[nodiscard]] bool is_site_address(const IpAddress& address) const;

  /// True for the VPS's further source addresses: .0.2 to .0.9 of the /20 and of the /64.
  [[nodiscard]] bool is_source_address(const IpAddress& address) const;

  [[nodiscard]] IpAddress first_site_address() const { return v4.address().plus(10); }

  [[nodiscard]] IpAddress last_site_address() const { return v4.address().plus(0x7ff); }

  bool operator==(const AddressPool&) const = default;
};

}  // namespace adit::config
