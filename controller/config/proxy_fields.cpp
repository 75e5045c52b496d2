#include "controller/config/proxy_fields.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "controller/config/utf8.hpp"

namespace adit::config {

namespace {

using control::ProxyProtocol;

constexpr std::size_t kMostProtocols = 16;
constexpr std::size_t kLongestProtocol = 255;  // RFC 7301 §3.1
constexpr std::size_t kMostBalancers = 256;

/// "hosts.app.example.com.alpn" -> "hosts/app.example.com/alpn", as SourceMap has it.
std::string key_of(const Value& alpn) {
  std::string key = alpn.path;
  const std::size_t first = key.find('.');
  const std::size_t last = key.rfind('.');
  if (first != std::string::npos) key[first] = key[last] = '/';
  return key;
}

void add_protocol(Reader& reader, const std::string& key, const Member& member, Host& out) {
  if (member.key.empty() || member.key.size() > kLongestProtocol) {
    return reader.problem(member.mark, member.value.path,
                          fmt::format("a protocol's name has 1 to {} bytes (like h2 or acme-tls/1)",
                                      kLongestProtocol));
  }
  const auto target = reader.endpoint(member.value);
  if (!target) return;
  const std::string protocol(member.key);
  if (!reader.note_position(fmt::format("{}/{}", key, protocol), member.value.mark,
                            member.value.path)) {
    return;
  }
  out.alpn.push_back({protocol, *target});
}

}  // namespace

std::string_view to_string(ProxyProtocol version) {
  switch (version) {
    case ProxyProtocol::None:
      return "none";
    case ProxyProtocol::V1:
      return "v1";
    case ProxyProtocol::V2:
      return "v2";
  }
  return "none";
}

std::optional<ProxyProtocol> read_proxy_protocol(Reader& reader, const Value& value) {
  const auto word = reader.choice(value, {"none", "v1", "v2"});
  if (!word) return std::nullopt;
  return *word == "v1"   ? ProxyProtocol::V1
         : *word == "v2" ? ProxyProtocol::V2
                         : ProxyProtocol::None;
}

void read_alpn(Reader& reader, const Value& value, Host& out) {
  const std::string key = key_of(value);
  if (value.node.kind == Node::Kind::List) {
    for (const Value& item : reader.list(value, "[{acme-tls/1: 10.30.0.9:443}]")) {
      for (const Member& member : reader.map(item)) add_protocol(reader, key, member, out);
    }
  } else {
    for (const Member& member : reader.map(value)) add_protocol(reader, key, member, out);
  }
  if (out.alpn.size() > kMostProtocols) {
    reader.problem(value, fmt::format("{} protocols; at most {} are compared with each client's",
                                      out.alpn.size(), kMostProtocols));
  }
}

void read_accept_proxy(Reader& reader, const Value& value, Relay& out) {
  const auto items = reader.list(value, "[192.0.2.0/24]");
  if (items.size() > kMostBalancers) {
    reader.problem(value, fmt::format("{} networks; at most {}", items.size(), kMostBalancers));
    return;
  }
  for (const Value& item : items) {
    const auto network = reader.prefix(item);
    if (!network) continue;
    if (network->length() == 0) {
      reader.problem(item, fmt::format("{} is the whole internet: anybody could claim to be "
                                       "anybody; write the load balancers' own addresses",
                                       *network));
    } else if (std::ranges::find(out.accept_proxy, *network) != out.accept_proxy.end()) {
      reader.problem(item, fmt::format("{} is written twice", *network));
    } else {
      out.accept_proxy.push_back(*network);
    }
  }
  std::ranges::sort(out.accept_proxy);
}

}  // namespace adit::config
