#include "relay/server_name.hpp"

#include <bitset>
#include <string_view>

#include "common/bytes/byte_reader.hpp"
#include "common/net/ip_address.hpp"

namespace adit::relay {

namespace {

constexpr std::uint8_t kHostNameType = 0;

/// "192.0.2.1", "192.0.2.1.", "2001:db8::1", "[2001:db8::1]". The cheap tests come first: nearly
/// every name is none of these.
bool is_ip_literal(std::string_view text) {
  if (text.find(':') != std::string_view::npos) {
    const bool is_bracketed = text.front() == '[' && text.back() == ']';
    if (is_bracketed) text = text.substr(1, text.size() - 2);
    return IpAddress::parse(text).has_value();
  }
  if (text.ends_with('.')) text.remove_suffix(1);
  const bool ends_in_digit = !text.empty() && text.back() >= '0' && text.back() <= '9';
  return ends_in_digit && IpAddress::parse(text).has_value();
}

ServerName malformed(Alert alert) {
  return {ServerNameKind::Malformed, std::nullopt, alert};
}

}  // namespace

ServerName parse_server_name(std::span<const std::uint8_t> host_name) {
  const std::string_view text(reinterpret_cast<const char*>(host_name.data()), host_name.size());
  if (is_ip_literal(text)) return {ServerNameKind::IpLiteral, std::nullopt, Alert::DecodeError};
  auto name = HostName::parse(text);
  if (!name) return malformed(Alert::DecodeError);
  return {ServerNameKind::Name, std::move(*name), Alert::DecodeError};
}

ServerName parse_server_name_extension(std::span<const std::uint8_t> body) {
  ByteReader extension(body);
  const auto list = extension.vector16();
  if (!list || list->empty() || !extension.is_at_end()) return malformed(Alert::DecodeError);
  ServerName found{ServerNameKind::NoName, std::nullopt, Alert::DecodeError};
  std::bitset<256> seen;
  ByteReader in(*list);
  while (!in.is_at_end()) {
    const auto type = in.u8();
    const auto name = in.vector16();
    if (!type || !name) return malformed(Alert::DecodeError);
    if (seen.test(*type)) return malformed(Alert::IllegalParameter);
    seen.set(*type);
    if (*type == kHostNameType) found = parse_server_name(*name);
    if (found.kind == ServerNameKind::Malformed) return found;
  }
  return found;
}

}  // namespace adit::relay
