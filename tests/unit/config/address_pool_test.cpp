#include "controller/config/address_pool.hpp"

#include "controller/config/node_config.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/config/fixtures.hpp"

using namespace adit::config;
using test::address;
using test::prefix;

TEST_CASE("address_pool: the node's and the sites' addresses", "[config]") {
  const AddressPool pool = test::facts().pool;
  CHECK(pool.node_v4() == address("10.98.0.1"));
  CHECK(pool.node_v6() == address("fd00:db8:ad17::1"));
  CHECK(pool.v6_for(address("10.98.0.10")) == address("fd00:db8:ad17::a"));
  CHECK(pool.v6_for(address("10.98.7.255")) == address("fd00:db8:ad17::7ff"));
}

TEST_CASE("address_pool: sites live from .0.10 to .7.255", "[config]") {
  const AddressPool pool = test::facts().pool;
  for (const char* inside : {"10.98.0.10", "10.98.1.0", "10.98.7.255"}) {
    CAPTURE(inside);
    CHECK(pool.is_site_address(address(inside)));
  }
  for (const char* outside : {"10.98.0.0", "10.98.0.1", "10.98.0.9", "10.98.8.0", "10.97.255.255",
                              "10.98.15.255", "10.98.16.10", "fd00:db8:ad17::a"}) {
    CAPTURE(outside);
    CHECK_FALSE(pool.is_site_address(address(outside)));
  }
}

TEST_CASE("address_pool: what controller.yaml says, else the defaults", "[config]") {
  const auto ula = prefix("fd12:3456:789a::/48");
  NodeConfig config;
  CHECK(address_pool(config, ula).v4 == prefix("10.98.0.0/20"));
  CHECK(address_pool(config, ula).v6 == prefix("fd12:3456:789a::/64"));
  config.tunnel_v4 = prefix("10.98.16.0/20");
  config.tunnel_v6 = prefix("fd12:3456:789a:1::/64");
  CHECK(address_pool(config, ula).v4 == prefix("10.98.16.0/20"));
  CHECK(address_pool(config, ula).v6 == prefix("fd12:3456:789a:1::/64"));
}
