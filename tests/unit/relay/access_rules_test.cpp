#include "relay/access_rules.hpp"

#include "common/clock.hpp"
#include "relay/route_table.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/tables.hpp"

namespace adit::relay {
namespace {

using control::Access;
using control::Audience;
using std::chrono::sys_seconds;

constexpr sys_seconds kNow{Seconds(1'800'000'000)};

IpPrefix net(const char* text) {
  return IpPrefix::parse(text).value();
}

AccessVerdict judge(const Access& access, const char* client, sys_seconds now = kNow) {
  return AccessRules(access).judge(IpAddress::parse(client).value(), now);
}

TEST_CASE("access_rules: the longest prefix decides between allow and deny", "[relay]") {
  const Access access{
      .allow = {net("203.0.113.0/24"), net("2001:db8::/32")},
      .deny = {net("203.0.113.128/25"), net("198.51.100.0/24"), net("2001:db8:bad::/48")}};
  CHECK(judge(access, "203.0.113.1") == AccessVerdict::Welcome);
  CHECK(judge(access, "203.0.113.200") == AccessVerdict::Denied);
  CHECK(judge(access, "198.51.100.1") == AccessVerdict::Denied);
  CHECK(judge(access, "192.0.2.1") == AccessVerdict::Unlisted);
  CHECK(judge(access, "::ffff:203.0.113.1") == AccessVerdict::Welcome);
  CHECK(judge(access, "2001:db8:1::1") == AccessVerdict::Welcome);
  CHECK(judge(access, "2001:db8:bad::1") == AccessVerdict::Denied);
  Access island = access;
  island.allow.push_back(net("203.0.113.200/32"));
  CHECK(judge(island, "203.0.113.200") == AccessVerdict::Welcome);
  CHECK(judge(island, "203.0.113.201") == AccessVerdict::Denied);
}

TEST_CASE("access_rules: with a deny list alone all others are welcome", "[relay]") {
  const Access access{.deny = {net("203.0.113.0/24")}};
  CHECK(judge(access, "203.0.113.1") == AccessVerdict::Denied);
  CHECK(judge(access, "203.0.114.1") == AccessVerdict::Welcome);
  CHECK(judge(access, "2001:db8::1") == AccessVerdict::Welcome);
  const Access nobody{.deny = {net("0.0.0.0/0"), net("::/0")}};
  CHECK(judge(nobody, "192.0.2.1") == AccessVerdict::Denied);
  CHECK(judge(nobody, "2001:db8::1") == AccessVerdict::Denied);
}

TEST_CASE("access_rules: equal prefixes, which no table has, are denied", "[relay]") {
  const Access access{.allow = {net("203.0.113.0/24")}, .deny = {net("203.0.113.0/24")}};
  CHECK(judge(access, "203.0.113.1") == AccessVerdict::Denied);
  CHECK(problems_of(access) ==
        std::vector<std::string>{"access: 203.0.113.0/24 is allowed and denied"});
}

TEST_CASE("access_rules: devices, and the lists before them", "[relay]") {
  const Access access{.from = Audience::Devices, .deny = {net("10.98.8.66/32")}};
  CHECK(judge(access, "10.98.8.5") == AccessVerdict::IfDevice);
  CHECK(judge(access, "192.0.2.1") == AccessVerdict::IfDevice);
  CHECK(judge(access, "10.98.8.66") == AccessVerdict::Denied);
}

TEST_CASE("access_rules: a grant lets in until its time", "[relay]") {
  const auto until = static_cast<std::uint64_t>(kNow.time_since_epoch().count()) + 10;
  Access access{.allow = {net("203.0.113.0/24")},
                .deny = {net("198.51.100.0/24")},
                .grants = {{net("192.0.2.7/32"), until}, {net("198.51.100.7/32"), until}}};
  CHECK(judge(access, "192.0.2.7") == AccessVerdict::Welcome);
  CHECK(judge(access, "192.0.2.8") == AccessVerdict::Unlisted);
  CHECK(judge(access, "198.51.100.7") == AccessVerdict::Welcome);
  CHECK(judge(access, "192.0.2.7", kNow + Seconds(9)) == AccessVerdict::Welcome);
  CHECK(judge(access, "192.0.2.7", kNow + Seconds(10)) == AccessVerdict::Unlisted);
  CHECK(judge(access, "198.51.100.7", kNow + Seconds(10)) == AccessVerdict::Denied);
  access.from = Audience::Devices;
  access.allow.clear();
  CHECK(judge(access, "192.0.2.7") == AccessVerdict::Welcome);
  CHECK(judge(access, "192.0.2.7", kNow + Seconds(10)) == AccessVerdict::IfDevice);
}

TEST_CASE("access_rules: a longer denial beats a grant, a lost clock ends it", "[relay]") {
  const Access access{.deny = {net("192.0.2.7/32"), net("192.0.0.0/16")},
                      .grants = {{net("192.0.2.0/24"), ~std::uint64_t{0}}}};
  CHECK(judge(access, "192.0.2.7") == AccessVerdict::Denied);
  CHECK(judge(access, "192.0.2.8") == AccessVerdict::Welcome);
  CHECK(judge(access, "192.0.2.8", sys_seconds(Seconds(5))) == AccessVerdict::Denied);
  CHECK(judge(access, "192.0.2.8", sys_seconds(Seconds(-5))) == AccessVerdict::Denied);
}

TEST_CASE("access_rules: what a table may not ask for", "[relay]") {
  control::Table table = test::make_table({test::make_route("host/a", "a.example.com")});
  CHECK(find_problems(table).empty());
  Access many;
  many.grants.resize(kMaxGrants + 1);
  table.routes[0].access = many;
  table.routes[0].limits = control::RouteLimits{.bandwidth = 7'999, .bandwidth_per_client = 1};
  table.settings.access = Access{.from = Audience::Devices};
  CHECK(find_problems(table) ==
        std::vector<std::string>{
            "settings: access: only allow and deny can be for everything",
            "route 1 (a.example.com): access: more than 1000 grants",
            "route 1 (a.example.com): limits: bandwidth must be at least 8000 bit/s",
            "route 1 (a.example.com): limits: bandwidth_per_client must be at least 8000 bit/s"});
}

TEST_CASE("route_table: only a route with access has rules", "[relay]") {
  control::Table table = test::make_table(
      {test::make_route("host/a", "a.example.com"), test::make_route("host/b", "b.example.com")});
  table.routes[1].access = Access{.deny = {net("192.0.2.0/24")}};
  RouteStates states;
  const auto built = RouteTable::build(table, nullptr, states).value();
  CHECK(built->access() == nullptr);
  CHECK((*built->find_by_name("host/a"))->access == nullptr);
  REQUIRE((*built->find_by_name("host/b"))->access != nullptr);
  // Another list is another route; the same list is not.
  const auto same = RouteTable::build(table, built.get(), states).value();
  CHECK(*same->find_by_name("host/b") == *built->find_by_name("host/b"));
  table.routes[1].access = Access{.deny = {net("192.0.2.0/25")}};
  const auto other = RouteTable::build(table, built.get(), states).value();
  CHECK(*other->find_by_name("host/b") != *built->find_by_name("host/b"));
  CHECK((*other->find_by_name("host/b"))->state == (*built->find_by_name("host/b"))->state);
}

TEST_CASE("route_table: the bandwidth of a route lives in its state", "[relay]") {
  RouteState state;
  state.set_bandwidth({});
  CHECK(state.bandwidth() == nullptr);
  state.set_bandwidth({.bandwidth = 8'000'000});
  RouteBandwidth* bandwidth = state.bandwidth();
  REQUIRE(bandwidth != nullptr);
  CHECK(bandwidth->is_limited());
  CHECK(bandwidth->of_route == 8'000'000);
  state.set_bandwidth({});
  CHECK(state.bandwidth() == bandwidth);
  CHECK_FALSE(bandwidth->is_limited());
}

}  // namespace
}  // namespace adit::relay
