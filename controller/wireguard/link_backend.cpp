#include "controller/wireguard/link_backend.hpp"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

namespace adit::wireguard {
namespace {

using netlink::RouteEntry;

/// `result`, or success when the errno says that the world is already as wanted.
Result<void> unless(Result<void> result, int already) {
  if (!result && result.error().sys_errno == already) return {};
  return result;
}

std::string to_text(const InterfaceAddress& address) {
  return fmt::format("{}/{}", address.address, address.length);
}

}  // namespace

Result<Link> LinkBackend::find_link(const std::string& name) {
  auto message = netlink::encode_get_link(name);
  Link link;
  auto read = route_.request(message, "read interface " + name,
                             [&link](const netlink::MessageView& answer) -> Result<void> {
                               auto decoded = netlink::decode_link(answer);
                               if (!decoded) return fail(decoded.error());
                               link = std::move(*decoded);
                               return {};
                             });
  if (!read) return fail(read.error());
  return link;
}

Result<Link> LinkBackend::read_link(const std::string& name) {
  auto link = find_link(name);
  if (!link) return link;
  auto addresses = read_addresses(link->index);
  if (!addresses) return fail(addresses.error());
  link->addresses = std::move(*addresses);
  for (const auto family : {IpAddress::Family::V4, IpAddress::Family::V6}) {
    const auto routes = read_routes(family);
    if (!routes) return fail(routes.error());
    for (const auto& route : *routes) {
      if (route.protocol != kRouteProtocol || route.link_index != link->index) continue;
      link->kernel_routes.push_back(route.prefix);
    }
  }
  std::sort(link->kernel_routes.begin(), link->kernel_routes.end());
  return link;
}

Result<std::vector<InterfaceAddress>> LinkBackend::read_addresses(int index) {
  auto message = netlink::encode_get_addresses(index);
  std::vector<InterfaceAddress> addresses;
  auto read = route_.dump(
      message, "read addresses", [&addresses] { addresses.clear(); },
      [&addresses, index](const netlink::MessageView& answer) -> Result<void> {
        const auto address = netlink::decode_address(answer, index);
        if (!address) return fail(address.error());
        if (*address) addresses.push_back(**address);
        return {};
      });
  if (!read) return fail(read.error());
  std::sort(addresses.begin(), addresses.end());
  return addresses;
}

Result<std::vector<RouteEntry>> LinkBackend::read_routes(IpAddress::Family family) {
  auto message = netlink::encode_get_routes(family);
  std::vector<RouteEntry> routes;
  auto read = route_.dump(
      message, "read kernel routes", [&routes] { routes.clear(); },
      [&routes](const netlink::MessageView& answer) -> Result<void> {
        auto route = netlink::decode_route(answer);
        if (!route) return fail(route.error());
        if (*route) routes.push_back(std::move(**route));
        return {};
      });
  // ENOENT: the main table of a namespace where no route was ever made. Others: a kernel without
  // IPv6 has no such routes.
  const int code = read ? 0 : read.error().sys_errno;
  if (code == ENOENT || code == EOPNOTSUPP || code == EAFNOSUPPORT) return routes;
  if (!read) return fail(read.error());
  return routes;
}

Result<void> LinkBackend::create_link(const std::string& name, std::string_view kind) {
  auto message = netlink::encode_create_link(name, kind);
  return route_.request(message, "create interface " + name);
}

Result<void> LinkBackend::delete_link(const std::string& name) {
  const auto link = find_link(name);
  if (!link) return link.error().code == Errc::NotFound ? Result<void>{} : fail(link.error());
  auto message = netlink::encode_delete_link(link->index);
  return unless(route_.request(message, "delete interface " + name), ENODEV);
}

Result<void> LinkBackend::add_address(const std::string& name, const InterfaceAddress& address) {
  const auto link = find_link(name);
  if (!link) return fail(link.error());
  auto message = netlink::encode_add_address(link->index, address);
  const auto what = fmt::format("add address {} to {}", to_text(address), name);
  return unless(route_.request(message, what), EEXIST);
}

Result<void> LinkBackend::remove_address(const std::string& name, const InterfaceAddress& address) {
  const auto link = find_link(name);
  if (!link) return fail(link.error());
  auto message = netlink::encode_remove_address(link->index, address);
  const auto what = fmt::format("remove address {} from {}", to_text(address), name);
  return unless(route_.request(message, what), EADDRNOTAVAIL);
}

Result<void> LinkBackend::set_up(const std::string& name, std::uint32_t mtu) {
  const auto link = find_link(name);
  if (!link) return fail(link.error());
  auto message = netlink::encode_set_up(link->index, mtu);
  return route_.request(message, fmt::format("set {} up with MTU {}", name, mtu));
}

std::string LinkBackend::describe(const RouteEntry& route) {
  std::string text = route.prefix.to_string();
  if (route.gateway) text += fmt::format(" via {}", *route.gateway);
  if (route.link_index != 0) {
    auto message = netlink::encode_get_link(route.link_index);
    (void)route_.request(message, "read interface",
                         [&text](const netlink::MessageView& answer) -> Result<void> {
                           const auto link = netlink::decode_link(answer);
                           if (link) text += " dev " + link->name;
                           return {};
                         });
  }
  return text + " proto " + netlink::route_protocol_name(route.protocol);
}

Result<void> LinkBackend::add_kernel_route(const std::string& name, const IpPrefix& prefix) {
  const auto what = fmt::format("add kernel route {} to {}", prefix, name);
  const auto link = find_link(name);
  if (!link) return fail(link.error().within(what));
  const auto routes = read_routes(prefix.address().family());
  if (!routes) return fail(routes.error().within(what));
  bool is_ours = false;
  for (const auto& route : *routes) {
    if (route.prefix != prefix) continue;
    if (route.protocol != kRouteProtocol) {
      return fail(Errc::Conflict,
                  fmt::format("{}: there is one that adit did not make: `{}`; remove it (ip route "
                              "del {}) or take {} out of the site's networks",
                              what, describe(route), prefix, prefix));
    }
    if (route.link_index == link->index) return {};
    is_ours = true;
  }
  // Without one of ours it must be new: a foreign one that came meanwhile is EEXIST, not replaced.
  auto message = netlink::encode_add_route(link->index, prefix, is_ours);
  return route_.request(message, what);
}

Result<void> LinkBackend::remove_kernel_route(const std::string& name, const IpPrefix& prefix) {
  const auto what = fmt::format("remove kernel route {} from {}", prefix, name);
  const auto link = find_link(name);
  if (!link) return fail(link.error().within(what));
  auto message = netlink::encode_remove_route(link->index, prefix);
  return unless(route_.request(message, what), ESRCH);
}

}  // namespace adit::wireguard
