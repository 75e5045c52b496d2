// A WireGuard interface and its peers as plain values, in wg(8)'s words: what is observed and what
// is to be changed. PURE. How they travel: netlink_codec.hpp (kernel) and uapi_codec.hpp
// (userspace).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.hpp"
#include "common/net/ip_address.hpp"
#include "controller/wireguard/key.hpp"

namespace adit::wireguard {

/// A peer as the interface reports it.
struct Peer {
  PublicKey public_key;
  std::optional<Endpoint> endpoint;
  std::vector<IpPrefix> allowed_ips;  ///< sorted
  Seconds persistent_keepalive{0};    ///< 0: off
  std::int64_t latest_handshake = 0;  ///< seconds since 1970; 0: never
  std::uint64_t received_bytes = 0;
  std::uint64_t sent_bytes = 0;

  bool operator==(const Peer&) const = default;
};

/// An interface as it is. The private key is not read back; its public key tells whether it is
/// ours.
struct Device {
  std::string interface;
  std::uint16_t listen_port = 0;
  std::optional<PublicKey> public_key;  ///< nullopt: no private key set yet
  std::vector<Peer> peers;              ///< sorted by public key

  bool operator==(const Device&) const = default;
};

/// One change of one peer; the others, and their handshakes, are not touched.
struct PeerChange {
  PublicKey public_key;
  bool remove = false;
  /// Replaces the whole set when given. Moving a prefix between peers is the kernel's business: the
  /// last wins.
  std::optional<std::vector<IpPrefix>> allowed_ips;
  std::optional<Seconds> persistent_keepalive;
  std::optional<Endpoint> endpoint;

  bool operator==(const PeerChange&) const = default;
};

/// What to set on an interface; absent members stay as they are.
struct DeviceChange {
  std::string interface;
  std::optional<PrivateKey> private_key;
  std::optional<std::uint16_t> listen_port;
  std::vector<PeerChange> peers;
};

}  // namespace adit::wireguard
