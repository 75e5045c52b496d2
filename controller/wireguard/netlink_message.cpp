#include "controller/wireguard/netlink_message.hpp"

#include <cassert>
#include <cstring>
#include <utility>

#include <linux/netlink.h>

namespace adit::wireguard::netlink {
namespace {

constexpr std::size_t kHeaderSize = sizeof(nlmsghdr);
constexpr std::size_t kAttributeHeaderSize = sizeof(nlattr);

constexpr std::size_t aligned(std::size_t size) {
  return (size + 3) & ~std::size_t{3};
}

template <class T>
std::optional<T> read(Bytes bytes, std::size_t offset = 0) {
  if (bytes.size() < offset || bytes.size() - offset < sizeof(T)) return std::nullopt;
  T value{};
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

template <class T>
Bytes bytes_of(const T& value) {
  return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
}

}  // namespace

MessageWriter::MessageWriter(std::uint16_t type, std::uint16_t flags, Bytes family_header) {
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = flags;
  const auto raw = bytes_of(header);
  bytes_.insert(bytes_.end(), raw.begin(), raw.end());
  bytes_.insert(bytes_.end(), family_header.begin(), family_header.end());
  pad();
}

void MessageWriter::pad() {
  bytes_.resize(aligned(bytes_.size()));
}

void MessageWriter::attribute(std::uint16_t type, Bytes payload) {
  assert(payload.size() + kAttributeHeaderSize <= 0xffff);
  nlattr header{};
  header.nla_len = static_cast<std::uint16_t>(kAttributeHeaderSize + payload.size());
  header.nla_type = type;
  const auto raw = bytes_of(header);
  bytes_.insert(bytes_.end(), raw.begin(), raw.end());
  bytes_.insert(bytes_.end(), payload.begin(), payload.end());
  pad();
}

void MessageWriter::u8(std::uint16_t type, std::uint8_t value) {
  attribute(type, bytes_of(value));
}

void MessageWriter::u16(std::uint16_t type, std::uint16_t value) {
  attribute(type, bytes_of(value));
}

void MessageWriter::u32(std::uint16_t type, std::uint32_t value) {
  attribute(type, bytes_of(value));
}

void MessageWriter::text(std::uint16_t type, std::string_view value) {
  const std::string terminated(value);
  attribute(type, {reinterpret_cast<const std::uint8_t*>(terminated.c_str()), value.size() + 1});
}

std::size_t MessageWriter::begin_nest(std::uint16_t type) {
  const auto mark = bytes_.size();
  attribute(static_cast<std::uint16_t>(type | NLA_F_NESTED), {});
  return mark;
}

void MessageWriter::end_nest(std::size_t mark) {
  const auto size = bytes_.size() - mark;
  assert(size <= 0xffff);
  const auto length = static_cast<std::uint16_t>(size);
  std::memcpy(bytes_.data() + mark, &length, sizeof length);
}

Message MessageWriter::take() {
  const auto length = static_cast<std::uint32_t>(bytes_.size());
  std::memcpy(bytes_.data(), &length, sizeof length);
  return std::exchange(bytes_, {});
}

void set_sequence(Message& message, std::uint32_t sequence) {
  assert(message.size() >= kHeaderSize);
  std::memcpy(message.data() + offsetof(nlmsghdr, nlmsg_seq), &sequence, sizeof sequence);
}

std::optional<std::uint8_t> Attribute::u8() const {
  return read<std::uint8_t>(payload);
}

std::optional<std::uint16_t> Attribute::u16() const {
  return read<std::uint16_t>(payload);
}

std::optional<std::uint32_t> Attribute::u32() const {
  return read<std::uint32_t>(payload);
}

std::optional<std::uint64_t> Attribute::u64() const {
  return read<std::uint64_t>(payload);
}

std::string_view Attribute::text() const {
  const std::string_view all(reinterpret_cast<const char*>(payload.data()), payload.size());
  return all.substr(0, all.find('\0'));
}

std::optional<IpAddress> Attribute::address() const {
  if (payload.size() != 4 && payload.size() != 16) return std::nullopt;
  return IpAddress(payload);
}

Result<std::vector<Attribute>> parse_attributes(Bytes bytes) {
  std::vector<Attribute> attributes;
  while (bytes.size() >= kAttributeHeaderSize) {
    const auto header = *read<nlattr>(bytes);
    if (header.nla_len < kAttributeHeaderSize || header.nla_len > bytes.size()) {
      return fail(Errc::Protocol, "netlink: an attribute's length does not fit its message");
    }
    const auto type = static_cast<std::uint16_t>(header.nla_type & NLA_TYPE_MASK);
    attributes.push_back(
        {type, bytes.subspan(kAttributeHeaderSize, header.nla_len - kAttributeHeaderSize)});
    bytes = bytes.subspan(std::min(aligned(header.nla_len), bytes.size()));
  }
  return attributes;
}

Bytes MessageView::after_header(std::size_t size) const {
  return payload.subspan(std::min(aligned(size), payload.size()));
}

Result<std::vector<MessageView>> split_datagram(Bytes datagram) {
  std::vector<MessageView> messages;
  while (!datagram.empty()) {
    const auto header = read<nlmsghdr>(datagram);
    if (!header || header->nlmsg_len < kHeaderSize || header->nlmsg_len > datagram.size()) {
      return fail(Errc::Protocol, "netlink: a message's length does not fit its datagram");
    }
    messages.push_back({header->nlmsg_type, header->nlmsg_flags, header->nlmsg_seq,
                        datagram.subspan(kHeaderSize, header->nlmsg_len - kHeaderSize)});
    datagram = datagram.subspan(std::min(aligned(header->nlmsg_len), datagram.size()));
  }
  return messages;
}

Result<Acknowledgement> parse_acknowledgement(const MessageView& message) {
  const auto code = read<std::int32_t>(message.payload);
  if (!code) {
    // A NLMSG_DONE of an old kernel may carry nothing; an error without a number is nonsense.
    if (message.type == NLMSG_DONE) return Acknowledgement{};
    return fail(Errc::Protocol, "netlink: an acknowledgement without a status");
  }
  Acknowledgement result;
  result.sys_errno = *code < 0 && *code >= -4095 ? -*code : 0;
  if ((message.flags & NLM_F_ACK_TLVS) == 0) return result;
  // NLMSG_ERROR repeats our request (its header alone when capped) before the attributes.
  std::size_t skipped = sizeof(std::int32_t);
  if (message.type == NLMSG_ERROR) {
    const auto request = read<nlmsghdr>(message.payload, skipped);
    if (!request) return result;
    const bool capped = (message.flags & NLM_F_CAPPED) != 0;
    skipped += capped ? kHeaderSize : std::max(kHeaderSize, std::size_t{request->nlmsg_len});
  }
  const auto attributes = parse_attributes(message.after_header(skipped));
  if (!attributes) return result;  // the number is what counts
  for (const auto& attribute : *attributes) {
    if (attribute.type == NLMSGERR_ATTR_MSG) result.text = attribute.text();
  }
  return result;
}

}  // namespace adit::wireguard::netlink
