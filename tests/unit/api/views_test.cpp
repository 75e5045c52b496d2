#include "controller/api/views.hpp"

#include "common/control/codec.hpp"
#include "controller/api/route_question.hpp"
#include "controller/config/ownership.hpp"
#include "tests/support/catch.hpp"

namespace adit::api {

namespace {

using nlohmann::json;

constexpr std::int64_t kNow = 1'800'000'000;

const std::string kYaml = R"(
relay: {https_port: 0, http_port: 0}
sites:
  home: {public_key: AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=, networks: [10.30.0.0/24], target: 10.30.0.200:443}
  later: {target: 10.98.0.11:443, address: 10.98.0.11}
hosts:
  app.example.com: {site: home}
  "*.example.com": {site: direct, target: 192.0.2.1:443}
  b.example.com: {site: later}
)";

/// A snapshot of kYaml, live in a relay that listens on port 40443.
apply::Snapshot snapshot() {
  auto node = std::make_shared<apply::NodeContext>();
  node->config.endpoint = "vps.example.com";
  node->identity.pool = {IpPrefix::parse("10.98.0.0/20").value(),
                         IpPrefix::parse("fd00:db8:ad17::/64").value()};
  auto state = std::make_shared<apply::State>();
  state->revision = 7;
  state->resources =
      config::apply_files({{"a.yaml", kYaml}}, {}, {}, {node->identity.pool, {}, std::nullopt})
          .value();
  state->desired = plan::build_desired(state->resources, node->identity, 7);
  state->table_digest = control::digest(state->desired.table);
  auto relay = std::make_shared<control::Stats>();
  relay->table_digest = state->table_digest;
  relay->revision = 7;
  relay->listeners.push_back({{IpAddress::parse("::").value(), 0}, 40443, ""});
  relay->routes.push_back({"host/app.example.com", 2, 30, 400, 5000});
  return {node, state, relay, "", std::nullopt, "", std::nullopt, {}};
}

/// `home` is a peer whose latest handshake was `age` seconds ago.
void add_peer(apply::Snapshot& snapshot, std::int64_t age) {
  wireguard::Peer peer;
  peer.public_key = *snapshot.state->resources.sites.at("home").public_key;
  peer.endpoint = Endpoint::parse("198.51.100.7:1234").value();
  peer.latest_handshake = kNow - age;
  peer.received_bytes = 11;
  auto& interface = snapshot.interface.emplace();
  interface.device.public_key = snapshot.node->identity.public_key;
  interface.device.listen_port = 51820;
  interface.device.peers = {peer};
  snapshot.implementation = wireguard::Implementation::Userspace;
}

std::string state_of(const json& items, const std::string& name) {
  for (const auto& item : items) {
    if (item["name"] == name) return item["state"];
  }
  return "(none)";
}

}  // namespace

TEST_CASE("views: the states of sites and hosts follow the handshake", "[controller]") {
  apply::Snapshot it = snapshot();
  const auto [age, site, host] =
      GENERATE(table<int, std::string, std::string>({{-1, "waiting", "site-down"},
                                                     {5, "up", "ok"},
                                                     {179, "up", "ok"},
                                                     {180, "down", "site-down"}}));
  CAPTURE(age);
  if (age >= 0) add_peer(it, age);
  const json status = status_json(LiveView(it, kNow));
  CHECK(state_of(status["sites"], "home") == site);
  CHECK(state_of(status["hosts"], "app.example.com") == host);
  CHECK(state_of(status["sites"], "later") == "pending-key");
  CHECK(state_of(status["hosts"], "b.example.com") == "pending-key");
  CHECK(state_of(status["sites"], "direct") == "direct");
  CHECK(state_of(status["hosts"], "*.example.com") == "ok");
  CHECK(status["sites"][0]["handshake_age_s"] == (age >= 0 ? json(age) : json(nullptr)));
}

