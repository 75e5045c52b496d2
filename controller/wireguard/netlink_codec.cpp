#include "controller/wireguard/netlink_codec.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/wireguard.h>
#include <sys/socket.h>

namespace adit::wireguard::netlink {
namespace {

/// Room that a peer without AllowedIPs takes at most: nest 4, key 36, flags 8, endpoint 32,
/// keepalive 8, AllowedIPs nest 4; and that one AllowedIP takes: nest 4, family 8, address 20,
/// mask 8.
constexpr std::size_t kPeerRoom = 92;
constexpr std::size_t kAllowedIpRoom = 40;

MessageWriter start(std::uint16_t family, std::uint16_t flags, std::uint8_t command,
                    std::uint8_t version) {
  const genlmsghdr header{command, version, 0};
  return {family, flags, {reinterpret_cast<const std::uint8_t*>(&header), sizeof header}};
}

/// Writes one DeviceChange into a row of messages, starting a new one where the room ends.
class SetWriter {
 public:
  SetWriter(std::uint16_t family, const DeviceChange& change)
      : family_(family), interface_(change.interface), writer_(start_message()) {
    if (change.private_key) writer_.attribute(WGDEVICE_A_PRIVATE_KEY, change.private_key->reveal());
    if (change.listen_port) writer_.u16(WGDEVICE_A_LISTEN_PORT, *change.listen_port);
    peers_mark_ = writer_.begin_nest(WGDEVICE_A_PEERS);
  }

  void peer(const PeerChange& change) {
    if (!has_room(kPeerRoom + kAllowedIpRoom)) next_message();
    std::span<const IpPrefix> rest;
    if (change.allowed_ips && !change.remove) rest = *change.allowed_ips;
    rest = write_peer(change, rest, true);
    while (!rest.empty()) {
      next_message();
      rest = write_peer(change, rest, false);
    }
  }

  std::vector<Message> take() {
    finish_message();
    return std::move(messages_);
  }

 private:
  MessageWriter start_message() const {
    auto writer = start(family_, NLM_F_REQUEST | NLM_F_ACK, WG_CMD_SET_DEVICE, WG_GENL_VERSION);
    writer.reserve(kMaxSetMessage);
    writer.text(WGDEVICE_A_IFNAME, interface_);
    return writer;
  }

  bool has_room(std::size_t size) const { return writer_.size() + size <= kMaxSetMessage; }

  void finish_message() {
    writer_.end_nest(peers_mark_);
    messages_.push_back(writer_.take());
  }

  void next_message() {
    finish_message();
    writer_ = start_message();
    peers_mark_ = writer_.begin_nest(WGDEVICE_A_PEERS);
  }

  /// Writes the peer with as many of `allowed_ips` as fit and returns the others. Only the first
  /// part replaces the set and carries the settings; the following ones append.
  std::span<const IpPrefix> write_peer(const PeerChange& change,
                                       std::span<const IpPrefix> allowed_ips, bool is_first) {
    const auto mark = writer_.begin_nest(0);
    writer_.attribute(WGPEER_A_PUBLIC_KEY, change.public_key.bytes);
    if (is_first) write_settings(change);
    const auto list = writer_.begin_nest(WGPEER_A_ALLOWEDIPS);
    while (!allowed_ips.empty() && has_room(kAllowedIpRoom)) {
      write_allowed_ip(allowed_ips.front());
      allowed_ips = allowed_ips.subspan(1);
    }
    writer_.end_nest(list);
    writer_.end_nest(mark);
    return allowed_ips;
  }

