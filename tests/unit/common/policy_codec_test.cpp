// Access and limits on the wire.
#include "common/bytes/byte_writer.hpp"
#include "common/control/codec.hpp"
#include "tests/support/bytes.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/tables.hpp"

namespace adit::control {
namespace {

using test::Bytes;

IpPrefix net(const char* text) {
  return IpPrefix::parse(text).value();
}

Table with_policy() {
  Table table = test::make_table(
      {test::make_route("host/a", "a.example.com"), test::make_route("host/b", "b.example.com")});
  table.routes[0].access = Access{.from = Audience::Devices,
                                  .allow = {net("192.0.2.0/24"), net("2001:db8::/32")},
                                  .deny = {net("0.0.0.0/0")},
                                  .grants = {{net("198.51.100.7/32"), 1'800'000'000}}};
  table.routes[0].limits = RouteLimits{500, 50, 20, 50'000'000, 20'000'000};
  table.routes[1].limits = RouteLimits{.bandwidth = 8'000};
  table.settings.access = Access{.deny = {net("203.0.113.0/24")}};
  table.settings.devices = {net("10.98.8.0/21"), net("2001:db8:98::/64")};
  table.settings.tunnel = "adit0";
  return table;
}

/// field: tag(2) length(4) value
Bytes field(std::uint16_t tag, const Bytes& value) {
  ByteWriter out;
  out.u16(tag);
  out.u32(static_cast<std::uint32_t>(value.size()));
  out.bytes(value);
  return out.take();
}

Bytes number(std::uint16_t tag, std::uint64_t value) {
  ByteWriter out;
  out.u64(value);
  return field(tag, out.take());
}

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// Table: 2 settings; Settings: 8 a device prefix.
Bytes with_device_prefix(const Bytes& prefix) {
  return field(2, field(8, prefix));
}

TEST_CASE("codec: access and limits and back", "[common]") {
  const Table table = with_policy();
  const auto again = decode_table(encode_table(table));
  REQUIRE(again);
  CHECK(*again == table);
  for (const auto change : {0, 1, 2, 3, 4}) {
    Table other = table;
    if (change == 0) other.routes[0].access = {};
    if (change == 1) other.routes[1].limits = RouteLimits{.bandwidth = 8'001};
    if (change == 2) other.settings.access = {};
    if (change == 3) other.settings.devices.pop_back();
    if (change == 4) other.settings.tunnel = "adit1";
    CAPTURE(change);
    CHECK_FALSE(other == table);
    CHECK(digest(other) != digest(table));
  }
}

TEST_CASE("codec: a table without policy has the bytes that it always had", "[common]") {
  Table table = test::make_table({test::make_route("host/a", "a.example.com")});
  const Bytes plain = encode_table(table);
  table.routes[0].access = Access{};
  table.routes[0].limits = RouteLimits{};
  table.settings.access = Access{};
  CHECK(encode_table(table) == plain);
  CHECK_FALSE(table.routes[0].access.is_set());
}

TEST_CASE("codec: a prefix is whole, in range and without host bits", "[common]") {
  const Bytes address = field(1, {192, 0, 2, 0});
  const auto read = decode_table(with_device_prefix(address + number(2, 24)));
  REQUIRE(read);
  CHECK(read->settings.devices == std::vector{net("192.0.2.0/24")});
  CHECK(decode_table(with_device_prefix(number(2, 24) + address)));
  CHECK_FALSE(decode_table(with_device_prefix(address + number(2, 33))));
  CHECK_FALSE(decode_table(with_device_prefix(address + number(2, 256))));
  CHECK_FALSE(decode_table(with_device_prefix(address + number(2, 16) + field(1, {192, 0, 2, 1}))));
  CHECK_FALSE(decode_table(with_device_prefix(number(2, 24))));
  CHECK_FALSE(decode_table(with_device_prefix({})));
}

TEST_CASE("rare: a value that is nearly always the default", "[common]") {
  const Rare<RouteLimits> none;
  CHECK_FALSE(none.is_set());
  CHECK(*none == RouteLimits{});
  CHECK(Rare<RouteLimits>(RouteLimits{}) == none);
  const Rare<RouteLimits> some(RouteLimits{.connections = 3});
  const Rare<RouteLimits> copy = some;  // NOLINT(performance-unnecessary-copy-initialization)
  CHECK(copy == some);
  CHECK(copy->connections == 3);
  CHECK_FALSE(some == none);
  Rare<RouteLimits> changed = some;
  changed = none;
  CHECK(changed == none);
  CHECK(sizeof none == sizeof(void*));
}

}  // namespace
}  // namespace adit::control