TEST_CASE("views: a host is not live where the relay is away or has another table",
          "[controller]") {
  apply::Snapshot it = snapshot();
  CHECK(LiveView(it, kNow).host_state("direct", {0}) == "ok");
  CHECK(LiveView(it, kNow).host_state("direct", {8443}) == "not-live");  // nobody listens there
  auto other = std::make_shared<control::Stats>(*it.relay);
  other->table_digest = 1;
  it.relay = other;
  CHECK(LiveView(it, kNow).host_state("direct", {0}) == "not-live");
  it.relay = nullptr;
  it.relay_problem = "relay: no socket";
  const json status = status_json(LiveView(it, kNow));
  CHECK(state_of(status["hosts"], "*.example.com") == "not-live");
  CHECK(status["relay"]["connected"] == false);
  CHECK(status["relay"]["problem"] == "relay: no socket");
}

TEST_CASE("views: status is ok only when nothing is wrong", "[controller]") {
  apply::Snapshot it = snapshot();
  add_peer(it, 5);
  json status = status_json(LiveView(it, kNow));
  CHECK(status["status"] == "degraded");  // `later` has no key
  REQUIRE(status["problems"].size() == 1);
  CHECK(status["problems"][0]["fix"] == "adit site set-key later KEY");
  auto state = std::make_shared<apply::State>(*it.state);
  state->resources.hosts.erase("b.example.com");
  state->resources.sites.erase("later");
  it.state = state;
  CHECK(status_json(LiveView(it, kNow))["status"] == "ok");
  it.open_steps.push_back({'+', "add_peer", "peer", apply::StepState::Failing, "EPERM", "fix"});
  status = status_json(LiveView(it, kNow));
  CHECK(status["status"] == "degraded");
  CHECK(status["steps"][0] == json({{"sign", "+"},
                                    {"kind", "add_peer"},
                                    {"what", "peer"},
                                    {"state", "failing"},
                                    {"error", "EPERM"},
                                    {"fix", "fix"}}));
}

TEST_CASE("views: what clashes with the machine as it is by now is a problem of status",
          "[controller]") {
  apply::Snapshot it = snapshot();
  add_peer(it, 5);
  const auto said = [&] {
    std::vector<std::string> out;
    const json status = status_json(LiveView(it, kNow));
    for (const json& problem : status["problems"]) {
      out.push_back(problem["what"]);
      CHECK_FALSE(problem["fix"].get<std::string>().empty());
    }
    return out;
  };
  const std::string pending = "site later has no public key yet";
  CHECK(said() == std::vector{pending});
  it.own_networks = {IpPrefix::parse("10.30.0.0/16").value()};
  CHECK(said() ==
        std::vector{pending, std::string("site home: 10.30.0.0/24 overlaps 10.30.0.0/16, a network "
                                         "of this VPS")});
  it.own_networks.clear();
  auto node = std::make_shared<apply::NodeContext>(*it.node);
  node->identity.pool.v4 = IpPrefix::parse("10.99.0.0/20").value();
  it.node = node;
  CHECK(said().size() == 3);
  CHECK(said().back() ==
        "site later: 10.98.0.11 is not one of this node's site addresses, 10.99.0.10 to "
        "10.99.7.255");
}

TEST_CASE("views: somebody else's interface of that name is told with the fix", "[controller]") {
  apply::Snapshot it = snapshot();
  add_peer(it, 5);
  CHECK(status_json(LiveView(it, kNow))["node"]["problem"] == "");
  it.interface->device.public_key->bytes[0] ^= 1;
  it.interface->device.listen_port = 4500;
  json status = status_json(LiveView(it, kNow));
  CHECK(status["node"]["problem"].get<std::string>().find("adit did not make") !=
        std::string::npos);
  CHECK(status["node"]["listen_port"] != 4500);
  CHECK(status["node"]["implementation"] == "none");
  CHECK(status["problems"][0]["what"] == status["node"]["problem"]);
  CHECK(status["problems"][0]["fix"].get<std::string>().find("interface:") != std::string::npos);
  // Just made, by the unit that runs wireguard-go: nobody's yet.
  it.interface->device = {};
  CHECK(status_json(LiveView(it, kNow))["node"]["problem"] == "");
  it.interface.reset();
  it.interface_problem = "interface adit0 exists but is not a WireGuard interface";
  CHECK(status_json(LiveView(it, kNow))["problems"][0]["what"] == it.interface_problem);
}

