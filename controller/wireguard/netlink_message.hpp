// Netlink's own layout, both ways: message header, aligned attributes, nests, acknowledgements with
// the kernel's extended text. PURE; every read is bounds-checked. Integers are in host byte order
// except where a field says otherwise.
//
//   nlmsghdr: length(4) type(2) flags(2) sequence(4) port id(4), family header, attributes…
//   nlattr:   length(2) type(2) payload, padded to 4 bytes (length counts header and payload)
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/ip_address.hpp"
#include "common/result.hpp"

namespace adit::wireguard::netlink {

using Bytes = std::span<const std::uint8_t>;
/// One whole message, ready to be sent; its sequence number is set by whoever sends it.
using Message = std::vector<std::uint8_t>;

/// Builds one message. A nest that is begun must be ended, the inner one first.
class MessageWriter {
 public:
  /// Starts with the message header and `family_header` (genlmsghdr, ifinfomsg, …).
  MessageWriter(std::uint16_t type, std::uint16_t flags, Bytes family_header);

  /// Makes room for a message of `size` bytes: one that holds a secret must not grow after it, or a
  /// copy stays behind where it was.
  void reserve(std::size_t size) { bytes_.reserve(size); }

  void attribute(std::uint16_t type, Bytes payload);
  void u8(std::uint16_t type, std::uint8_t value);
  void u16(std::uint16_t type, std::uint16_t value);
  void u32(std::uint16_t type, std::uint32_t value);
  /// With the terminating NUL.
  void text(std::uint16_t type, std::string_view value);

  void address(std::uint16_t type, const IpAddress& value) { attribute(type, value.bytes()); }

  /// Returns the mark that end_nest needs.
  [[nodiscard]] std::size_t begin_nest(std::uint16_t type);
  /// The nest must be shorter than 64 KiB: its length has 16 bits.
  void end_nest(std::size_t mark);

  [[nodiscard]] std::size_t size() const { return bytes_.size(); }

  /// The finished message; the writer is empty afterwards.
  [[nodiscard]] Message take();

 private:
  void pad();

  Message bytes_;
};

/// Sets the sequence number of a finished message.
void set_sequence(Message& message, std::uint32_t sequence);

/// An attribute, borrowed from the message. The flag bits of its type are taken off.
struct Attribute {
  std::uint16_t type = 0;
  Bytes payload;

  /// nullopt when the payload is shorter than the integer.
  [[nodiscard]] std::optional<std::uint8_t> u8() const;
  [[nodiscard]] std::optional<std::uint16_t> u16() const;
  [[nodiscard]] std::optional<std::uint32_t> u32() const;
  [[nodiscard]] std::optional<std::uint64_t> u64() const;
  /// Up to the first NUL or the end.
  [[nodiscard]] std::string_view text() const;
  /// nullopt unless it is 4 or 16 bytes long.
  [[nodiscard]] std::optional<IpAddress> address() const;
};

/// All attributes in `bytes`. Errc::Protocol when a length does not fit.
Result<std::vector<Attribute>> parse_attributes(Bytes bytes);

/// One message of a datagram, borrowed from it. `payload` begins with the family header.
struct MessageView {
  std::uint16_t type = 0;
  std::uint16_t flags = 0;
  std::uint32_t sequence = 0;
  Bytes payload;

  /// What follows a family header of `size` bytes (rounded up to 4); empty if it is not there.
  [[nodiscard]] Bytes after_header(std::size_t size) const;
};

/// Errc::Protocol when a length does not fit.
Result<std::vector<MessageView>> split_datagram(Bytes datagram);

/// What NLMSG_ERROR or NLMSG_DONE says.
struct Acknowledgement {
  int sys_errno = 0;  ///< 0: done; otherwise positive
  std::string text;   ///< the kernel's extended text, often empty
};

/// `message` is an NLMSG_ERROR or NLMSG_DONE.
Result<Acknowledgement> parse_acknowledgement(const MessageView& message);

}  // namespace adit::wireguard::netlink