  void write_settings(const PeerChange& change) {
    if (change.remove) {
      writer_.u32(WGPEER_A_FLAGS, WGPEER_F_REMOVE_ME);
      return;
    }
    if (change.allowed_ips) writer_.u32(WGPEER_A_FLAGS, WGPEER_F_REPLACE_ALLOWEDIPS);
    if (change.persistent_keepalive) {
      writer_.u16(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL,
                  static_cast<std::uint16_t>(
                      std::clamp<std::int64_t>(change.persistent_keepalive->count(), 0, 0xffff)));
    }
    if (change.endpoint) {
      sockaddr_storage storage{};
      const auto size = change.endpoint->to_sockaddr(storage);
      writer_.attribute(WGPEER_A_ENDPOINT, {reinterpret_cast<const std::uint8_t*>(&storage), size});
    }
  }

  void write_allowed_ip(const IpPrefix& prefix) {
    const auto mark = writer_.begin_nest(0);
    writer_.u16(WGALLOWEDIP_A_FAMILY, prefix.address().is_v4() ? AF_INET : AF_INET6);
    writer_.address(WGALLOWEDIP_A_IPADDR, prefix.address());
    writer_.u8(WGALLOWEDIP_A_CIDR_MASK, static_cast<std::uint8_t>(prefix.length()));
    writer_.end_nest(mark);
  }

  std::uint16_t family_;
  std::string interface_;
  MessageWriter writer_;
  std::size_t peers_mark_ = 0;
  std::vector<Message> messages_;
};

std::optional<PublicKey> key_of(const Attribute& attribute) {
  PublicKey key;
  if (attribute.payload.size() != key.bytes.size()) return std::nullopt;
  std::copy(attribute.payload.begin(), attribute.payload.end(), key.bytes.begin());
  return key;
}

/// nullopt for one inside ::ffff:0:0/96, which IpPrefix cannot hold and adit never sets.
Result<std::optional<IpPrefix>> decode_allowed_ip(Bytes nest) {
  const auto attributes = parse_attributes(nest);
  if (!attributes) return fail(attributes.error());
  std::optional<IpAddress> address;
  std::optional<std::uint8_t> length;
  std::size_t size = 0;
  for (const auto& attribute : *attributes) {
    if (attribute.type == WGALLOWEDIP_A_IPADDR) {
      address = attribute.address();
      size = attribute.payload.size();
    }
    if (attribute.type == WGALLOWEDIP_A_CIDR_MASK) length = attribute.u8();
  }
  if (!address || !length || *length > 8 * size) {
    return fail(Errc::Protocol, "netlink: an AllowedIP without address or mask");
  }
  if (size == 16 && address->is_v4()) return std::nullopt;
  return IpPrefix(*address, *length);
}

Result<void> decode_allowed_ips(Bytes nest, std::vector<IpPrefix>& allowed_ips) {
  const auto items = parse_attributes(nest);
  if (!items) return fail(items.error());
  for (const auto& item : *items) {
    auto prefix = decode_allowed_ip(item.payload);
    if (!prefix) return fail(prefix.error());
    if (*prefix) allowed_ips.push_back(**prefix);
  }
  return {};
}

/// Endpoint: a raw sockaddr_in or sockaddr_in6; copied out because it may be unaligned.
std::optional<Endpoint> decode_endpoint(Bytes payload) {
  sockaddr_storage storage{};
  if (payload.size() > sizeof storage) return std::nullopt;
  std::memcpy(&storage, payload.data(), payload.size());
  auto endpoint = Endpoint::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage),
                                          static_cast<socklen_t>(payload.size()));
  if (!endpoint) return std::nullopt;
  return *endpoint;
}

Result<void> decode_peer_attribute(const Attribute& attribute, Peer& peer) {
  switch (attribute.type) {
    case WGPEER_A_ENDPOINT:
      peer.endpoint = decode_endpoint(attribute.payload);
      break;
    case WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL:
      peer.persistent_keepalive = Seconds(attribute.u16().value_or(0));
      break;
    case WGPEER_A_LAST_HANDSHAKE_TIME:  // seconds(8) nanoseconds(8), signed
      peer.latest_handshake = static_cast<std::int64_t>(attribute.u64().value_or(0));
      break;
    case WGPEER_A_RX_BYTES:
      peer.received_bytes = attribute.u64().value_or(0);
      break;
    case WGPEER_A_TX_BYTES:
      peer.sent_bytes = attribute.u64().value_or(0);
      break;
    case WGPEER_A_ALLOWEDIPS:
      return decode_allowed_ips(attribute.payload, peer.allowed_ips);
    default:
      break;
  }
  return {};
}

}  // namespace

