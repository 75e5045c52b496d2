#include "controller/apply/tear_down.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/apply/fakes.hpp"

namespace adit::apply {

namespace {

using Calls = std::vector<std::string>;

wireguard::PublicKey key_of(std::uint8_t seed) {
  wireguard::PublicKey key;
  key.bytes.fill(seed);
  return key;
}

/// adit0 with `key`, an address and two kernel routes of ours.
test::FakeTunnel tunnel_with(std::uint8_t key) {
  test::FakeTunnel tunnel;
  auto& link = tunnel.link.emplace();
  link.name = "adit0";
  link.addresses = {{IpAddress::parse("10.98.0.1").value(), 20}};
  link.kernel_routes = {IpPrefix::parse("10.30.0.0/24").value(),
                        IpPrefix::parse("10.31.0.0/24").value()};
  tunnel.device.public_key = key_of(key);
  return tunnel;
}

}  // namespace

TEST_CASE("tear_down: our interface goes with its kernel routes", "[controller]") {
  test::FakeTunnel tunnel = tunnel_with(1);
  test::FakeBackend backend(tunnel);
  const auto done = tear_down_interface(backend, "adit0", key_of(1));
  REQUIRE(done);
  CHECK(done->removed ==
        Calls{"kernel route 10.30.0.0/24", "kernel route 10.31.0.0/24", "interface adit0"});
  CHECK(done->left.empty());
  CHECK_FALSE(tunnel.link);
  CHECK(tunnel.calls == Calls{"remove_kernel_route", "remove_kernel_route", "delete"});
  // Again: nothing is there, and that is fine.
  CHECK(tear_down_interface(backend, "adit0", key_of(1)).value() == TearDown{});
}

TEST_CASE("tear_down: somebody else's interface stays as it is", "[controller]") {
  test::FakeTunnel tunnel = tunnel_with(2);
  test::FakeBackend backend(tunnel);
  const std::optional<wireguard::PublicKey> own =
      GENERATE(as<std::optional<wireguard::PublicKey>>(), key_of(1), std::nullopt);
  const auto done = tear_down_interface(backend, "adit0", own);
  REQUIRE(done);
  CHECK(done->removed.empty());
  CHECK(done->left.find("adit did not make") != std::string::npos);
  CHECK(tunnel.calls.empty());
}

TEST_CASE("tear_down: a blank interface is ours only if nobody has set anything", "[controller]") {
  test::FakeTunnel tunnel;
  tunnel.link.emplace().name = "adit0";
  test::FakeBackend backend(tunnel);
  SECTION("made a moment before a crash") {
    CHECK(tear_down_interface(backend, "adit0", std::nullopt)->removed == Calls{"interface adit0"});
  }
  SECTION("with an address") {
    tunnel.link->addresses = {{IpAddress::parse("10.8.0.1").value(), 24}};
    CHECK_FALSE(tear_down_interface(backend, "adit0", key_of(1))->left.empty());
    CHECK(tunnel.link);
  }
  SECTION("with a peer") {
    tunnel.device.peers.emplace_back();
    CHECK_FALSE(tear_down_interface(backend, "adit0", key_of(1))->left.empty());
    CHECK(tunnel.link);
  }
}

TEST_CASE("tear_down: what cannot be removed is an error", "[controller]") {
  test::FakeTunnel tunnel = tunnel_with(1);
  tunnel.failing["delete"] = {Errc::Denied, "no CAP_NET_ADMIN", 0};
  test::FakeBackend backend(tunnel);
  CHECK(tear_down_interface(backend, "adit0", key_of(1)).error().code == Errc::Denied);
  tunnel.read_error = Error{Errc::System, "netlink", 0};
  CHECK(tear_down_interface(backend, "adit0", key_of(1)).error().code == Errc::System);
}

}  // namespace adit::apply
