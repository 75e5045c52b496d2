// The "wireguard" generic netlink family and the controller family that tells its number: bytes <->
// values. PURE. Layouts: linux/wireguard.h (its comment is the protocol) and linux/genetlink.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.hpp"
#include "controller/wireguard/device.hpp"
#include "controller/wireguard/netlink_message.hpp"

namespace adit::wireguard::netlink {

/// No message of encode_set_device is longer, and so no nest: their lengths have 16 bits.
inline constexpr std::size_t kMaxSetMessage = 32 * 1024;

/// CTRL_CMD_GETFAMILY for `name`; the kernel loads the family's module if it has one.
Message encode_get_family(std::string_view name);
/// The family's id from the answer; Errc::Protocol if it is not there.
Result<std::uint16_t> decode_get_family(const MessageView& message);

/// WG_CMD_GET_DEVICE as a dump.
Message encode_get_device(std::uint16_t family, std::string_view interface);

/// WG_CMD_SET_DEVICE, in as many messages as kMaxSetMessage asks for, to be sent in order. The
/// first has the device's own settings; a peer with more AllowedIPs than fit goes on in the next
/// message, where they are appended. Device flags are never set: other peers are not touched.
/// The first message holds the private key if there is one: the caller wipes it.
std::vector<Message> encode_set_device(std::uint16_t family, const DeviceChange& change);

/// Puts the messages of one dump together: a peer whose AllowedIPs fill several messages comes
/// again under the same public key. Attributes come in any order; unknown ones are skipped.
class DeviceDump {
 public:
  Result<void> add(const MessageView& message);
  /// The device as read so far: peers and AllowedIPs sorted.
  [[nodiscard]] Device take();

 private:
  Result<void> add_peers(Bytes nest);
  Result<void> add_peer(Bytes nest);

  Device device_;
  std::map<PublicKey, Peer> peers_;
};

}  // namespace adit::wireguard::netlink
