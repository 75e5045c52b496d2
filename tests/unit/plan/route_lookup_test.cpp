#include "controller/plan/route_lookup.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/plan/fixtures.hpp"

using namespace adit;
using namespace adit::plan;

namespace {

const std::string kHosts =
    "hosts:\n"
    "  app.lab.example.com: {site: direct, target: 10.0.0.1:443}\n"
    "  \"*.lab.example.com\": {site: direct, target: 10.0.0.2:443}\n"
    "  other.example.com: {site: direct, target: 10.0.0.3:443, port: 8443}\n";

RouteAnswer ask(std::string_view name, std::uint16_t port = 443, const std::string& more = "") {
  return find_route(test::desired(kHosts + more).table, name, {port});
}

}  // namespace

TEST_CASE("route_lookup: exact, then wildcard, then nothing", "[plan]") {
  const RouteAnswer exact = ask("App.Lab.Example.com.");
  CHECK(exact.match == Match::Exact);
  CHECK(exact.route == "host/app.lab.example.com");
  CHECK(exact.site == "direct");
  CHECK(exact.target == Endpoint::parse("10.0.0.1:443").value());
  CHECK(exact.why == "app.lab.example.com is a host on port 443");

  const RouteAnswer wildcard = ask("x.lab.example.com");
  CHECK(wildcard.match == Match::Wildcard);
  CHECK(wildcard.target == Endpoint::parse("10.0.0.2:443").value());
  CHECK(wildcard.why ==
        "no host on port 443 has exactly this name, and *.lab.example.com covers it");

  const RouteAnswer none = ask("www.example.com");
  CHECK(none.match == Match::None);
  CHECK(none.route.empty());
  CHECK_FALSE(none.target);
  CHECK(none.why == "no host on port 443 has this name, and there is no catch-all");
}

TEST_CASE("route_lookup: near misses are explained", "[plan]") {
  CHECK(ask("other.example.com").why ==
        "other.example.com is a host on port 8443, not on port 443");
  CHECK(ask("other.example.com", 8443).match == Match::Exact);
  CHECK(ask("a.b.lab.example.com").why ==
        "*.lab.example.com covers one label only, and a.b.lab.example.com has more");
  CHECK(ask("lab.example.com").why ==
        "*.lab.example.com covers names with one more label, not lab.example.com itself");
}

TEST_CASE("route_lookup: the catch-all takes unknown names and none, but no malformed one",
          "[plan]") {
  const std::string all = "  \"*\": {site: direct, target: 10.0.0.9:443}\n";
  CHECK(ask("www.example.com", 443, all).match == Match::CatchAll);
  CHECK(ask("", 443, all).match == Match::CatchAll);
  CHECK(ask("192.0.2.1", 443, all).match == Match::CatchAll);
  CHECK(ask("other.example.com", 443, all).match == Match::CatchAll);
  CHECK(ask("app.lab.example.com", 443, all).match == Match::Exact);
  const RouteAnswer malformed = ask("a..b", 443, all);
  CHECK(malformed.match == Match::None);
  CHECK(malformed.why.ends_with("the relay refuses it as malformed"));
  CHECK(ask("www.example.com", 8443, all).match == Match::None);
  CHECK(ask("", 443).why == "a client that sends no name needs a catch-all (\"*\") on port 443");
}

TEST_CASE("route_lookup: the words of the API", "[plan]") {
  CHECK(to_string(Match::Exact) == "exact");
  CHECK(to_string(Match::Wildcard) == "wildcard");
  CHECK(to_string(Match::CatchAll) == "catch-all");
  CHECK(to_string(Match::None) == "none");
}

TEST_CASE("route_lookup: a protocol may have a target of its own", "[plan]") {
  const auto ask_for = [](std::string_view alpn, control::Protocol protocol) {
    const auto state = test::desired(
        "hosts:\n"
        "  a.example.com: {site: direct, target: 10.0.0.1:443, alpn: {acme-tls/1: "
        "10.0.0.9:443}}\n");
    const bool is_tls = protocol == control::Protocol::Tls;
    const control::PublicPort port{static_cast<std::uint16_t>(is_tls ? 443 : 80), protocol};
    return find_route(state.table, "a.example.com", port, alpn);
  };
  const RouteAnswer acme = ask_for("acme-tls/1", control::Protocol::Tls);
  CHECK(acme.target == Endpoint::parse("10.0.0.9:443").value());
  CHECK(acme.why == "a.example.com is a host on port 443; acme-tls/1 has a target of its own");
  const RouteAnswer h2 = ask_for("h2", control::Protocol::Tls);
  CHECK(h2.target == Endpoint::parse("10.0.0.1:443").value());
  CHECK(h2.why == "a.example.com is a host on port 443; h2 has no target of its own");
  const RouteAnswer none = ask_for("", control::Protocol::Tls);
  CHECK(none.target == Endpoint::parse("10.0.0.1:443").value());
  CHECK(none.why == "a.example.com is a host on port 443");
  const RouteAnswer http = ask_for("acme-tls/1", control::Protocol::Http);
  CHECK(http.target == Endpoint::parse("10.0.0.1:80").value());
  CHECK(http.why.ends_with("; plain HTTP offers no protocol"));
  CHECK(find_route({}, "b.test", {443}, "h2").match == Match::None);
}
