#include "controller/wireguard/uapi_codec.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>

#include <fmt/format.h>

#include "controller/secrets/wipe.hpp"

namespace adit::wireguard::uapi {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

void append_hex(std::string& text, const KeyBytes& bytes) {
  for (const auto byte : bytes) {
    text += kHexDigits[byte >> 4];
    text += kHexDigits[byte & 0xf];
  }
}

std::optional<KeyBytes> parse_hex(std::string_view text) {
  KeyBytes bytes{};
  if (text.size() != 2 * bytes.size()) return std::nullopt;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto high = kHexDigits.find(text[2 * i]);
    const auto low = kHexDigits.find(text[2 * i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return bytes;
}

template <class Number>
bool parse_number(std::string_view text, Number& number) {
  const auto* const end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(text.data(), end, number);
  return code == std::errc{} && stop == end;
}

/// "10.0.0.1:51820" or "[2001:db8::1]:51820"; a zone ("%eth0" of a link-local one) is left out.
std::optional<Endpoint> parse_endpoint(std::string_view text) {
  std::string plain(text);
  const auto zone = plain.find('%');
  if (zone != std::string::npos) plain.erase(zone, plain.find(']', zone) - zone);
  const auto endpoint = Endpoint::parse(plain);
  if (!endpoint) return std::nullopt;
  return *endpoint;
}

/// Reads the lines of one `get` answer in order; a peer's lines follow its public_key.
class GetParser {
 public:
  explicit GetParser(std::string_view interface) { device_.interface = interface; }

  /// False if the value cannot be read.
  bool line(std::string_view key, std::string_view value) {
    if (key == "public_key") return begin_peer(value);
    return device_.peers.empty() ? device_line(key, value)
                                 : peer_line(device_.peers.back(), key, value);
  }

  Device take() {
    for (auto& peer : device_.peers) {
      std::sort(peer.allowed_ips.begin(), peer.allowed_ips.end());
    }
    std::sort(device_.peers.begin(), device_.peers.end(),
              [](const Peer& a, const Peer& b) { return a.public_key < b.public_key; });
    return std::move(device_);
  }

 private:
  bool begin_peer(std::string_view value) {
    const auto bytes = parse_hex(value);
    if (!bytes) return false;
    device_.peers.emplace_back().public_key = PublicKey{*bytes};
    return true;
  }

  bool device_line(std::string_view key, std::string_view value) {
    if (key == "listen_port") return parse_number(value, device_.listen_port);
    if (key != "private_key") return true;
    auto bytes = parse_hex(value);
    if (!bytes) return false;
    const secrets::WipeAtExit wiper(*bytes);
    if (*bytes == KeyBytes{}) return true;  // all zero: none is set
    const auto public_key = PrivateKey::from_bytes(*bytes).public_key();
    if (!public_key) return false;
    device_.public_key = *public_key;
    return true;
  }

  static bool peer_line(Peer& peer, std::string_view key, std::string_view value) {
    if (key == "endpoint") {
      peer.endpoint = parse_endpoint(value);
      return peer.endpoint.has_value();
    }
    if (key == "allowed_ip") {
      const auto prefix = IpPrefix::parse(value);
      if (prefix) peer.allowed_ips.push_back(*prefix);
      return prefix.has_value();
    }
    if (key == "persistent_keepalive_interval") {
      std::uint16_t seconds = 0;
      const bool is_number = parse_number(value, seconds);
      peer.persistent_keepalive = Seconds(seconds);
      return is_number;
    }
    if (key == "last_handshake_time_sec") return parse_number(value, peer.latest_handshake);
    if (key == "rx_bytes") return parse_number(value, peer.received_bytes);
    if (key == "tx_bytes") return parse_number(value, peer.sent_bytes);
    return true;  // preshared_key, protocol_version and what later versions add
  }

  Device device_;
};

/// Takes the next line off `text`, without its newline.
std::string_view next_line(std::string_view& text) {
  const auto end = text.find('\n');
  const auto line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

}  // namespace

std::string encode_get() {
  return "get=1\n\n";
}

std::string encode_set_private_key(const PrivateKey& key) {
  std::string text;
  text.reserve(128);  // no growth: nothing of the key is left behind
  text += "set=1\nprivate_key=";
  append_hex(text, key.reveal());
  text += "\n\n";
  return text;
}

std::string encode_set_listen_port(std::uint16_t port) {
  return fmt::format("set=1\nlisten_port={}\n\n", port);
}

std::string encode_set_peer(const PeerChange& change) {
  std::string text = "set=1\npublic_key=";
  append_hex(text, change.public_key.bytes);
  text += '\n';
  if (change.remove) return text + "remove=true\n\n";
  auto out = std::back_inserter(text);
  if (change.endpoint) fmt::format_to(out, "endpoint={}\n", *change.endpoint);
  if (change.persistent_keepalive) {
    fmt::format_to(out, "persistent_keepalive_interval={}\n", change.persistent_keepalive->count());
  }
  if (change.allowed_ips) {
    text += "replace_allowed_ips=true\n";
    for (const auto& prefix : *change.allowed_ips) fmt::format_to(out, "allowed_ip={}\n", prefix);
  }
  return text + "\n";
}

bool is_complete(std::string_view text) {
  if (!text.ends_with("\n\n")) return false;
  text.remove_suffix(2);
  const auto start = text.rfind('\n');
  return text.substr(start == std::string_view::npos ? 0 : start + 1).starts_with("errno=");
}

Result<int> parse_errno(std::string_view text) {
  while (!text.empty()) {
    const auto line = next_line(text);
    int code = 0;
    if (!line.starts_with("errno=")) continue;
    if (!parse_number(line.substr(6), code) || code > 4095 || code < -4095) break;
    return code < 0 ? -code : code;
  }
  return fail(Errc::Protocol, "the answer has no errno");
}

Result<Device> parse_get(std::string_view text, std::string_view interface) {
  const auto code = parse_errno(text);
  if (!code) return fail(code.error());
  if (*code != 0) return fail_sys("get", *code);
  GetParser parser(interface);
  while (!text.empty()) {
    const auto line = next_line(text);
    if (line.empty() || line.starts_with("errno=")) break;
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) return fail(Errc::Protocol, "a line without '='");
    const auto key = line.substr(0, equals);
    if (!parser.line(key, line.substr(equals + 1))) {
      return fail(Errc::Protocol, fmt::format("a value of {} that cannot be read", key));
    }
  }
  return parser.take();
}

}  // namespace adit::wireguard::uapi
