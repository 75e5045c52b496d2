#include "common/control/codec.hpp"

#include <algorithm>
#include <limits>

#include "common/bytes/byte_writer.hpp"
#include "tests/support/bytes.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/tables.hpp"

namespace adit::control {
namespace {

using test::Bytes;
using test::make_route;

Table sample_table() {
  Table table;
  table.revision = 42;
  table.settings.addresses = {*IpAddress::parse("::"), *IpAddress::parse("192.0.2.1")};
  table.settings.timeouts = {Milliseconds(1), Milliseconds(2), Milliseconds(3), Milliseconds(4),
                             Milliseconds(5)};
  table.settings.limits = {6, 7, 8};
  table.settings.privacy = Privacy::Hash;
  table.routes = {make_route("host/app", "app.example.com"),
                  make_route("host/lab", "*.lab.example.com", 8443), make_route("host/*", "*", 0)};
  table.routes.push_back(make_route("port/game", "*", 25565));
  table.routes.back().protocol = Protocol::Raw;
  table.routes[0].targets.push_back({*Endpoint::parse("[2001:db8::5]:65535"), 0});
  table.routes[1].drain = Milliseconds(0);
  table.routes[0].http = {8080, HttpAction::Forward, *Endpoint::parse("10.30.0.200:80"),
                          ProxyProtocol::V1};
  table.routes[0].proxy_protocol = ProxyProtocol::V2;
  table.routes[0].alpn = {{"acme-tls/1", *Endpoint::parse("10.30.0.9:443")},
                          {std::string("\0\xff", 2), *Endpoint::parse("[2001:db8::9]:1")}};
  table.settings.accept_proxy = {*IpPrefix::parse("192.0.2.0/24"),
                                 *IpPrefix::parse("2001:db8::/32")};
  table.routes[1].check = HealthCheck::Tls;
  table.settings.source_addresses = {*IpAddress::parse("10.98.0.2"),
                                     *IpAddress::parse("2001:db8::2")};
  return table;
}

Stats sample_stats() {
  Stats stats;
  stats.software = "adit-relay 0.1.0";
  stats.supervisor_pid = 1;
  stats.data_pid = 2;
  stats.revision = 3;
  stats.table_digest = std::numeric_limits<std::uint64_t>::max();
  stats.workers = 4;
  stats.active = 5;
  stats.accepted = 6;
  stats.bytes_to_target = 7;
  stats.bytes_to_client = 8;
  stats.spliced_bytes = 9;
  stats.effective_limits = {10, 11, 12};
  stats.closed = {{"finished", 13}, {"refused_not_tls", 14}};
  stats.listeners = {{{*IpAddress::parse("::"), 0}, 40'443, ""},
                     {{*IpAddress::parse("::"), 0, Protocol::Http}, 40'080, ""},
                     {{*IpAddress::parse("192.0.2.1"), 443}, 0, "address in use"}};
  stats.routes = {{"host/app", 1, 2, 3, 4}, {"", 0, 0, 0, 0}};
  stats.route_count = 15;
  stats.sandbox = {Protection::Off, Protection::Missing};
  stats.cache_problem = "no space";
  stats.sites_down = {"home"};
  return stats;
}

ConnectionRecord sample_record() {
  return {.id = 1,
          .client = *Endpoint::parse("[2001:db8::9]:50000"),
          .host = "app.example.com",
          .route = "host/app.example.com",
          .target = *Endpoint::parse("10.30.0.200:443"),
          .state = "relaying",
          .started_ms = 2,
          .duration_ms = 3,
          .connect_us = 4,
          .bytes_to_target = 5,
          .bytes_to_client = 6,
          .spliced_bytes = 7,
          .client_leg = {8, 9},
          .target_leg = {10, 11}};
}

std::vector<Message> one_of_each() {
  return {Hello{1, 2, "adit-controller 0.1.0"},
          HelloReply{1, "adit-relay 0.1.0"},
          Check{sample_table()},
          CheckReply{{"port 443 is taken", ""}},
          Set{sample_table(), 43},
          SetReply{{"bad"}, "cache not written", 42},
          StatsRequest{},
          sample_stats(),
          HealthRequest{},
          HealthReply{{{"host/app", *Endpoint::parse("10.30.0.200:443"), TargetState::Down,
                        Milliseconds(1), 2, "target_refused", Milliseconds(3), 4},
                       {}}},
          ConnectionsRequest{12, 13, "host/app"},
          Connections{{sample_record(), {}}, true},
          RecordsRequest{14, 15, 19},
          Records{{sample_record()}, 16, 17, 20},
          Kill{18},
          KillReply{true},
          SiteState{{"home", "office"}},
          SiteStateReply{},
          Reload{},
          ReloadReply{},
          Failure{"later", true}};
}

TEST_CASE("codec: every message decodes to what was encoded", "[common]") {
  for (const Message& message : one_of_each()) {
    CAPTURE(message.index());
    const Envelope envelope{0xfeedf00d, message};
    const auto decoded = decode(encode(envelope));
    REQUIRE(decoded);
    CHECK(*decoded == envelope);
  }
  CHECK(one_of_each().size() == std::variant_size_v<Message>);
}

TEST_CASE("codec: the bytes of a Hello, as every version must read them", "[common]") {
  // type u16 | id u32 | tag 1: oldest | tag 2: newest | tag 3: software
  const Bytes want{0, 1, 0, 0, 0, 9,                  // Hello, id 9
                   0, 1, 0, 0, 0, 1, 1,               // oldest_version 1
                   0, 2, 0, 0, 0, 2, 1,   2,          // newest_version 258
                   0, 3, 0, 0, 0, 3, 'a', 'b', 'c'};  // software
  CHECK(encode({9, Hello{1, 258, "abc"}}) == want);
}

TEST_CASE("codec: unknown fields are skipped, missing ones keep their default", "[common]") {
  Bytes newer = encode({1, SetReply{{}, "careful", 7}});
  const Bytes unknown{0x7f, 0xff, 0, 0, 0, 2, 1, 2};
  newer.insert(newer.end(), unknown.begin(), unknown.end());
  const auto decoded = decode(newer);
  REQUIRE(decoded);
  CHECK(std::get<SetReply>(decoded->message) == SetReply{{}, "careful", 7});
  const auto empty = decode(Bytes{0, 1, 0, 0, 0, 1});
  REQUIRE(empty);
  CHECK(std::get<Hello>(empty->message) == Hello{});
}

TEST_CASE("codec: what a route does without is not in its bytes", "[common]") {
  Table plain = sample_table();
  plain.routes.erase(plain.routes.begin() + 1, plain.routes.end());
  plain.routes[0].proxy_protocol = ProxyProtocol::None;
  plain.routes[0].http->proxy_protocol = ProxyProtocol::None;
  plain.routes[0].alpn.clear();
  plain.settings.accept_proxy.clear();
  const std::size_t size = encode_table(plain).size();
  constexpr std::size_t kNumber = 6 + 1;
  Table more = plain;
  more.routes[0].proxy_protocol = ProxyProtocol::V1;
  CHECK(encode_table(more).size() == size + kNumber);
  more.routes[0].http->proxy_protocol = ProxyProtocol::V2;
  CHECK(encode_table(more).size() == size + 2 * kNumber);
  CHECK(digest(more) != digest(plain));
}

TEST_CASE("codec: an unknown message type is a Failure that can be answered", "[common]") {
  const auto decoded = decode(Bytes{0x12, 0x34, 0, 0, 0, 5, 1, 2, 3});
  REQUIRE(decoded);
  CHECK(decoded->id == 5);
  CHECK(std::holds_alternative<Failure>(decoded->message));
}

TEST_CASE("codec: a message that is cut off is an error or a shorter message, never read past",
          "[common]") {
  for (const Message& message : one_of_each()) {
    const Envelope envelope{1, message};
    const Bytes whole = encode(envelope);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      CAPTURE(message.index(), size);
      const Bytes part = test::prefix(whole, size);  // its own allocation: ASan sees its end
      const auto decoded = decode(part);
      if (decoded) {
        CHECK_FALSE(*decoded == envelope);
      } else {
        CHECK(decoded.error().code == Errc::Protocol);
      }
    }
  }
}

TEST_CASE("codec: values out of range are refused", "[common]") {
  const auto settings_field = [](std::uint16_t tag, const Bytes& value) {
    ByteWriter out;  // Table: tag 2 is Settings
    out.u16(2);
    out.u32(static_cast<std::uint32_t>(6 + value.size()));
    out.u16(tag);
    out.u32(static_cast<std::uint32_t>(value.size()));
    out.bytes(value);
    return out.take();
  };
  CHECK(decode_table(settings_field(4, {0, 0, 0, 0, 0, 0, 0, 2})));
  CHECK_FALSE(decode_table(settings_field(4, {0, 0, 0, 0, 0, 0, 0, 3})));  // no such privacy
  CHECK(decode_table(settings_field(4, {2})));
  CHECK_FALSE(decode_table(settings_field(4, {})));  // a number has 1 to 8 bytes
  CHECK_FALSE(decode_table(settings_field(4, {0, 0, 0, 0, 0, 0, 0, 0, 2})));
  CHECK_FALSE(decode_table(settings_field(1, {192, 0, 2})));  // no address has 3
  CHECK_FALSE(decode_table(settings_field(3, {0, 1, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0})));
  const auto network = [](Bytes address, std::uint8_t length) {
    ByteWriter out;  // tag 1: address | tag 2: length
    out.u16(1);
    out.u32(static_cast<std::uint32_t>(address.size()));
    out.bytes(address);
    out.u16(2);
    out.u32(8);
    out.u64(length);
    return out.take();
  };
  CHECK(decode_table(settings_field(5, network({192, 0, 2, 0}, 32))));
  CHECK_FALSE(decode_table(settings_field(5, network({192, 0, 2, 0}, 33))));
  CHECK_FALSE(decode_table(settings_field(5, network({192, 0, 2}, 8))));
  CHECK_FALSE(decode_table(settings_field(2, {0, 1, 0, 0, 0, 8, 255, 0, 0, 0, 0, 0, 0, 0})));
}

TEST_CASE("codec: a route needs a valid pattern", "[common]") {
  const auto route_with = [](std::string_view pattern) {
    ByteWriter out;  // Table: tag 3 is a Route, whose tag 2 is the pattern
    out.u16(3);
    out.u32(static_cast<std::uint32_t>(6 + pattern.size()));
    out.u16(2);
    out.u32(static_cast<std::uint32_t>(pattern.size()));
    out.text(pattern);
    return out.take();
  };
  CHECK(decode_table(route_with("app.example.com")));
  CHECK_FALSE(decode_table(route_with("a..b")));
  CHECK_FALSE(decode_table(route_with("")));
  CHECK_FALSE(decode_table(Bytes{0, 3, 0, 0, 0, 0}));
}

TEST_CASE("codec: tables alone, and their digest", "[common]") {
  const Table table = sample_table();
  const auto again = decode_table(encode_table(table));
  REQUIRE(again);
  CHECK(*again == table);
  CHECK(digest(*again) == digest(table));
  Table later = table;
  later.revision = 43;
  CHECK(digest(later) == digest(table));  // the same table, pushed again
  later.routes[1].drain = Milliseconds(1);
  CHECK(digest(later) != digest(table));
  CHECK(digest(Table{}) != 0);
}

}  // namespace
}  // namespace adit::control
