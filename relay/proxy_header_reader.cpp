#include "relay/proxy_header_reader.hpp"

#include <algorithm>
#include <charconv>

#include "common/bytes/byte_reader.hpp"
#include "relay/crc32c.hpp"

namespace adit::relay {

namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::string_view kLineStart = "PROXY ";
constexpr std::size_t kFixedBytes = 16;  // of version 2: signature, command, family, length
constexpr std::uint8_t kLocalCommand = 0x20;
constexpr std::uint8_t kProxyCommand = 0x21;
constexpr unsigned kLastFamily = 3;     // UNSPEC, INET, INET6, UNIX
constexpr unsigned kLastTransport = 2;  // UNSPEC, STREAM, DGRAM

std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Whether `bytes` may go on to be `start`, or begin with it.
bool may_begin_with(Bytes bytes, Bytes start) {
  const std::size_t size = std::min(bytes.size(), start.size());
  return std::equal(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size),
                    start.begin());
}

/// Takes the word before the next space; the whole rest where there is none.
std::string_view take_word(std::string_view& rest) {
  const std::size_t space = rest.find(' ');
  const std::string_view word = rest.substr(0, space);
  // Behind the last word nothing is left, and the next one is empty, which is no valid anything.
  rest = space == std::string_view::npos ? std::string_view() : rest.substr(space + 1);
  return word;
}

/// Decimal, 0 to 65535, no zero in front.
std::optional<std::uint16_t> parse_port(std::string_view word) {
  if (word.empty() || (word.size() > 1 && word.front() == '0')) return std::nullopt;
  std::uint16_t port = 0;
  const char* const last = word.data() + word.size();
  const auto [end, error] = std::from_chars(word.data(), last, port);
  if (error != std::errc() || end != last) return std::nullopt;
  return port;
}

std::optional<IpAddress> parse_address(std::string_view word, bool is_v4) {
  // A mapped address is text of IPv6 that becomes an IPv4 value.
  const bool is_text_of_v4 = word.find(':') == std::string_view::npos;
  const auto address = IpAddress::parse(word);
  if (!address || is_text_of_v4 != is_v4) return std::nullopt;
  return *address;
}

/// source | destination | port u16 | port u16, addresses of `size` bytes.
ProxyAddresses read_addresses(Bytes block, std::size_t size) {
  ByteReader in(block);
  const IpAddress source(*in.bytes(size));
  const IpAddress destination(*in.bytes(size));
  const std::uint16_t source_port = *in.u16();
  return {{source, source_port}, {destination, *in.u16()}};
}

/// How long the address block of a family is (§2.2); nothing for UNSPEC.
std::optional<std::size_t> block_bytes(unsigned family) {
  constexpr std::size_t kPorts = 4;
  if (family == 1) return 2 * 4 + kPorts;
  if (family == 2) return 2 * 16 + kPorts;
  if (family == 3) return 2 * 108;
  return std::nullopt;
}

/// §2.2.3: of the header with the four bytes at `at` taken for zero.
bool is_checksum_right(Bytes header, std::size_t at) {
  constexpr std::array<std::uint8_t, 4> kZero{};
  const std::uint32_t sum = crc32c(header.subspan(at + 4), crc32c(kZero, crc32c(header.first(at))));
  return sum == *ByteReader(header.subspan(at)).u32();
}

/// The values behind the addresses: whole, and at most one checksum, which is right.
bool are_values_good(Bytes header, std::size_t values_at) {
  ByteReader in(header.subspan(values_at));
  bool has_checksum = false;
  while (!in.is_at_end()) {
    const auto type = in.u8();
    const auto value = in.vector16();
    if (!type || !value) return false;
    if (*type != static_cast<std::uint8_t>(ProxyTlv::Crc32c)) continue;
    if (has_checksum || value->size() != 4) return false;
    has_checksum = true;
    const std::size_t at = header.size() - in.remaining() - value->size();
    if (!is_checksum_right(header, at)) return false;
  }
  return true;
}

}  // namespace

