#include "controller/wireguard/userspace_backend.hpp"

#include <cerrno>

#include <fmt/format.h>
#include <linux/netlink.h>
#include <unistd.h>

#include "controller/secrets/wipe.hpp"
#include "controller/wireguard/uapi_codec.hpp"
#include "controller/wireguard/wireguard_go.hpp"

namespace adit::wireguard {
namespace {

constexpr Milliseconds kEndDeadline{5000};

bool is_absent(const Error& error) {
  return error.sys_errno == ENOENT || error.sys_errno == ECONNREFUSED;
}

}  // namespace

Result<std::unique_ptr<UserspaceBackend>> UserspaceBackend::open(const std::string& uapi_directory,
                                                                 const std::string& program) {
  auto route = netlink::NetlinkSocket::open(NETLINK_ROUTE);
  if (!route) return fail(route.error());
  return std::unique_ptr<UserspaceBackend>(
      new UserspaceBackend(std::move(*route), uapi_directory, program));
}

std::string UserspaceBackend::socket_path(const std::string& name) const {
  return fmt::format("{}/{}.sock", uapi_directory_, name);
}

Result<UapiClient> UserspaceBackend::connect(const std::string& name) {
  const auto link = find_link(name);
  if (!link && link.error().code != Errc::NotFound) return fail(link.error());
  auto client = UapiClient::connect(socket_path(name));
  if (client && !link) {
    return fail(Errc::Conflict,
                fmt::format("{} is served, but interface {} is not in this network namespace",
                            socket_path(name), name));
  }
  if (client) return client;
  if (client.error().code == Errc::Denied) {
    return fail(Errc::Denied, fmt::format("{} belongs to another user: run adit-controller as that "
                                          "user, or end that wireguard-go (ip link del {})",
                                          socket_path(name), name));
  }
  if (!is_absent(client.error())) return fail(client.error());
  if (!link) return fail(link.error());
  return fail(Errc::Conflict,
              fmt::format("interface {} exists but no WireGuard answers at {}; remove it (ip link "
                          "del {}) or set another name with `interface:` in controller.yaml",
                          name, socket_path(name), name));
}

Result<Device> UserspaceBackend::read_device(const std::string& name) {
  auto client = connect(name);
  if (!client) return fail(client.error());
  auto device = client->get(name);
  if (!device) return fail(device.error().within("read WireGuard interface " + name));
  return device;
}

Result<void> UserspaceBackend::create_interface(const std::string& name) {
  const auto running = connect(name);
  if (running) return {};  // adopted
  if (running.error().code != Errc::NotFound) return fail(running.error());
  if (auto started = start_wireguard_go(program_, name); !started) return started;
  if (auto serving = connect(name); !serving) {
    return fail(serving.error().within(program_ + " was started"));
  }
  return {};
}

Result<void> UserspaceBackend::delete_interface(const std::string& name) {
  auto client = connect(name);
  if (!client) {
    return client.error().code == Errc::NotFound ? Result<void>{} : fail(client.error());
  }
  // wireguard-go watches its socket and ends when that is removed; the link goes with it. Its end
  // shows as the end of our connection.
  const auto path = socket_path(name);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail_sys("remove " + path, errno);
  (void)client->wait_for_end(SteadyClock::now() + kEndDeadline);
  return delete_link(name);  // one that does not watch ends when its interface is gone
}

Result<void> UserspaceBackend::change_device(const DeviceChange& change) {
  const auto what = "set WireGuard interface " + change.interface;
  auto client = connect(change.interface);
  if (!client) return fail(client.error().within(what));
  if (change.private_key) {
    auto request = uapi::encode_set_private_key(*change.private_key);
    const secrets::WipeAtExit wiper(request);
    if (auto set = client->set(request); !set) return fail(set.error().within(what));
  }
  if (change.listen_port) {
    auto set = change_listen_port(*client, change.interface, *change.listen_port);
    if (!set) return fail(set.error().within(what));
  }
  // One request per peer: an error then names its peer, and those before it are wholly set.
  for (const auto& peer : change.peers) {
    if (auto set = client->set(uapi::encode_set_peer(peer)); !set) {
      return fail(set.error().within(fmt::format("{}: peer {}", what, peer.public_key.brief())));
    }
  }
  return {};
}

Result<void> UserspaceBackend::change_listen_port(UapiClient& client, const std::string& name,
                                                  std::uint16_t port) {
  const auto before = client.get(name);
  if (!before) return fail(before.error());
  if (before->listen_port == port && port != 0) return {};  // setting it would open a new socket
  auto set = client.set(uapi::encode_set_listen_port(port));
  if (set) return {};
  if (before->listen_port != 0) {
    auto restored = client.set(uapi::encode_set_listen_port(before->listen_port));
    if (!restored) return fail(restored.error().within("set the old listen port again"));
  }
  if (set.error().sys_errno != EADDRINUSE) return fail(set.error().within("listen port"));
  return fail(Error{Errc::Conflict,
                    fmt::format("UDP port {} is taken by another program (EADDRINUSE); `ss -lunp` "
                                "names it",
                                port),
                    EADDRINUSE});
}

}  // namespace adit::wireguard
