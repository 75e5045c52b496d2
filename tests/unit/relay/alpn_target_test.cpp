#include "relay/alpn_target.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/client_hello_builder.hpp"
#include "tests/support/tables.hpp"

namespace adit::relay {
namespace {

AlpnList offered(std::initializer_list<std::string_view> names) {
  return AlpnList::parse(test::alpn_list(names)).value();
}

TEST_CASE("alpn_target: the first protocol of the route that the client offers", "[relay]") {
  auto route = test::make_route("a", "a.test");
  const Endpoint first = Endpoint::parse("10.30.0.8:443").value();
  const Endpoint second = Endpoint::parse("10.30.0.9:443").value();
  CHECK(find_alpn_target(route, offered({"h2", "http/1.1"})) == nullptr);
  route.alpn = {{"h2", first}, {"acme-tls/1", second}};
  CHECK(find_alpn_target(route, {}) == nullptr);
  CHECK(find_alpn_target(route, offered({"http/1.1"})) == nullptr);
  CHECK(find_alpn_target(route, offered({"acme-tls/1"})) == &route.alpn[1].target);
  // The route's order counts, not the client's.
  CHECK(find_alpn_target(route, offered({"acme-tls/1", "h2"})) == &route.alpn[0].target);
  // Whole names, byte by byte: no prefix, no other case.
  CHECK(find_alpn_target(route, offered({"h2c", "h", "H2", "xh2"})) == nullptr);
  CHECK(find_alpn_target(route, offered({"\x02h2"})) == nullptr);
}

TEST_CASE("alpn_target: the list as it came", "[relay]") {
  CHECK(offered({"h2", "http/1.1"}).wire() == "\x02h2\x08http/1.1");
  CHECK(AlpnList().wire().empty());
}

}  // namespace
}  // namespace adit::relay
