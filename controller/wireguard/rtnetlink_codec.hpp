// rtnetlink: links, addresses and kernel routes as bytes <-> values. PURE. Layouts:
// linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h; see rtnetlink(7).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/ip_address.hpp"
#include "common/result.hpp"
#include "controller/wireguard/backend.hpp"
#include "controller/wireguard/netlink_message.hpp"

namespace adit::wireguard::netlink {

/// RTM_NEWLINK of a new link of `kind`; EEXIST if the name is taken.
Message encode_create_link(std::string_view name, std::string_view kind);
Message encode_delete_link(int index);
/// RTM_GETLINK of the link with that name: one answer, or ENODEV.
Message encode_get_link(std::string_view name);
/// As above by its index, to name it in messages.
Message encode_get_link(int index);
/// Sets IFF_UP and the MTU, and nothing else.
Message encode_set_up(int index, std::uint32_t mtu);
/// name, index, is_up, mtu and kind; addresses and routes are other messages.
Result<Link> decode_link(const MessageView& message);

/// Without duplicate address detection: on a point-to-point tunnel nobody could answer.
Message encode_add_address(int index, const InterfaceAddress& address);
Message encode_remove_address(int index, const InterfaceAddress& address);
/// A dump of the addresses of both families (of one link, where the kernel can filter).
Message encode_get_addresses(int index);
/// nullopt for another link's and for link-local (fe80::/10) ones.
Result<std::optional<InterfaceAddress>> decode_address(const MessageView& message, int index);

/// A route of the main table, whoever made it.
struct RouteEntry {
  IpPrefix prefix;
  std::uint8_t protocol = 0;  ///< rtm_protocol: 2 kernel, 3 boot, 4 static, 173 ours, …
  int link_index = 0;         ///< 0: none (unreachable, multipath, …)
  std::optional<IpAddress> gateway;

  bool operator==(const RouteEntry&) const = default;
};

/// RTM_NEWROUTE with protocol 173 in the main table, straight to the link. `replace`: over the one
/// that is there; otherwise a route that is there is EEXIST.
Message encode_add_route(int index, const IpPrefix& prefix, bool replace);
/// Matches protocol 173 and the link only; ESRCH if there is none.
Message encode_remove_route(int index, const IpPrefix& prefix);
/// A dump of the main table of one family.
Message encode_get_routes(IpAddress::Family family);
/// nullopt for what is not a unicast-like route of the main table (local, broadcast, cloned, …).
Result<std::optional<RouteEntry>> decode_route(const MessageView& message);

/// Which link a notification is about: the link itself, one of its addresses, a route through it.
struct LinkNews {
  int index = 0;
  std::string name;  ///< only where it is about the link itself

  bool operator==(const LinkNews&) const = default;
};

/// nullopt for messages of other kinds and for routes through no link. Errc::Protocol when it is
/// cut short.
Result<std::optional<LinkNews>> decode_news(const MessageView& message);

/// "static", "kernel", "adit" or the number, as ip-route(8) would say.
std::string route_protocol_name(std::uint8_t protocol);

}  // namespace adit::wireguard::netlink