ProxyStatus ProxyHeaderReader::feed(Bytes all_bytes_so_far) {
  if (status_ != ProxyStatus::NeedMore || all_bytes_so_far.empty()) return status_;
  const Bytes line_start(reinterpret_cast<const std::uint8_t*>(kLineStart.data()),
                         kLineStart.size());
  if (may_begin_with(all_bytes_so_far, line_start)) {
    status_ = read_line(all_bytes_so_far);
  } else if (may_begin_with(all_bytes_so_far, kProxySignature)) {
    status_ = read_binary(all_bytes_so_far);
  } else {
    status_ = ProxyStatus::Missing;
  }
  return status_;
}

/// §2.1: nothing is decoded before the CRLF is there; a CR or LF alone does not end the line.
ProxyStatus ProxyHeaderReader::read_line(Bytes all) {
  const std::string_view text = text_of(all.first(std::min(all.size(), kMaxProxyLineBytes)));
  const std::size_t end = text.find_first_of("\r\n");
  if (end == std::string_view::npos || end + 1 == text.size()) {
    if (end != std::string_view::npos && text[end] == '\n') return ProxyStatus::Malformed;
    return text.size() < kMaxProxyLineBytes ? ProxyStatus::NeedMore : ProxyStatus::TooLong;
  }
  if (text.substr(end, 2) != "\r\n") return ProxyStatus::Malformed;
  size_ = end + 2;
  return parse_line(text.substr(0, end));
}

ProxyStatus ProxyHeaderReader::parse_line(std::string_view line) {
  if (!line.starts_with(kLineStart)) return ProxyStatus::Malformed;
  std::string_view rest = line.substr(kLineStart.size());
  const std::string_view protocol = take_word(rest);
  if (protocol == "UNKNOWN") return ProxyStatus::Complete;  // what follows is ignored
  if (protocol != "TCP4" && protocol != "TCP6") return ProxyStatus::Malformed;
  const bool is_v4 = protocol == "TCP4";
  const auto source = parse_address(take_word(rest), is_v4);
  const auto destination = parse_address(take_word(rest), is_v4);
  const auto source_port = parse_port(take_word(rest));
  const auto destination_port = parse_port(rest);
  if (!source || !destination || !source_port || !destination_port) return ProxyStatus::Malformed;
  addresses_ = {{*source, *source_port}, {*destination, *destination_port}};
  return ProxyStatus::Complete;
}

/// §2.2: each byte of the fixed part is judged as soon as it is here.
ProxyStatus ProxyHeaderReader::read_binary(Bytes all) {
  if (all.size() > 12 && all[12] != kLocalCommand && all[12] != kProxyCommand) {
    return ProxyStatus::Malformed;
  }
  if (all.size() > 13 &&
      (unsigned{all[13]} >> 4 > kLastFamily || (all[13] & 0xf) > kLastTransport)) {
    return ProxyStatus::Malformed;
  }
  if (all.size() < kFixedBytes) return ProxyStatus::NeedMore;
  const std::size_t size = kFixedBytes + ((std::size_t{all[14]} << 8) | all[15]);
  if (size > kMaxProxyHeaderBytes) return ProxyStatus::TooLong;
  if (all.size() < size) return ProxyStatus::NeedMore;
  size_ = size;
  return parse_body(all[12], all[13], all.first(size));
}

ProxyStatus ProxyHeaderReader::parse_body(std::uint8_t command, std::uint8_t family, Bytes header) {
  // LOCAL: the block is discarded, its family ignored.
  if (command == kLocalCommand) return ProxyStatus::Complete;
  const auto block = block_bytes(unsigned{family} >> 4);
  if (!block) return ProxyStatus::Complete;  // where values would begin is not known
  if (header.size() < kFixedBytes + *block) return ProxyStatus::Malformed;
  if (!are_values_good(header, kFixedBytes + *block)) return ProxyStatus::Malformed;
  constexpr std::uint8_t kTcpOverIpv4 = 0x11;
  constexpr std::uint8_t kTcpOverIpv6 = 0x21;
  if (family == kTcpOverIpv4) addresses_ = read_addresses(header.subspan(kFixedBytes), 4);
  if (family == kTcpOverIpv6) addresses_ = read_addresses(header.subspan(kFixedBytes), 16);
  return ProxyStatus::Complete;
}

}  // namespace adit::relay
