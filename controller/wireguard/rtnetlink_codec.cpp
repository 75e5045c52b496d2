#include "controller/wireguard/rtnetlink_codec.hpp"

#include <cstring>

#include <fmt/format.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

namespace adit::wireguard::netlink {
namespace {

constexpr std::uint16_t kChange = NLM_F_REQUEST | NLM_F_ACK;
constexpr std::uint16_t kCreate = kChange | NLM_F_CREATE | NLM_F_EXCL;
constexpr std::uint16_t kDump = NLM_F_REQUEST | NLM_F_ACK | NLM_F_DUMP;

template <class Header>
MessageWriter start(std::uint16_t type, std::uint16_t flags, const Header& header) {
  return {type, flags, {reinterpret_cast<const std::uint8_t*>(&header), sizeof header}};
}

/// The family header of a message; Errc::Protocol if it is cut off.
template <class Header>
Result<Header> header_of(const MessageView& message) {
  Header header{};
  if (message.payload.size() < sizeof header) {
    return fail(Errc::Protocol, "netlink: an answer shorter than its header");
  }
  std::memcpy(&header, message.payload.data(), sizeof header);
  return header;
}

unsigned char family_of(const IpAddress& address) {
  return address.is_v4() ? AF_INET : AF_INET6;
}

ifinfomsg link_header(int index) {
  ifinfomsg header{};
  header.ifi_family = AF_UNSPEC;
  header.ifi_index = index;
  return header;
}

Message encode_address(std::uint16_t type, std::uint16_t flags, int index,
                       const InterfaceAddress& address) {
  ifaddrmsg header{};
  header.ifa_family = family_of(address.address);
  header.ifa_prefixlen = static_cast<unsigned char>(address.length);
  header.ifa_index = static_cast<unsigned>(index);
  auto writer = start(type, flags, header);
  writer.address(IFA_LOCAL, address.address);
  writer.address(IFA_ADDRESS, address.address);
  writer.u32(IFA_FLAGS, IFA_F_NODAD);
  return writer.take();
}

Message encode_route(std::uint16_t type, std::uint16_t flags, int index, const IpPrefix& prefix) {
  rtmsg header{};
  header.rtm_family = family_of(prefix.address());
  header.rtm_dst_len = static_cast<unsigned char>(prefix.length());
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = kRouteProtocol;
  // Straight to the link has link scope in IPv4; IPv6 knows no scopes and reports 0.
  header.rtm_scope = prefix.address().is_v4() ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  header.rtm_type = RTN_UNICAST;
  auto writer = start(type, flags, header);
  writer.address(RTA_DST, prefix.address());
  writer.u32(RTA_OIF, static_cast<std::uint32_t>(index));
  return writer.take();
}

bool is_link_local(const IpAddress& address) {
  static const IpPrefix kLinkLocal = *IpPrefix::parse("fe80::/10");
  return kLinkLocal.contains(address);
}

std::string kind_of(Bytes link_info) {
  const auto attributes = parse_attributes(link_info);
  if (!attributes) return {};
  for (const auto& attribute : *attributes) {
    if (attribute.type == IFLA_INFO_KIND) return std::string(attribute.text());
  }
  return {};
}

}  // namespace

Message encode_create_link(std::string_view name, std::string_view kind) {
  auto writer = start(RTM_NEWLINK, kCreate, link_header(0));
  writer.text(IFLA_IFNAME, name);
  const auto info = writer.begin_nest(IFLA_LINKINFO);
  writer.text(IFLA_INFO_KIND, kind);
  writer.end_nest(info);
  return writer.take();
}

Message encode_delete_link(int index) {
  return start(RTM_DELLINK, kChange, link_header(index)).take();
}

Message encode_get_link(std::string_view name) {
  auto writer = start(RTM_GETLINK, kChange, link_header(0));
  writer.text(IFLA_IFNAME, name);
  return writer.take();
}

Message encode_get_link(int index) {
  return start(RTM_GETLINK, kChange, link_header(index)).take();
}

Message encode_set_up(int index, std::uint32_t mtu) {
  auto header = link_header(index);
  header.ifi_flags = IFF_UP;
  header.ifi_change = IFF_UP;
  auto writer = start(RTM_NEWLINK, kChange, header);
  writer.u32(IFLA_MTU, mtu);
  return writer.take();
}

Result<Link> decode_link(const MessageView& message) {
  const auto header = header_of<ifinfomsg>(message);
  if (!header) return fail(header.error());
  const auto attributes = parse_attributes(message.after_header(sizeof(ifinfomsg)));
  if (!attributes) return fail(attributes.error());
  Link link;
  link.index = header->ifi_index;
  link.is_up = (header->ifi_flags & IFF_UP) != 0;
  for (const auto& attribute : *attributes) {
    if (attribute.type == IFLA_IFNAME) link.name = attribute.text();
    if (attribute.type == IFLA_MTU) link.mtu = attribute.u32().value_or(0);
    if (attribute.type == IFLA_LINKINFO) link.kind = kind_of(attribute.payload);
  }
  return link;
}

Message encode_add_address(int index, const InterfaceAddress& address) {
  return encode_address(RTM_NEWADDR, kCreate, index, address);
}

Message encode_remove_address(int index, const InterfaceAddress& address) {
  return encode_address(RTM_DELADDR, kChange, index, address);
}

Message encode_get_addresses(int index) {
  ifaddrmsg header{};
  header.ifa_family = AF_UNSPEC;
  header.ifa_index = static_cast<unsigned>(index);
  return start(RTM_GETADDR, kDump, header).take();
}

Result<std::optional<InterfaceAddress>> decode_address(const MessageView& message, int index) {
  const auto header = header_of<ifaddrmsg>(message);
  if (!header) return fail(header.error());
  if (static_cast<int>(header->ifa_index) != index) return std::nullopt;
  const auto attributes = parse_attributes(message.after_header(sizeof(ifaddrmsg)));
  if (!attributes) return fail(attributes.error());
  std::optional<IpAddress> local;  // IFA_ADDRESS is the far end where IFA_LOCAL is given too
  std::optional<IpAddress> address;
  for (const auto& attribute : *attributes) {
    if (attribute.type == IFA_LOCAL) local = attribute.address();
    if (attribute.type == IFA_ADDRESS) address = attribute.address();
  }
  const auto own = local ? local : address;
  if (!own) return fail(Errc::Protocol, "netlink: an address message without an address");
  if (header->ifa_prefixlen > own->bits()) {
    return fail(Errc::Protocol, "netlink: an address with an impossible length");
  }
  if (is_link_local(*own)) return std::nullopt;
  return InterfaceAddress{*own, header->ifa_prefixlen};
}

Message encode_add_route(int index, const IpPrefix& prefix, bool replace) {
  const std::uint16_t mode = replace ? NLM_F_REPLACE : NLM_F_EXCL;
  return encode_route(RTM_NEWROUTE, static_cast<std::uint16_t>(kChange | NLM_F_CREATE | mode),
                      index, prefix);
}

Message encode_remove_route(int index, const IpPrefix& prefix) {
  return encode_route(RTM_DELROUTE, kChange, index, prefix);
}

Message encode_get_routes(IpAddress::Family family) {
  rtmsg header{};
  header.rtm_family = family == IpAddress::Family::V4 ? AF_INET : AF_INET6;
  header.rtm_table = RT_TABLE_MAIN;
  return start(RTM_GETROUTE, kDump, header).take();
}

Result<std::optional<RouteEntry>> decode_route(const MessageView& message) {
  const auto header = header_of<rtmsg>(message);
  if (!header) return fail(header.error());
  const auto attributes = parse_attributes(message.after_header(sizeof(rtmsg)));
  if (!attributes) return fail(attributes.error());
  RouteEntry route;
  route.protocol = header->rtm_protocol;
  std::uint32_t table = header->rtm_table;
  IpAddress destination;  // the default route has none
  if (header->rtm_family == AF_INET6) destination = *IpAddress::parse("::");
  for (const auto& attribute : *attributes) {
    if (attribute.type == RTA_TABLE) table = attribute.u32().value_or(table);
    if (attribute.type == RTA_DST) destination = attribute.address().value_or(destination);
    if (attribute.type == RTA_OIF) route.link_index = static_cast<int>(attribute.u32().value_or(0));
    if (attribute.type == RTA_GATEWAY) route.gateway = attribute.address();
  }
  const bool is_local = header->rtm_type == RTN_LOCAL || header->rtm_type == RTN_BROADCAST ||
                        header->rtm_type == RTN_ANYCAST || header->rtm_type == RTN_MULTICAST;
  if (table != RT_TABLE_MAIN || is_local || (header->rtm_flags & RTM_F_CLONED) != 0) {
    return std::nullopt;
  }
  if (header->rtm_dst_len > destination.bits()) return std::nullopt;  // ::ffff:0:0/96 and the like
  route.prefix = IpPrefix(destination, header->rtm_dst_len);
  return route;
}

Result<std::optional<LinkNews>> decode_news(const MessageView& message) {
  switch (message.type) {
    case RTM_NEWLINK:
    case RTM_DELLINK: {
      auto link = decode_link(message);
      if (!link) return fail(std::move(link).error());
      return LinkNews{link->index, std::move(link->name)};
    }
    case RTM_NEWADDR:
    case RTM_DELADDR: {
      const auto header = header_of<ifaddrmsg>(message);
      if (!header) return fail(header.error());
      return LinkNews{static_cast<int>(header->ifa_index), {}};
    }
    case RTM_NEWROUTE:
    case RTM_DELROUTE: {
      const auto attributes = parse_attributes(message.after_header(sizeof(rtmsg)));
      if (!attributes) return fail(attributes.error());
      for (const auto& attribute : *attributes) {
        if (attribute.type != RTA_OIF) continue;
        return LinkNews{static_cast<int>(attribute.u32().value_or(0)), {}};
      }
      return std::nullopt;
    }
    default:
      return std::nullopt;
  }
}

std::string route_protocol_name(std::uint8_t protocol) {
  switch (protocol) {
    case RTPROT_KERNEL:
      return "kernel";
    case RTPROT_BOOT:
      return "boot";
    case RTPROT_STATIC:
      return "static";
    case RTPROT_RA:
      return "ra";
    case RTPROT_DHCP:
      return "dhcp";
    case kRouteProtocol:
      return "adit";
    default:
      return fmt::format("{}", protocol);
  }
}

}  // namespace adit::wireguard::netlink