Message encode_get_family(std::string_view name) {
  auto writer = start(GENL_ID_CTRL, NLM_F_REQUEST | NLM_F_ACK, CTRL_CMD_GETFAMILY, 1);
  writer.text(CTRL_ATTR_FAMILY_NAME, name);
  return writer.take();
}

Result<std::uint16_t> decode_get_family(const MessageView& message) {
  const auto attributes = parse_attributes(message.after_header(sizeof(genlmsghdr)));
  if (!attributes) return fail(attributes.error());
  for (const auto& attribute : *attributes) {
    if (attribute.type != CTRL_ATTR_FAMILY_ID) continue;
    if (const auto id = attribute.u16()) return *id;
  }
  return fail(Errc::Protocol, "netlink: the answer names no family id");
}

Message encode_get_device(std::uint16_t family, std::string_view interface) {
  auto writer =
      start(family, NLM_F_REQUEST | NLM_F_ACK | NLM_F_DUMP, WG_CMD_GET_DEVICE, WG_GENL_VERSION);
  writer.text(WGDEVICE_A_IFNAME, interface);
  return writer.take();
}

std::vector<Message> encode_set_device(std::uint16_t family, const DeviceChange& change) {
  SetWriter writer(family, change);
  for (const auto& peer : change.peers) writer.peer(peer);
  return writer.take();
}

Result<void> DeviceDump::add(const MessageView& message) {
  const auto attributes = parse_attributes(message.after_header(sizeof(genlmsghdr)));
  if (!attributes) return fail(attributes.error());
  for (const auto& attribute : *attributes) {
    switch (attribute.type) {
      case WGDEVICE_A_IFNAME:
        device_.interface = attribute.text();
        break;
      case WGDEVICE_A_LISTEN_PORT:
        device_.listen_port = attribute.u16().value_or(0);
        break;
      case WGDEVICE_A_PUBLIC_KEY:
        device_.public_key = key_of(attribute);
        break;
      case WGDEVICE_A_PEERS:
        if (auto added = add_peers(attribute.payload); !added) return added;
        break;
      default:  // the private key among them: it is not read
        break;
    }
  }
  return {};
}

Result<void> DeviceDump::add_peers(Bytes nest) {
  const auto peers = parse_attributes(nest);
  if (!peers) return fail(peers.error());
  for (const auto& peer : *peers) {
    if (auto added = add_peer(peer.payload); !added) return added;
  }
  return {};
}

Result<void> DeviceDump::add_peer(Bytes nest) {
  const auto attributes = parse_attributes(nest);
  if (!attributes) return fail(attributes.error());
  // The key first, wherever it stands: it says to which peer the rest belongs.
  std::optional<PublicKey> key;
  for (const auto& attribute : *attributes) {
    if (attribute.type == WGPEER_A_PUBLIC_KEY) key = key_of(attribute);
  }
  if (!key) return fail(Errc::Protocol, "netlink: a peer without a public key");
  Peer& peer = peers_[*key];
  peer.public_key = *key;
  for (const auto& attribute : *attributes) {
    if (auto decoded = decode_peer_attribute(attribute, peer); !decoded) return decoded;
  }
  return {};
}

Device DeviceDump::take() {
  Device device = std::exchange(device_, {});
  for (auto& [key, peer] : peers_) {
    std::sort(peer.allowed_ips.begin(), peer.allowed_ips.end());
    device.peers.push_back(std::move(peer));
  }
  peers_.clear();
  return device;
}

}  // namespace adit::wireguard::netlink
