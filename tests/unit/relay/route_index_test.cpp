#include "relay/route_index.hpp"

#include <map>

#include "tests/support/catch.hpp"
#include "tests/support/tables.hpp"

namespace adit::relay {
namespace {

const auto kEverything = [](std::size_t) { return true; };

TEST_CASE("place_map: grows, and keeps keys of one hash apart", "[relay]") {
  PlaceMap map(1);
  std::map<std::size_t, std::uint32_t> hash_of;
  for (std::size_t place = 0; place < 1000; ++place) {
    hash_of[place] = static_cast<std::uint32_t>(place % 7 * 0x9e3779b9U);
    CHECK(map.insert(hash_of[place], place, [&](std::size_t other) { return other == place; }));
  }
  for (const auto& [place, hash] : hash_of) {
    CHECK(map.find(hash, [&](std::size_t other) { return other == place; }) == place);
    CHECK_FALSE(map.insert(hash, 5000, [&](std::size_t other) { return other == place; }));
  }
  CHECK_FALSE(map.find(0x9e3779b9U, [](std::size_t place) { return place == 5000; }));
  CHECK_FALSE(map.find(3, kEverything));
  CHECK_FALSE(PlaceMap().find(0, kEverything));
}

TEST_CASE("route_index: names and patterns, each found by its own", "[relay]") {
  control::Route both = test::make_route("both", "app.example.com", 443);
  both.http = {80, control::HttpAction::Redirect, *Endpoint::parse("10.30.0.200:80")};
  const std::vector<control::Route> routes{both, test::make_route("below", "*.example.com", 443),
                                           test::make_route("all", "*", 443)};
  const auto key = [&](std::size_t place) { return control::key_of(routes[place]); };
  const control::PublicPort tls{443};
  const control::PublicPort http{80, control::Protocol::Http};
  RouteIndex index;
  for (std::size_t i = 0; i < routes.size(); ++i) {
    CHECK(index.insert_name(routes[i].name, i, key));
    CHECK(index.insert_pattern(tls, routes[i].pattern.wire_text(), i, key));
  }
  CHECK(index.insert_pattern(http, "app.example.com", 0, key));
  CHECK_FALSE(index.insert_name("all", 7, key));
  CHECK_FALSE(index.insert_pattern(tls, "*.example.com", 7, key));
  CHECK_FALSE(index.insert_pattern(http, "app.example.com", 7, key));
  CHECK(index.find_name("below", key) == 1);
  CHECK_FALSE(index.find_name("app.example.com", key));
  CHECK(index.find_pattern(tls, "", "app.example.com", key) == 0);
  CHECK(index.find_pattern(http, "", "app.example.com", key) == 0);
  CHECK(index.find_pattern(tls, "*.", "example.com", key) == 1);
  CHECK(index.find_pattern(tls, "", "*", key) == 2);
  CHECK_FALSE(index.find_pattern(tls, "", "example.com", key));
  CHECK_FALSE(index.find_pattern(http, "*.", "example.com", key));
  CHECK_FALSE(index.find_pattern({8443}, "", "app.example.com", key));
}

}  // namespace
}  // namespace adit::relay
