// wg_driver: the Backend interface as a command line, so that one scenario runs on wireguard-go in
// a namespace and on a real kernel in a virtual machine. Each command prints one line per fact;
// errors go to stderr as "code: text" with status 1.
//
//   wg_driver BACKEND COMMAND…      BACKEND: auto | kernel | userspace[:DIRECTORY]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "controller/wireguard/backend.hpp"
#include "controller/wireguard/kernel_backend.hpp"
#include "controller/wireguard/userspace_backend.hpp"

namespace {

using adit::Errc;
using adit::Error;
using adit::fail;
using adit::IpAddress;
using adit::IpPrefix;
using adit::Result;
using namespace adit::wireguard;

using Arguments = std::vector<std::string>;
using Command = std::function<Result<void>(Backend&, const Arguments&)>;

Result<std::unique_ptr<Backend>> open_named(std::string_view name) {
  if (name == "auto") return open_backend("/var/run/wireguard");
  if (name == "kernel") {
    auto kernel = KernelBackend::open();
    if (!kernel) return fail(kernel.error());
    if (!*kernel) return fail(Errc::NotFound, "this kernel has no WireGuard");
    return std::unique_ptr<Backend>(std::move(*kernel));
  }
  const auto colon = name.find(':');
  const std::string directory =
      colon == std::string_view::npos ? "/var/run/wireguard" : std::string(name.substr(colon + 1));
  auto userspace = UserspaceBackend::open(directory, "wireguard-go");
  if (!userspace) return fail(userspace.error());
  return std::unique_ptr<Backend>(std::move(*userspace));
}

InterfaceAddress parse_interface_address(const std::string& text) {
  const auto slash = text.find('/');
  return {*IpAddress::parse(text.substr(0, slash)),
          static_cast<unsigned>(std::stoul(text.substr(slash + 1)))};
}

std::vector<IpPrefix> parse_prefixes(const std::string& text) {
  std::vector<IpPrefix> prefixes;
  std::size_t start = 0;
  while (start < text.size()) {
    const auto end = std::min(text.find(',', start), text.size());
    prefixes.push_back(*IpPrefix::parse(text.substr(start, end - start)));
    start = end + 1;
  }
  return prefixes;
}

void print_peer(const Peer& peer) {
  fmt::print("peer {} endpoint={} keepalive={} handshake={} rx={} tx={} allowed={}\n",
             peer.public_key.base64(), peer.endpoint ? peer.endpoint->to_string() : "-",
             peer.persistent_keepalive.count(), peer.latest_handshake, peer.received_bytes,
             peer.sent_bytes, fmt::join(peer.allowed_ips, ","));
}

Result<void> show(Backend& backend, const Arguments& arguments) {
  const auto device = backend.read_device(arguments.at(0));
  if (!device) return fail(device.error());
  fmt::print("interface {} port={} key={} peers={}\n", device->interface, device->listen_port,
             device->public_key ? device->public_key->base64() : "-", device->peers.size());
  for (const auto& peer : device->peers) print_peer(peer);
  return {};
}

Result<void> show_link(Backend& backend, const Arguments& arguments) {
  const auto link = backend.read_link(arguments.at(0));
  if (!link) return fail(link.error());
  fmt::print("link {} kind={} up={} mtu={}\n", link->name, link->kind, link->is_up, link->mtu);
  for (const auto& address : link->addresses) {
    fmt::print("address {}/{}\n", address.address, address.length);
  }
  for (const auto& prefix : link->kernel_routes) fmt::print("route {}\n", prefix);
  return {};
}

/// INTERFACE KEYFILE PORT
Result<void> set_device(Backend& backend, const Arguments& arguments) {
  auto key = load_or_create_private_key(arguments.at(1));
  if (!key) return fail(key.error());
  DeviceChange change;
  change.interface = arguments.at(0);
  change.private_key = *key;
  change.listen_port = static_cast<std::uint16_t>(std::stoul(arguments.at(2)));
  return backend.change_device(change);
}

/// INTERFACE KEY [allowed=P,P…] [keepalive=S] [endpoint=E] [remove]
Result<void> set_peer(Backend& backend, const Arguments& arguments) {
  auto key = PublicKey::parse(arguments.at(1));
  if (!key) return fail(key.error());
  PeerChange peer;
  peer.public_key = *key;
  for (std::size_t i = 2; i < arguments.size(); ++i) {
    const auto& argument = arguments[i];
    const auto value = argument.substr(argument.find('=') + 1);
    if (argument == "remove") peer.remove = true;
    if (argument.starts_with("allowed=")) peer.allowed_ips = parse_prefixes(value);
    if (argument.starts_with("keepalive="))
      peer.persistent_keepalive = adit::Seconds(std::stol(value));
    if (argument.starts_with("endpoint=")) peer.endpoint = *adit::Endpoint::parse(value);
  }
  return backend.change_device({arguments.at(0), {}, {}, {peer}});
}

PublicKey numbered_key(std::uint32_t number) {
  PublicKey key;
  key.bytes.fill(7);
  for (std::size_t i = 0; i < 4; ++i) key.bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
  return key;
}

/// INTERFACE COUNT PREFIXES: COUNT peers with PREFIXES AllowedIPs each, in one change; reads them
/// back and compares.
Result<void> many_peers(Backend& backend, const Arguments& arguments) {
  const auto count = static_cast<std::uint32_t>(std::stoul(arguments.at(1)));
  const auto prefixes = static_cast<std::uint32_t>(std::stoul(arguments.at(2)));
  DeviceChange change;
  change.interface = arguments.at(0);
  const auto first = *IpAddress::parse("10.128.0.0");
  for (std::uint32_t i = 0; i < count; ++i) {
    PeerChange peer;
    peer.public_key = numbered_key(i);
    peer.allowed_ips.emplace();
    for (std::uint32_t j = 0; j < prefixes; ++j) {
      peer.allowed_ips->emplace_back(first.plus(i * prefixes + j), 32);
    }
    peer.persistent_keepalive = adit::Seconds(25);
    change.peers.push_back(std::move(peer));
  }
  const auto begin = std::chrono::steady_clock::now();
  if (auto set = backend.change_device(change); !set) return set;
  const auto middle = std::chrono::steady_clock::now();
  const auto device = backend.read_device(arguments.at(0));
  if (!device) return fail(device.error());
  const auto end = std::chrono::steady_clock::now();
  std::size_t equal = 0;
  for (const auto& wanted : change.peers) {
    const auto found =
        std::find_if(device->peers.begin(), device->peers.end(),
                     [&wanted](const Peer& peer) { return peer.public_key == wanted.public_key; });
    if (found != device->peers.end() && found->allowed_ips == *wanted.allowed_ips) ++equal;
  }
  using Ms = std::chrono::milliseconds;
  fmt::print("many set={} equal={} set_ms={} read_ms={}\n", count, equal,
             std::chrono::duration_cast<Ms>(middle - begin).count(),
             std::chrono::duration_cast<Ms>(end - middle).count());
  if (equal != count) return fail(Errc::Internal, "the peers read back differ from those set");
  return {};
}

Result<void> implementation(Backend& backend, const Arguments&) {
  fmt::print("{}\n", to_string(backend.implementation()));
  return {};
}

const std::map<std::string, Command>& commands() {
  using A = const Arguments&;
  static const std::map<std::string, Command> kCommands{
      {"implementation", implementation},
      {"show", show},
      {"link", show_link},
      {"device", set_device},
      {"peer", set_peer},
      {"many", many_peers},
      {"create", [](Backend& b, A a) { return b.create_interface(a.at(0)); }},
      {"delete", [](Backend& b, A a) { return b.delete_interface(a.at(0)); }},
      {"up",
       [](Backend& b, A a) {
         return b.set_up(a.at(0), static_cast<std::uint32_t>(std::stoul(a.at(1))));
       }},
      {"address-add",
       [](Backend& b, A a) { return b.add_address(a.at(0), parse_interface_address(a.at(1))); }},
      {"address-del",
       [](Backend& b, A a) { return b.remove_address(a.at(0), parse_interface_address(a.at(1))); }},
      {"route-add",
       [](Backend& b, A a) { return b.add_kernel_route(a.at(0), *IpPrefix::parse(a.at(1))); }},
      {"route-del",
       [](Backend& b, A a) { return b.remove_kernel_route(a.at(0), *IpPrefix::parse(a.at(1))); }},
  };
  return kCommands;
}

int report(const Error& error) {
  fmt::print(stderr, "{}: {}\n", adit::to_string(error.code), error.what);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments all(argv + 1, argv + argc);
  if (all.size() < 2 || !commands().contains(all[1])) {
    fmt::print(stderr, "usage: wg_driver auto|kernel|userspace[:DIR] COMMAND ARGUMENT…\n");
    return 2;
  }
  auto backend = open_named(all[0]);
  if (!backend) return report(backend.error());
  const auto done = commands().at(all[1])(**backend, Arguments(all.begin() + 2, all.end()));
  return done ? 0 : report(done.error());
}
