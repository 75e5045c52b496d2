#include "controller/apply/node.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <span>

#include <fmt/format.h>
#include <sys/random.h>

#include "common/net/own_addresses.hpp"
#include "common/os/files.hpp"

namespace adit::apply {

namespace {

/// RFC 4193 §3: fd, 40 random bits, then 80 bits of zero.
Result<IpPrefix> make_ula() {
  std::array<std::uint8_t, 16> bytes{};
  bytes[0] = 0xfd;
  if (::getrandom(bytes.data() + 1, 5, 0) != 5) return fail_sys("read random bytes", errno);
  return IpPrefix(IpAddress(bytes), 48);
}

std::string_view trimmed(std::string_view text) {
  const auto end = text.find_last_not_of(" \t\r\n");
  return end == std::string_view::npos ? std::string_view{} : text.substr(0, end + 1);
}

Result<IpPrefix> load_or_create_ula(const std::string& path) {
  auto text = os::read_file(path, 256);
  if (text) {
    const std::string_view view(reinterpret_cast<const char*>(text->data()), text->size());
    auto prefix = IpPrefix::parse(trimmed(view));
    if (!prefix) return fail(prefix.error().within(path));
    const bool is_ula = prefix->length() == 48 && prefix->address().bytes()[0] == 0xfd;
    if (!is_ula) return fail(Errc::Invalid, path + ": not an fd…::/48");
    return prefix;
  }
  if (text.error().code != Errc::NotFound) return fail(std::move(text).error());
  auto fresh = make_ula();
  if (!fresh) return fresh;
  const std::string line = fresh->to_string() + "\n";
  const auto bytes = std::span(reinterpret_cast<const std::uint8_t*>(line.data()), line.size());
  if (auto written = os::write_file_atomically(path, bytes, 0600); !written) {
    return fail(std::move(written).error());
  }
  return fresh;
}

bool has_port(const std::string& endpoint) {
  const auto colon = endpoint.rfind(':');
  if (colon == std::string::npos) return false;
  if (endpoint.front() == '[') return endpoint[colon - 1] == ']';
  return endpoint.find(':') == colon;
}

std::string bracketed(const std::string& host) {
  return host.find(':') == std::string::npos || host.front() == '[' ? host : "[" + host + "]";
}

}  // namespace

Result<NodeState> load_node(const config::NodeConfig& config) {
  auto key = wireguard::load_or_create_private_key(config.state_dir + "/wireguard.key");
  if (!key) return fail(std::move(key).error());
  auto public_key = key->public_key();
  if (!public_key) return fail(std::move(public_key).error());
  auto ula = load_or_create_ula(config.state_dir + "/ula");
  if (!ula) return fail(std::move(ula).error());
  plan::NodeIdentity identity;
  identity.interface = config.interface;
  identity.listen_port = config.listen_port;
  identity.public_key = *public_key;
  identity.pool = config::address_pool(config, *ula);
  return NodeState{{config, std::move(identity)}, std::move(*key)};
}

std::vector<IpPrefix> own_networks(const std::string& interface) {
  std::vector<IpPrefix> networks;
  for (const OwnAddress& own : own_addresses()) {
    if (own.interface == interface || is_link_local(own.address)) continue;
    networks.emplace_back(own.address, std::min(own.length, own.address.bits()));
  }
  std::sort(networks.begin(), networks.end());
  networks.erase(std::unique(networks.begin(), networks.end()), networks.end());
  return networks;
}

bool has_ipv6(const std::string& interface) {
  constexpr std::size_t kMaxBytes = 16;
  for (const std::string& name : {interface, std::string("default")}) {
    const auto text =
        os::read_file(fmt::format("/proc/sys/net/ipv6/conf/{}/disable_ipv6", name), kMaxBytes);
    if (text && !text->empty()) return text->front() == '0';
  }
  return false;
}

std::string wireguard_endpoint(const NodeContext& node, std::uint16_t listen_port) {
  std::string host;
  if (node.config.endpoint) {
    if (has_port(*node.config.endpoint)) return *node.config.endpoint;
    host = *node.config.endpoint;
  } else if (!node.config.public_addresses.empty()) {
    host = node.config.public_addresses.front().to_string();
  } else {
    for (const OwnAddress& own : own_addresses()) {
      if (own.interface == node.config.interface || !is_public(own.address)) continue;
      // IPv4 first: it is what every home can reach.
      if (host.empty() || own.address.is_v4()) host = own.address.to_string();
      if (own.address.is_v4()) break;
    }
  }
  if (host.empty() || listen_port == 0) return {};
  return fmt::format("{}:{}", bracketed(host), listen_port);
}

}  // namespace adit::apply