TEST_CASE("views: a disk that takes nothing and a clock that is lost are problems of status",
          "[controller]") {
  apply::Snapshot it = snapshot();
  add_peer(it, 5);
  const auto count = [&](std::int64_t now) {
    return status_json(LiveView(it, now))["problems"].size();
  };
  const std::size_t before = count(kNow);
  it.store_problem = "/var/lib/adit cannot be written";
  CHECK(count(kNow) == before + 1);
  CHECK(status_json(LiveView(it, kNow))["problems"][0]["what"] == it.store_problem);
  it.store_problem.clear();
  it.interface->device.peers.front().latest_handshake = 0;  // or the site's state would change too
  const std::size_t without_handshake = count(kNow);
  CHECK(count(0) == without_handshake + 1);
  CHECK(status_json(LiveView(it, 0))["problems"][0]["fix"] == "timedatectl set-ntp true");
}

TEST_CASE("views: counters, ports and targets", "[controller]") {
  apply::Snapshot it = snapshot();
  add_peer(it, 5);
  const LiveView view(it, kNow);
  const auto& hosts = it.state->resources.hosts;
  const json host = host_item(view, "app.example.com", hosts.at("app.example.com"));
  CHECK(host["target"] == "10.30.0.200:443");  // its site's
  CHECK(host["port"] == 40443);                // the kernel's choice
  CHECK(host["proxy_protocol"] == "none");
  CHECK(host["connections"] == 30);
  CHECK(host["bytes_to_client"] == 5000);
  const json site = site_item(view, "home", it.state->resources.sites.at("home"));
  CHECK(site["hosts"] == 1);
  CHECK(site["endpoint"] == "198.51.100.7:1234");
  CHECK(site["received_bytes"] == 11);
  const json node = status_json(view)["node"];
  CHECK(node["implementation"] == "userspace");
  CHECK(node["endpoint"] == "vps.example.com:51820");
  CHECK(node["addresses"] == json::array({"10.98.0.1", "fd00:db8:ad17::1"}));
}

TEST_CASE("views: the targets of a route, and what the relay knows of them", "[controller]") {
  apply::Snapshot it = snapshot();
  control::Route route = it.state->desired.table.routes.front();
  const Endpoint other = *Endpoint::parse("10.30.0.202:443");
  route.targets = {{route.targets.front().endpoint, 0}, {other, 0}};
  auto health = std::make_shared<control::HealthReply>();
  health->targets.push_back({route.name, other, control::TargetState::Down, Milliseconds(1500), 3,
                             "target_refused", Milliseconds(2500), 420});
  CHECK_FALSE(route_item(LiveView(it, kNow), route)["targets"][1].contains("state"));
  it.health = health;
  const json targets = route_item(LiveView(it, kNow), route)["targets"];
  REQUIRE(targets.size() == 2);
  CHECK_FALSE(targets[0].contains("state"));
  CHECK(targets[1] == json{{"to", "10.30.0.202:443"},
                           {"weight", 0},
                           {"state", "down"},
                           {"since_ms", 1500},
                           {"failures", 3},
                           {"last_error", "target_refused"},
                           {"last_connected_ms", 2500},
                           {"connect_us", 420}});
}

TEST_CASE("views: what an undo leaves is said where there is something to say", "[controller]") {
  apply::ChangeResult result;
  result.undo = "adit rollback 1";
  CHECK_FALSE(to_json(result).contains("undo_note"));
  result.undo_note = "the first key stays";
  CHECK(to_json(result)["undo_note"] == "the first key stays");
}

TEST_CASE("views: a question about a route takes the port that clients see", "[controller]") {
  const apply::Snapshot it = snapshot();
  const LiveView view(it, kNow);
  const auto by_default = ask_route(view, "App.example.com", std::nullopt);
  CHECK(by_default.port == 40443);
  CHECK(by_default.route.match == plan::Match::Exact);
  CHECK(ask_route(view, "www.example.com", 40443).route.match == plan::Match::Wildcard);
  CHECK(ask_route(view, "www.example.com", 444).route.match == plan::Match::None);
  CHECK(parse_port("443") == 443);
  for (const char* text : {"", "0", "65536", "-1", "4x"}) CHECK_FALSE(parse_port(text));
}

}  // namespace adit::api
