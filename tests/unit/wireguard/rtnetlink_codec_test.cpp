// Bytes as Debian's kernel 6.1.0-56-cloud-amd64 sent them (strace of wg_driver in a virtual
// machine), little-endian.
#include "controller/wireguard/rtnetlink_codec.hpp"

#include <fmt/format.h>

#include "tests/support/catch.hpp"
#include "tests/unit/wireguard/hex.hpp"

using namespace adit;
using namespace adit::wireguard;
using namespace adit::wireguard::netlink;
using adit::test::from_hex;

namespace {

/// `payload` with a message header before it.
Message message_of(std::string_view payload) {
  return MessageWriter(0, 0, from_hex(payload)).take();
}

MessageView view_of(const Message& message) {
  return split_datagram(message)->front();
}

std::string route_text(std::string_view payload) {
  const auto message = message_of(payload);
  const auto route = decode_route(view_of(message));
  if (!route) return "error";
  if (!*route) return "none";
  return fmt::format("{} proto {} dev {} via {}", (*route)->prefix,
                     route_protocol_name((*route)->protocol), (*route)->link_index,
                     (*route)->gateway ? (*route)->gateway->to_string() : "-");
}

}  // namespace

TEST_CASE("rtnetlink_codec: a link is made by kind", "[wireguard]") {
  CHECK(encode_create_link("adit0", "wireguard") == from_hex(R"(
      40 00 00 00 10 00 05 06 00 00 00 00 00 00 00 00   # RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | ACK
      00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00   # ifinfomsg: nothing is given
      0a 00 03 00 61 64 69 74 30 00 00 00               # IFLA_IFNAME "adit0"
      14 00 12 80                                       # IFLA_LINKINFO
       0e 00 01 00 77 69 72 65 67 75 61 72 64 00 00 00)"));  // IFLA_INFO_KIND "wireguard"
}

TEST_CASE("rtnetlink_codec: a link is set up and removed by its index", "[wireguard]") {
  CHECK(encode_set_up(2, 1420) == from_hex(R"(
      28 00 00 00 10 00 05 00 00 00 00 00 00 00 00 00   # RTM_NEWLINK of one that exists
      00 00 00 00 02 00 00 00 01 00 00 00 01 00 00 00   # index 2; IFF_UP, and change that alone
      08 00 04 00 8c 05 00 00)"));  // IFLA_MTU 1420
  CHECK(encode_delete_link(2) == from_hex(R"(
      20 00 00 00 11 00 05 00 00 00 00 00 00 00 00 00   # RTM_DELLINK
      00 00 00 00 02 00 00 00 00 00 00 00 00 00 00 00)"));
}

TEST_CASE("rtnetlink_codec: a WireGuard link as a kernel reports it", "[wireguard]") {
  const auto message = message_of(R"(
      00 00 fe ff 02 00 00 00 d1 00 01 00 00 00 00 00   # ARPHRD_NONE, index 2; up, running, no ARP
      0a 00 03 00 61 64 69 74 30 00 00 00               # IFLA_IFNAME "adit0"
      08 00 0d 00 e8 03 00 00                           # IFLA_TXQLEN 1000
      05 00 10 00 00 00 00 00                           # IFLA_OPERSTATE
      08 00 04 00 8c 05 00 00                           # IFLA_MTU 1420
      0c 00 06 00 6e 6f 71 75 65 75 65 00               # IFLA_QDISC "noqueue"
      14 00 12 00                                       # IFLA_LINKINFO, without the nest flag
       0e 00 01 00 77 69 72 65 67 75 61 72 64 00 00 00)");
  const auto link = decode_link(view_of(message));
  REQUIRE(link);
  CHECK(*link == Link{"adit0", 2, true, 1420, "wireguard", {}, {}});
}

TEST_CASE("rtnetlink_codec: addresses keep their host bits", "[wireguard]") {
  const InterfaceAddress address{*IpAddress::parse("10.98.0.1"), 20};
  CHECK(encode_add_address(2, address) == from_hex(R"(
      30 00 00 00 14 00 05 06 00 00 00 00 00 00 00 00   # RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL | ACK
      02 14 00 00 02 00 00 00                           # AF_INET, /20, index 2
      08 00 02 00 0a 62 00 01                           # IFA_LOCAL
      08 00 01 00 0a 62 00 01                           # IFA_ADDRESS
      08 00 08 00 02 00 00 00)"));  // IFA_FLAGS: no duplicate address detection
  const auto v4 = message_of(R"(
      02 14 80 00 02 00 00 00                           # AF_INET, /20, permanent, index 2
      08 00 01 00 0a 62 00 01  08 00 02 00 0a 62 00 01  # IFA_ADDRESS, IFA_LOCAL
      0a 00 03 00 61 64 69 74 30 00 00 00               # IFA_LABEL
      08 00 08 00 80 00 00 00                           # IFA_FLAGS
      14 00 06 00 ff ff ff ff ff ff ff ff b6 02 00 00 b6 02 00 00)");  // IFA_CACHEINFO
  CHECK(decode_address(view_of(v4), 2)->value() == address);
  CHECK_FALSE(*decode_address(view_of(v4), 3));  // another link's
  const auto v6 = message_of(R"(
      0a 40 82 00 02 00 00 00                           # AF_INET6, /64
      14 00 01 00 fd 12 34 56 78 9a 00 00 00 00 00 00 00 00 00 01   # IFA_ADDRESS alone
      08 00 08 00 82 00 00 00)");
  CHECK(decode_address(view_of(v6), 2)->value() ==
        InterfaceAddress{*IpAddress::parse("fd12:3456:789a::1"), 64});
}

TEST_CASE("rtnetlink_codec: of a point-to-point address the near end counts", "[wireguard]") {
  const auto message = message_of(R"(
      02 20 80 00 02 00 00 00
      08 00 01 00 c0 00 02 01                           # IFA_ADDRESS: the far end
      08 00 02 00 0a 62 00 01)");  // IFA_LOCAL
  CHECK(decode_address(view_of(message), 2)->value().address.to_string() == "10.98.0.1");
}

TEST_CASE("rtnetlink_codec: link-local addresses are left out", "[wireguard]") {
  const auto message = message_of(R"(
      0a 40 80 fd 02 00 00 00
      14 00 01 00 fe 80 00 00 00 00 00 00 00 00 00 00 00 00 00 01)");
  CHECK_FALSE(*decode_address(view_of(message), 2));
}

TEST_CASE("rtnetlink_codec: kernel routes carry protocol 173", "[wireguard]") {
  CHECK(encode_add_route(2, *IpPrefix::parse("10.30.0.0/24"), false) == from_hex(R"(
      2c 00 00 00 18 00 05 06 00 00 00 00 00 00 00 00   # RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL | ACK
      02 18 00 00 fe ad fd 01 00 00 00 00               # AF_INET, /24, main, 173, link scope, unicast
      08 00 01 00 0a 1e 00 00                           # RTA_DST 10.30.0.0
      08 00 04 00 02 00 00 00)"));  // RTA_OIF 2
  CHECK(encode_add_route(2, *IpPrefix::parse("2001:db8:30::/64"), true) == from_hex(R"(
      38 00 00 00 18 00 05 05 00 00 00 00 00 00 00 00   # NLM_F_REPLACE
      0a 40 00 00 fe ad 00 01 00 00 00 00               # AF_INET6, /64, no scope
      14 00 01 00 20 01 0d b8 00 30 00 00 00 00 00 00 00 00 00 00
      08 00 04 00 02 00 00 00)"));
  CHECK(encode_remove_route(2, *IpPrefix::parse("10.30.0.0/24")) == from_hex(R"(
      2c 00 00 00 19 00 05 00 00 00 00 00 00 00 00 00   # RTM_DELROUTE: of protocol 173 only
      02 18 00 00 fe ad fd 01 00 00 00 00
      08 00 01 00 0a 1e 00 00
      08 00 04 00 02 00 00 00)"));
}

TEST_CASE("rtnetlink_codec: routes of the main table as a kernel reports them", "[wireguard]") {
  CHECK(route_text(R"(
      02 18 00 00 fe ad fd 01 00 00 00 00               # AF_INET, /24, main, 173
      08 00 0f 00 fe 00 00 00                           # RTA_TABLE main
      08 00 01 00 0a 1e 00 00
      08 00 04 00 02 00 00 00)") == "10.30.0.0/24 proto adit dev 2 via -");
  CHECK(route_text(R"(
      02 14 00 00 fe 02 fd 01 00 00 00 00               # the network of the address
      08 00 0f 00 fe 00 00 00
      08 00 01 00 0a 62 00 00
      08 00 07 00 0a 62 00 01                           # RTA_PREFSRC
      08 00 04 00 02 00 00 00)") == "10.98.0.0/20 proto kernel dev 2 via -");
  CHECK(route_text(R"(
      0a 40 00 00 fe ad 00 01 00 00 00 00
      08 00 0f 00 fe 00 00 00
      14 00 01 00 20 01 0d b8 00 30 00 00 00 00 00 00 00 00 00 00
      08 00 06 00 00 04 00 00                           # RTA_PRIORITY 1024
      08 00 04 00 02 00 00 00)") == "2001:db8:30::/64 proto adit dev 2 via -");
  CHECK(route_text(R"(
      02 00 00 00 fe 10 00 01 00 00 00 00               # a default route by DHCP: no RTA_DST
      08 00 0f 00 fe 00 00 00
      08 00 05 00 c0 00 02 01                           # RTA_GATEWAY
      08 00 04 00 03 00 00 00)") == "0.0.0.0/0 proto dhcp dev 3 via 192.0.2.1");
  CHECK(route_text(R"(
      0a 00 00 00 fe 03 00 01 00 00 00 00               # the same in IPv6, by hand
      08 00 04 00 03 00 00 00)") == "::/0 proto boot dev 3 via -");
}

TEST_CASE("rtnetlink_codec: routes that are none of ours to see are skipped", "[wireguard]") {
  CHECK(route_text("02 20 00 00 ff 02 fe 02 00 00 00 00 08 00 01 00 0a 62 00 01") ==
        "none");  // local
  CHECK(route_text("02 18 00 00 fc ad fd 01 00 00 00 00"
                   "08 00 0f 00 34 12 00 00 08 00 01 00 0a 1e 00 00") == "none");  // table 0x1234
  CHECK(route_text("0a 80 00 00 fe 00 00 01 00 02 00 00") == "none");  // cloned: a cache entry
  CHECK(route_text("0a 60 00 00 fe 03 00 01 00 00 00 00"
                   "14 00 01 00 00 00 00 00 00 00 00 00 00 00 ff ff 00 00 00 00") ==
        "none");  // mapped
}

TEST_CASE("rtnetlink_codec: answers cut short are errors", "[wireguard]") {
  const auto message = message_of("02 14 80");
  CHECK_FALSE(decode_link(view_of(message)));
  CHECK_FALSE(decode_address(view_of(message), 2));
  CHECK_FALSE(decode_route(view_of(message)));
}

TEST_CASE("rtnetlink_codec: which link a notification is about", "[wireguard]") {
  const auto news_of = [](std::uint16_t type, std::string_view payload) {
    const Message message = MessageWriter(type, 0, from_hex(payload)).take();
    const auto news = decode_news(view_of(message));
    if (!news) return std::string("error");
    return *news ? fmt::format("{} {}", (*news)->index, (*news)->name) : std::string("none");
  };
  constexpr const char* kLink = R"(
      00 00 fe ff 07 00 00 00 c1 00 00 00 00 00 00 00   # ifinfomsg: index 7
      0a 00 03 00 61 64 69 74 30 00 00 00)";                            // IFLA_IFNAME "adit0"
  CHECK(news_of(16, kLink) == "7 adit0");                               // RTM_NEWLINK
  CHECK(news_of(17, kLink) == "7 adit0");                               // RTM_DELLINK
  constexpr const char* kAddress = R"(
      02 14 80 00 07 00 00 00                           # ifaddrmsg: index 7
      08 00 02 00 0a 62 00 01)";                                        // IFA_LOCAL
  CHECK(news_of(20, kAddress) == "7 ");                                 // RTM_NEWADDR
  CHECK(news_of(21, kAddress) == "7 ");                                 // RTM_DELADDR
  constexpr const char* kRoute = R"(
      02 18 00 00 fe ad fd 01 00 00 00 00
      08 00 01 00 0a 1e 00 00
      08 00 04 00 07 00 00 00)";                                        // RTA_OIF 7
  CHECK(news_of(24, kRoute) == "7 ");                                   // RTM_NEWROUTE
  CHECK(news_of(25, kRoute) == "7 ");                                   // RTM_DELROUTE
  CHECK(news_of(24, "02 18 00 00 fe ad fd 01 00 00 00 00") == "none");  // unreachable, multipath
  CHECK(news_of(28, kAddress) == "none");                               // RTM_NEWNEIGH
  CHECK(news_of(16, "00 00 fe ff 07 00 00 00") == "error");
  CHECK(news_of(20, "02 14 80 00") == "error");
}
