#include "controller/config/node_config.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "controller/config/later_keys.hpp"
#include "controller/config/schema.hpp"
#include "controller/config/tree.hpp"
#include "controller/config/utf8.hpp"

namespace adit::config {

namespace {

constexpr std::size_t kMaxSocketPath = 107;    // sizeof sockaddr_un::sun_path without the NUL
constexpr std::size_t kMaxInterfaceName = 15;  // IFNAMSIZ without the NUL
constexpr unsigned kNodeLength4 = 20;
constexpr unsigned kNodeLength6 = 64;

std::optional<std::string> absolute_path(Reader& reader, const Value& value) {
  auto path = reader.text(value);
  if (path && !path->starts_with('/')) {
    reader.problem(value,
                   fmt::format("{} is not an absolute path; begin it with /", in_quotes(*path)));
    return std::nullopt;
  }
  return path;
}

template <auto kMember>
void read_path(Reader& reader, const Value& value, NodeConfig& out) {
  if (auto path = absolute_path(reader, value)) out.*kMember = std::move(*path);
}

template <auto kMember>
void read_socket(Reader& reader, const Value& value, NodeConfig& out) {
  auto path = absolute_path(reader, value);
  if (!path) return;
  if (path->size() > kMaxSocketPath) {
    return reader.problem(
        value, fmt::format("a socket's path has at most {} bytes; this one has {}", kMaxSocketPath,
                           path->size()));
  }
  out.*kMember = std::move(*path);
}

void read_interface(Reader& reader, const Value& value, NodeConfig& out) {
  auto name = reader.text(value);
  if (!name) return;
  const bool is_plain = std::ranges::all_of(*name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
  if (!is_plain || name->empty() || name->size() > kMaxInterfaceName || *name == "." ||
      *name == "..") {
    return reader.problem(value,
                          fmt::format("{} is not a name for an interface; use 1 to {} letters, "
                                      "digits, '_', '-' and '.'",
                                      in_quotes(*name), kMaxInterfaceName));
  }
  out.interface = std::move(*name);
}

void read_listen_port(Reader& reader, const Value& value, NodeConfig& out) {
  if (const auto port = reader.port(value, 0)) out.listen_port = *port;
}

/// HOST, HOST:PORT, ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT.
bool is_endpoint(std::string_view text) {
  if (IpAddress::parse(text) || Endpoint::parse(text) || HostName::parse(text)) return true;
  const std::size_t colon = text.rfind(':');
  return colon != std::string_view::npos && HostName::parse(text.substr(0, colon)) &&
         Endpoint::parse(fmt::format("0.0.0.0{}", text.substr(colon)));
}

void read_endpoint(Reader& reader, const Value& value, NodeConfig& out) {
  auto written = reader.text(value);
  if (!written) return;
  if (!is_endpoint(*written)) {
    return reader.problem(value, fmt::format("{} is not HOST or HOST:PORT (like vps.example.com or "
                                             "192.0.2.1:51820)",
                                             in_quotes(*written)));
  }
  out.endpoint = std::move(*written);
}

void read_public_addresses(Reader& reader, const Value& value, NodeConfig& out) {
  for (const Value& item : reader.list(value, "[192.0.2.1]")) {
    const auto address = reader.address(item);
    if (!address) continue;
    if (address->is_unspecified() || address->is_loopback()) {
      reader.problem(item, fmt::format("{} is not an address that others can reach", *address));
      continue;
    }
    out.public_addresses.push_back(*address);
  }
}

std::optional<IpPrefix> node_prefix(Reader& reader, const Value& value, bool is_v4) {
  const auto prefix = reader.prefix(value);
  if (!prefix) return std::nullopt;
  const unsigned length = is_v4 ? kNodeLength4 : kNodeLength6;
  if (prefix->address().is_v4() == is_v4 && prefix->length() == length) return prefix;
  reader.problem(
      value, fmt::format("{} is not an IPv{} network of length {} (like {}); every node has "
                         "one of that size",
                         *prefix, is_v4 ? 4 : 6, length, is_v4 ? "10.98.0.0/20" : "fd00:db8::/64"));
  return std::nullopt;
}

void read_tunnel4(Reader& reader, const Value& value, NodeConfig& out) {
  if (const auto prefix = node_prefix(reader, value, true)) out.tunnel_v4 = *prefix;
}

void read_tunnel6(Reader& reader, const Value& value, NodeConfig& out) {
  if (const auto prefix = node_prefix(reader, value, false)) out.tunnel_v6 = *prefix;
}

void read_tunnel(Reader& reader, const Value& value, NodeConfig& out) {
  static constexpr std::array<Field<NodeConfig>, 2> kFields{
      {{"ipv4", read_tunnel4}, {"ipv6", read_tunnel6}}};
  read_fields<NodeConfig>(reader, value, kFields, out);
}

void read_wireguard_go(Reader& reader, const Value& value, NodeConfig& out) {
  auto program = reader.text(value);
  if (!program) return;
  if (program->empty() || (program->find('/') != std::string::npos && program->front() != '/')) {
    return reader.problem(value, fmt::format("{} is neither a program's name nor an absolute path",
                                             in_quotes(*program)));
  }
  out.wireguard_go = std::move(*program);
}

void later_metrics(Reader& reader, const Value& value) {
  if (reader.endpoint(value)) reader.not_in_this_version(value, "metrics", "leave the key out");
}

void later_watch(Reader& reader, const Value& value) {
  const auto items = reader.list(value, "[/etc/adit/conf.d]");
  bool is_right = !items.empty();
  for (const Value& item : items) is_right = absolute_path(reader, item).has_value() && is_right;
  if (is_right) reader.not_in_this_version(value, "watch", "leave the key out");
}

void later_store(Reader& reader, const Value& value) {
  if (value.node.kind == Node::Kind::Scalar) {
    const auto word = reader.choice(value, {"sqlite", "etcd"});
    if (!word || *word == "sqlite") return;
  } else if (reader.map(value).empty()) {
    return;
  }
  reader.not_in_this_version(value, "another store than sqlite", "leave the key out");
}

constexpr std::array<Field<NodeConfig>, 14> kFields{{
    {"control_socket", read_socket<&NodeConfig::control_socket>},
    {"relay_socket", read_socket<&NodeConfig::relay_socket>},
    {"state_dir", read_path<&NodeConfig::state_dir>},
    {"interface", read_interface},
    {"listen_port", read_listen_port},
    {"endpoint", read_endpoint},
    {"public_addresses", read_public_addresses},
    {"tunnel", read_tunnel},
    {"wireguard_go", read_wireguard_go},
    {"uapi_dir", read_path<&NodeConfig::uapi_dir>},
    {"metrics", later<later_metrics, NodeConfig>},
    {"watch", later<later_watch, NodeConfig>},
    {"store", later<later_store, NodeConfig>},
    {"resolver", later<later_resolver, NodeConfig>},
}};

}  // namespace

AddressPool address_pool(const NodeConfig& config, const IpPrefix& ula) {
  static const IpPrefix kDefault4(*IpAddress::parse("10.98.0.0"), kNodeLength4);
  return {config.tunnel_v4.value_or(kDefault4),
          config.tunnel_v6.value_or(IpPrefix(ula.address(), kNodeLength6))};
}

Checked<NodeConfig> read_node_config(const std::string& path, const std::string& text) {
  const auto tree = parse_yaml(path, text);
  if (!tree) return tl::unexpected(tree.error());
  Reader reader(Reader::Origin::People);
  reader.set_file(path);
  NodeConfig out;
  read_fields<NodeConfig>(reader, Value{*tree, tree->mark, ""}, kFields, out);
  if (reader.problems.empty()) return out;
  sort_problems(reader.problems);
  return tl::unexpected(std::move(reader.problems));
}

}  // namespace adit::config
