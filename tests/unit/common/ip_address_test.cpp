#include "common/net/ip_address.hpp"

#include <string>
#include <string_view>

#include <netinet/in.h>
#include <sys/un.h>

#include "tests/support/catch.hpp"

namespace adit {
namespace {

IpAddress address(std::string_view text) {
  const auto parsed = IpAddress::parse(text);
  CAPTURE(text);
  REQUIRE(parsed);
  return *parsed;
}

IpPrefix network(std::string_view text) {
  const auto parsed = IpPrefix::parse(text);
  CAPTURE(text);
  REQUIRE(parsed);
  return *parsed;
}

TEST_CASE("ip_address: text to value and back", "[common]") {
  const auto [in, want] = GENERATE(table<const char*, const char*>({
      {"192.0.2.1", "192.0.2.1"},
      {"0.0.0.0", "0.0.0.0"},
      {"255.255.255.255", "255.255.255.255"},
      {"::", "::"},
      {"2001:DB8:0:0::1", "2001:db8::1"},
      {"::ffff:192.0.2.1", "192.0.2.1"},  // mapped is held as IPv4
      {"::ffff:c000:201", "192.0.2.1"},
  }));
  CHECK(address(in).to_string() == want);
}

TEST_CASE("ip_address: what is none", "[common]") {
  using namespace std::string_view_literals;
  const auto text = GENERATE(""sv, "192.0.2"sv, "192.0.2.256"sv, "192.0.2.1.1"sv, "192.0.2.01"sv,
                             " 192.0.2.1"sv, "192.0.2.1 "sv, "192.0.2.1\0"sv, "2001:db8::1::"sv,
                             "[2001:db8::1]"sv, "2001:db8::1%eth0"sv, "2001:db8::1/64"sv,
                             "example.com"sv, "0x7f.0.0.1"sv, "12345"sv);
  CAPTURE(text);
  const auto parsed = IpAddress::parse(text);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().code == Errc::Invalid);
}

TEST_CASE("ip_address: kinds and sizes", "[common]") {
  CHECK(address("192.0.2.1").bits() == 32);
  CHECK(address("2001:db8::1").bits() == 128);
  CHECK(address("2001:db8::1").bytes().size() == 16);
  CHECK(address("0.0.0.0").is_unspecified());
  CHECK(address("::").is_unspecified());
  CHECK_FALSE(address("::1").is_unspecified());
  CHECK(address("127.9.9.9").is_loopback());
  CHECK(address("::1").is_loopback());
  CHECK_FALSE(address("::2").is_loopback());
  CHECK_FALSE(address("192.0.2.1").is_loopback());
  CHECK(IpAddress() == address("0.0.0.0"));
}

TEST_CASE("ip_address: addition carries", "[common]") {
  CHECK(address("10.98.0.10").plus(0) == address("10.98.0.10"));
  CHECK(address("10.98.0.255").plus(1) == address("10.98.1.0"));
  CHECK(address("10.98.0.0").plus(0x1234) == address("10.98.18.52"));
  CHECK(address("2001:db8::ffff").plus(1) == address("2001:db8::1:0"));
  CHECK(address("255.255.255.255").plus(1) == address("0.0.0.0"));
}

TEST_CASE("ip_prefix: text to value and back", "[common]") {
  CHECK(network("10.30.0.0/24").to_string() == "10.30.0.0/24");
  CHECK(network("192.0.2.1").to_string() == "192.0.2.1/32");
  CHECK(network("2001:db8::/32").to_string() == "2001:db8::/32");
  CHECK(network("2001:db8::1").to_string() == "2001:db8::1/128");
  CHECK(network("0.0.0.0/0").length() == 0);
  CHECK(IpPrefix(address("10.30.0.77"), 24) == network("10.30.0.0/24"));
  CHECK(IpPrefix(address("10.30.0.77"), 31) == network("10.30.0.76/31"));
}

TEST_CASE("ip_prefix: what is none, and what would be right", "[common]") {
  const auto text = GENERATE("10.30.0.0/33", "10.30.0.0/", "10.30.0.0/-1", "10.30.0.0/024",
                             "10.30.0.0/24x", "/24", "2001:db8::/129", "example.com/24");
  CAPTURE(text);
  CHECK_FALSE(IpPrefix::parse(text));
  const auto host_bits = IpPrefix::parse("10.30.0.7/24");
  REQUIRE_FALSE(host_bits);
  CHECK(host_bits.error().what.find("10.30.0.0/24") != std::string::npos);
}

TEST_CASE("ip_prefix: what it contains and overlaps", "[common]") {
  const IpPrefix net = network("10.30.0.0/20");
  CHECK(net.contains(address("10.30.0.0")));
  CHECK(net.contains(address("10.30.15.255")));
  CHECK_FALSE(net.contains(address("10.30.16.0")));
  CHECK_FALSE(net.contains(address("::a1e:0")));
  CHECK(net.contains(network("10.30.4.0/24")));
  CHECK_FALSE(net.contains(network("10.30.0.0/16")));
  CHECK(net.overlaps(network("10.30.0.0/16")));
  CHECK(net.overlaps(network("10.30.4.0/24")));
  CHECK_FALSE(net.overlaps(network("10.30.16.0/20")));
  CHECK(network("::/0").contains(address("2001:db8::1")));
  CHECK_FALSE(network("::/0").contains(address("192.0.2.1")));
  CHECK(network("2001:db8::/33").contains(address("2001:db8:7fff::1")));
  CHECK_FALSE(network("2001:db8::/33").contains(address("2001:db8:8000::1")));
}

TEST_CASE("endpoint: text to value and back", "[common]") {
  CHECK(Endpoint::parse("10.30.0.200:443")->to_string() == "10.30.0.200:443");
  CHECK(Endpoint::parse("[2001:db8::1]:65535")->to_string() == "[2001:db8::1]:65535");
  const auto text = GENERATE("10.30.0.200", "10.30.0.200:", "10.30.0.200:0", "10.30.0.200:65536",
                             "10.30.0.200:0443", "2001:db8::1:443", "[10.30.0.200]:443",
                             "[2001:db8::1]", "home.example.com:443", ":443", "");
  CAPTURE(text);
  CHECK_FALSE(Endpoint::parse(text));
}

TEST_CASE("endpoint: to sockaddr and back", "[common]") {
  const auto text = GENERATE("10.30.0.200:443", "[2001:db8::1]:8443");
  const auto endpoint = Endpoint::parse(text);
  REQUIRE(endpoint);
  sockaddr_storage storage{};
  const socklen_t size = endpoint->to_sockaddr(storage);
  const auto again = Endpoint::from_sockaddr(reinterpret_cast<sockaddr*>(&storage), size);
  REQUIRE(again);
  CHECK(*again == *endpoint);
  CHECK_FALSE(Endpoint::from_sockaddr(reinterpret_cast<sockaddr*>(&storage), 4));
}

TEST_CASE("endpoint: a mapped address of a dual-stack socket is IPv4; others are refused",
          "[common]") {
  sockaddr_in6 mapped{};
  mapped.sin6_family = AF_INET6;
  mapped.sin6_port = htons(443);
  mapped.sin6_addr.s6_addr[10] = mapped.sin6_addr.s6_addr[11] = 0xff;
  mapped.sin6_addr.s6_addr[12] = 192;
  mapped.sin6_addr.s6_addr[14] = 2;
  mapped.sin6_addr.s6_addr[15] = 7;
  const auto endpoint =
      Endpoint::from_sockaddr(reinterpret_cast<sockaddr*>(&mapped), sizeof mapped);
  REQUIRE(endpoint);
  CHECK(endpoint->to_string() == "192.0.2.7:443");
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  CHECK_FALSE(Endpoint::from_sockaddr(reinterpret_cast<sockaddr*>(&local), sizeof local));
}

}  // namespace
}  // namespace adit
