#include "controller/config/resource_json.hpp"

#include <optional>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/unit/config/fixtures.hpp"

using namespace adit::config;
using nlohmann::json;

namespace {

/// What a revision that holds `resources` is read as.
Checked<Resources> stored(const Resources& resources) {
  return resources_from_json(to_json(resources));
}

}  // namespace

TEST_CASE("resource_json: a host and back", "[config]") {
  Resources resources;
  Host& host = resources.hosts["a.example.com"];
  host.owner = "git";
  host.site = "home";
  host.target = test::endpoint("10.30.0.1:443");
  host.port = 8443;
  host.drain = adit::Milliseconds(1500);
  const json document = to_json(host);
  CHECK(document == json{{"owner", "git"},
                         {"site", "home"},
                         {"target", "10.30.0.1:443"},
                         {"port", 8443},
                         {"drain", "1500ms"}});
  CHECK(stored(resources) == resources);
}

TEST_CASE("resource_json: a site and back", "[config]") {
  Resources resources;
  Site& site = resources.sites["home"];
  site.public_key = test::key(7);
  site.networks = {test::prefix("10.30.0.0/24"), test::prefix("2001:db8:30::/48")};
  site.address = test::address("10.98.0.10");
  site.address6 = test::address("fd00:db8:ad17::a");
  site.keepalive = adit::Seconds(0);
  CHECK(stored(resources) == resources);
}

TEST_CASE("resource_json: plain HTTP and back", "[config]") {
  Resources resources;
  resources.sites["home"].http_target = test::endpoint("10.30.0.1:80");
  Host& host = resources.hosts["a.example.com"];
  host.site = "direct";
  host.http_target = test::endpoint("10.30.0.2:8080");
  resources.relay.emplace().http_port = 8080;
  using adit::control::HttpAction;
  const std::vector<std::optional<HttpAction>> actions{
      HttpAction::Redirect, HttpAction::Forward, {}};
  for (const auto& http : actions) {
    host.http = http;
    CHECK(stored(resources) == resources);
  }
  CHECK(to_json(host).at("http") == "off");
}

TEST_CASE("resource_json: PROXY protocol and protocols, in their order, and back", "[config]") {
  using adit::control::ProxyProtocol;
  Resources resources;
  Site& site = resources.sites["home"];
  Host& host = resources.hosts["a.example.com"];
  host.site = "home";
  host.alpn = {{"zzz", test::endpoint("10.30.0.3:443")},
               {"acme-tls/1", test::endpoint("10.30.0.9:443")},
               {"h2", test::endpoint("[2001:db8::1]:443")}};
  resources.relay.emplace().accept_proxy = {test::prefix("192.0.2.0/24"),
                                            test::prefix("2001:db8::/32")};
  for (const auto version : {ProxyProtocol::None, ProxyProtocol::V1, ProxyProtocol::V2}) {
    site.proxy_protocol = site.http_proxy_protocol = version;
    CHECK(stored(resources) == resources);
    host.proxy_protocol = host.http_proxy_protocol = version;
    CHECK(stored(resources) == resources);
  }
  CHECK(to_json(host).at("alpn").dump() ==
        R"([{"zzz":"10.30.0.3:443"},{"acme-tls/1":"10.30.0.9:443"},{"h2":"[2001:db8::1]:443"}])");
  // A site says nothing of what is its default; a host's `none` is no default.
  CHECK_FALSE(to_json(Site{}).contains("proxy_protocol"));
  CHECK(to_json(host).at("proxy_protocol") == "v2");
}

TEST_CASE("resource_json: access and limits and back", "[config]") {
  Resources resources;
  Host& host = resources.hosts["a.example.com"];
  host.site = "direct";
  host.access.allow = {test::prefix("192.0.2.0/24")};
  host.limits = {1, 2, 3, 8'001, 20'000'000};
  resources.relay.emplace().access.deny = {test::prefix("192.0.2.7/32"),
                                           test::prefix("2001:db8::/32")};
  CHECK(stored(resources) == resources);
  CHECK(to_json(host).at("limits") == json{{"connections", 1},
                                           {"connections_per_client", 2},
                                           {"rate_per_client", "3/s"},
                                           {"bandwidth", "8001bit"},
                                           {"bandwidth_per_client", "20Mbit"}});
}

TEST_CASE("resource_json: a document of people has no owner and no later keys", "[config]") {
  const auto host = host_from_json(
      "a.example.com", json{{"dns", {{"proxied", true}}}, {"owner", "git"}, {"site", "home"}});
  REQUIRE_FALSE(host);
  CHECK(test::lines(host.error()) ==
        "hosts.a.example.com.dns.proxied: proxied: true is not in this version; leave the key "
        "out\n"
        "hosts.a.example.com.owner: unknown key \"owner\"; the owner is said with --owner NAME (in "
        "the API: ?owner=NAME)\n");
  CHECK_FALSE(site_from_json("home", json{{"owner", "git"}}));
  CHECK(site_from_json("home", json{{"keepalive", "10s"}})->keepalive == adit::Seconds(10));
}

TEST_CASE("resource_json: a patch is a document of people on top of ours", "[config]") {
  Site site;
  site.owner = "git";
  site.public_key = test::key(7);
  site.networks = {test::prefix("10.30.0.0/24")};
  site.http_target = test::endpoint("10.30.0.1:80");
  Site later = site;
  later.keepalive = adit::Seconds(10);
  CHECK(patched("home", site, {{"keepalive", "10s"}}) == later);
  later.http_target.reset();
  later.networks.clear();
  CHECK(patched("home", site,
                {{"keepalive", "10s"}, {"http_target", nullptr}, {"networks", nullptr}}) == later);
  for (const json& wrong : {json{{"owner", "cli"}}, json{{"gateway", "host"}},
                            json{{"netwroks", json::array()}}, json{{"keepalive", "often"}}}) {
    CAPTURE(wrong.dump());
    CHECK_FALSE(patched("home", site, wrong));
  }
}

TEST_CASE("resource_json: the same rules and words as the YAML", "[config]") {
  const auto host = host_from_json("a.example.com", json{{"site", "home"}, {"targt", "x"}});
  REQUIRE_FALSE(host);
  CHECK(test::lines(host.error()) ==
        "hosts.a.example.com: unknown key \"targt\"; did you mean \"target\"?\n");
  const auto later =
      host_from_json("a.example.com", json{{"site", "home"}, {"dns", {{"ttl", 60}}}});
  REQUIRE_FALSE(later);
  CHECK(test::lines(later.error()) ==
        "hosts.a.example.com.dns.ttl: ttl is not in this version; leave the key out\n");
  for (const json& odd :
       {json(nullptr), json(3), json("x"), json::array({1}), json{{"site", "a"}, {"port", true}},
        json{{"site", "a"}, {"port", 3.5}}, json{{"site", json::array()}}}) {
    CAPTURE(odd.dump());
    CHECK_FALSE(host_from_json("a.example.com", odd));
  }
  CHECK_FALSE(resources_from_json(json::array()));
  CHECK(resources_from_json(json::object()) == Resources{});
}

TEST_CASE("resource_json: a deeply nested document is refused, not followed", "[config]") {
  json deep = "x";
  for (int i = 0; i < 2000; ++i) deep = json::array({std::move(deep)});
  CHECK_FALSE(resources_from_json(json{{"sites", deep}}));
  CHECK_FALSE(resources_from_json(json{{"sites", {{"home", {{"networks", deep}}}}}}));
}
