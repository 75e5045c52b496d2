#include "controller/wireguard/kernel_backend.hpp"

#include <cerrno>

#include <fmt/format.h>
#include <linux/netlink.h>
#include <linux/wireguard.h>
#include <unistd.h>

#include "controller/secrets/wipe.hpp"
#include "controller/wireguard/netlink_codec.hpp"

namespace adit::wireguard {
namespace {
constexpr const char* kLinkKind = "wireguard";
}

Result<std::unique_ptr<KernelBackend>> KernelBackend::open() {
  auto route = netlink::NetlinkSocket::open(NETLINK_ROUTE);
  if (!route) return fail(route.error());
  auto generic = netlink::NetlinkSocket::open(NETLINK_GENERIC);
  if (!generic) return fail(generic.error());
  std::unique_ptr<KernelBackend> backend(new KernelBackend(std::move(*route), std::move(*generic)));
  auto family = backend->find_family();
  if (!family) return fail(family.error());
  if (!*family) {  // the module may load with the first link only
    const auto made = backend->can_make_link();
    if (!made) return fail(made.error());
    if (!*made) return nullptr;
    family = backend->find_family();
    if (!family) return fail(family.error());
    if (!*family) return nullptr;
  }
  backend->family_ = **family;
  return backend;
}

Result<std::optional<std::uint16_t>> KernelBackend::find_family() {
  auto message = netlink::encode_get_family(WG_GENL_NAME);
  std::optional<std::uint16_t> family;
  auto found = generic_.request(message, "look for WireGuard in the kernel",
                                [&family](const netlink::MessageView& answer) -> Result<void> {
                                  const auto decoded = netlink::decode_get_family(answer);
                                  if (!decoded) return fail(decoded.error());
                                  family = *decoded;
                                  return {};
                                });
  if (!found && found.error().sys_errno != ENOENT) return fail(found.error());
  return family;
}

Result<bool> KernelBackend::can_make_link() {
  const auto name = fmt::format("aditwg{}", ::getpid() % 1000000);
  const auto made = create_link(name, kLinkKind);
  if (made) {
    auto deleted = delete_link(name);
    if (!deleted) return fail(deleted.error());
    return true;
  }
  // Without the right to make links wireguard-go could not make one either: that is what is
  // missing.
  if (made.error().sys_errno == EOPNOTSUPP) return false;
  return fail(made.error());
}

Result<Device> KernelBackend::read_device(const std::string& name) {
  auto message = netlink::encode_get_device(family_, name);
  netlink::DeviceDump device;
  auto read = generic_.dump(
      message, "read WireGuard interface " + name, [&device] { device = {}; },
      [&device](const netlink::MessageView& answer) { return device.add(answer); });
  if (!read && read.error().sys_errno == EOPNOTSUPP) {
    return fail(Errc::Conflict, fmt::format("interface {} exists but is not a WireGuard interface; "
                                            "set another name with `interface:` in controller.yaml",
                                            name));
  }
  if (!read) return fail(read.error());
  return device.take();
}

Result<void> KernelBackend::create_interface(const std::string& name) {
  auto made = create_link(name, kLinkKind);
  if (made || made.error().sys_errno != EEXIST) return made;
  const auto link = find_link(name);
  if (!link) return fail(link.error());
  if (link->kind == kLinkKind) return {};
  return fail(Errc::Conflict,
              fmt::format("interface {} exists but is of kind \"{}\", not wireguard; remove it or "
                          "set another name with `interface:` in controller.yaml",
                          name, link->kind));
}

Result<void> KernelBackend::delete_interface(const std::string& name) {
  const auto link = find_link(name);
  if (!link) return link.error().code == Errc::NotFound ? Result<void>{} : fail(link.error());
  if (link->kind != kLinkKind) {
    return fail(Errc::Conflict, fmt::format("interface {} is not a WireGuard interface", name));
  }
  return delete_link(name);
}

Result<void> KernelBackend::change_device(const DeviceChange& change) {
  auto messages = netlink::encode_set_device(family_, change);
  for (auto& message : messages) {
    const secrets::WipeAtExit wiper(message);
    if (auto set = generic_.request(message, "set WireGuard interface " + change.interface); !set) {
      return set;
    }
  }
  return {};
}

}  // namespace adit::wireguard
