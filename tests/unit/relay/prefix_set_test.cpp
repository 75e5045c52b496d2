#include "relay/prefix_set.hpp"

#include <vector>

#include "tests/support/catch.hpp"

namespace adit::relay {
namespace {

IpAddress ip(const char* text) {
  return IpAddress::parse(text).value();
}

std::vector<IpPrefix> prefixes(std::initializer_list<const char*> texts) {
  std::vector<IpPrefix> out;
  for (const char* text : texts) out.push_back(IpPrefix::parse(text).value());
  return out;
}

TEST_CASE("prefix_set: the innermost of nested networks", "[relay]") {
  const PrefixSet set(prefixes({"10.0.0.0/8", "10.30.0.0/16", "10.30.0.0/24", "10.30.0.200/32",
                                "192.0.2.0/24", "192.0.2.128/25"}));

  struct Case {
    const char* address;
    int want;  ///< -1: none
  };

  const Case cases[] = {
      {"9.255.255.255", -1}, {"10.0.0.0", 8},       {"10.29.255.255", 8}, {"10.30.0.0", 24},
      {"10.30.0.199", 24},   {"10.30.0.200", 32},   {"10.30.0.201", 24},  {"10.30.1.0", 16},
      {"10.31.0.0", 8},      {"10.255.255.255", 8}, {"11.0.0.0", -1},     {"192.0.2.127", 24},
      {"192.0.2.128", 25},   {"192.0.2.255", 25},   {"192.0.3.0", -1},
  };
  for (const Case& each : cases) {
    CAPTURE(each.address);
    const auto longest = set.longest(ip(each.address));
    CHECK((longest ? static_cast<int>(*longest) : -1) == each.want);
    CHECK(set.contains(ip(each.address)) == (each.want != -1));
  }
}

TEST_CASE("prefix_set: the ends of the address space", "[relay]") {
  const PrefixSet set(prefixes({"0.0.0.0/0", "255.255.255.255/32", "255.255.255.254/31", "::/0",
                                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", "2001:db8::/64",
                                "2001:db8::/63", "2001:db8:0:0:8000::/65"}));
  CHECK(set.longest(ip("0.0.0.0")) == 0);
  CHECK(set.longest(ip("255.255.255.253")) == 0);
  CHECK(set.longest(ip("255.255.255.254")) == 31);
  CHECK(set.longest(ip("255.255.255.255")) == 32);
  CHECK(set.longest(ip("::")) == 0);
  CHECK(set.longest(ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe")) == 0);
  CHECK(set.longest(ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")) == 128);
  CHECK(set.longest(ip("2001:db8::1")) == 64);
  CHECK(set.longest(ip("2001:db8::8000:0:0:1")) == 65);
  CHECK(set.longest(ip("2001:db8:0:1::1")) == 63);
  CHECK(set.longest(ip("2001:db8:0:2::1")) == 0);
}

TEST_CASE("prefix_set: families do not mix, mapped addresses are IPv4", "[relay]") {
  const PrefixSet v6(prefixes({"::/0"}));
  CHECK_FALSE(v6.contains(ip("192.0.2.1")));
  CHECK_FALSE(v6.contains(ip("::ffff:192.0.2.1")));
  CHECK(v6.contains(ip("2001:db8::1")));
  const PrefixSet v4(prefixes({"192.0.2.0/24"}));
  CHECK(v4.contains(ip("::ffff:192.0.2.1")));
  CHECK_FALSE(v4.contains(ip("2001:db8::1")));
}

TEST_CASE("prefix_set: empty, and one network twice", "[relay]") {
  CHECK(PrefixSet{}.is_empty());
  CHECK_FALSE(PrefixSet{}.contains(ip("192.0.2.1")));
  const PrefixSet twice(prefixes({"192.0.2.0/24", "192.0.2.0/24"}));
  CHECK_FALSE(twice.is_empty());
  CHECK(twice.longest(ip("192.0.2.9")) == 24);
  CHECK(twice.memory_bytes() <= 2 * 5);
}

}  // namespace
}  // namespace adit::relay
