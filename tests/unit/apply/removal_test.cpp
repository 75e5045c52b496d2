// When parts of the tunnel go: after the route table, and after the connections have drained.
#include "controller/apply/reconciler.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/apply/fakes.hpp"

namespace adit::apply::test {

TEST_CASE("reconciler: nothing leaves the tunnel before the relay has the table without it",
          "[controller]") {
  World world;
  REQUIRE(world.apply(kHome));
  world.relay.away = error(Errc::Unavailable, "relay: no answer");
  const auto refused = world.change(Rollback{0});
  REQUIRE(refused);
  REQUIRE(refused->steps.size() == 2);
  CHECK(refused->steps[1].kind == "delete_interface");
  CHECK(refused->steps[1].state == StepState::Waiting);
  CHECK(refused->steps[1].error == "comes after: the route table");
  live(world, Seconds{60});
  CHECK(world.tunnel.link);

  world.relay.away.reset();
  world.relay.set_problems = {"no"};
  live(world, Seconds{60});
  CHECK(world.tunnel.link);
  world.relay.set_problems.clear();
  live(world, Seconds{70});
  CHECK_FALSE(world.tunnel.link);
  CHECK(world.reconciler.open_steps().empty());
}

TEST_CASE("reconciler: the tunnel stays while connections of removed routes drain",
          "[controller]") {
  World world;
  REQUIRE(world.apply("sites:\n  home: {public_key: " + kKeyText +
                      ", networks: [10.30.0.0/24], target: 10.30.0.200:443}\n"
                      "hosts:\n  app.example.com: {site: home, drain: 30s}\n"
                      "  b.example.com: {site: home}\n"));
  const auto removed = world.change(Rollback{0});
  REQUIRE(removed);
  CHECK(world.relay.live->routes.empty());
  CHECK(removed->steps.back().state == StepState::Waiting);
  CHECK(removed->steps.back().error == "until the connections of removed routes have drained");
  live(world, Seconds{29});
  CHECK(world.tunnel.link);
  live(world, Milliseconds{1500});
  CHECK_FALSE(world.tunnel.link);
  CHECK(world.reconciler.open_steps().empty());
}

TEST_CASE("reconciler: a host that moves away leaves its old network after its drain",
          "[controller]") {
  World world;
  const auto with = [](const std::string& networks, const std::string& target) {
    return "sites:\n  home: {public_key: " + kKeyText + ", networks: [" + networks +
           "], target: " + target + "}\nhosts:\n  app.example.com: {site: home}\n";
  };
  REQUIRE(world.apply(with("10.30.0.0/24", "10.30.0.200:443")));
  REQUIRE(world.apply(with("10.31.0.0/24", "10.31.0.200:443")));
  CHECK(world.tunnel.link->kernel_routes.size() == 2);
  live(world, Seconds{4});
  CHECK(world.tunnel.link->kernel_routes.size() == 2);
  live(world, Seconds{2});
  CHECK(world.tunnel.link->kernel_routes.size() == 1);
}

TEST_CASE("reconciler: a protocol's target that moves leaves its old network after the drain",
          "[controller]") {
  World world;
  const auto with = [](const std::string& networks, const std::string& target) {
    return "sites:\n  home: {public_key: " + kKeyText + ", networks: [" + networks +
           "], target: 10.30.0.200:443}\nhosts:\n  app.example.com: {site: home, alpn: {h2: " +
           target + "}}\n";
  };
  REQUIRE(world.apply(with("10.30.0.0/24, 10.31.0.0/24", "10.31.0.9:443")));
  REQUIRE(world.apply(with("10.30.0.0/24", "10.30.0.9:443")));
  live(world, Seconds{4});
  CHECK(world.tunnel.link->kernel_routes.size() == 2);
  live(world, Seconds{2});
  CHECK(world.tunnel.link->kernel_routes.size() == 1);
}

TEST_CASE("reconciler: the drain also ends in time when the relay was slow to tell of its table",
          "[controller]") {
  World world;
  REQUIRE(world.apply(kHome));
  world.relay.on_set = [&] { world.relay.away = Error{Errc::Unavailable, "busy", 0}; };
  REQUIRE(world.change(Rollback{0}));
  live(world, Seconds{1});
  world.relay.away.reset();
  live(world, Seconds{4});
  CHECK(world.tunnel.link);
  live(world, Seconds{3});  // sooner than the next look at a tunnel where nothing happens
  CHECK_FALSE(world.tunnel.link);
}

TEST_CASE("reconciler: a host whose plain HTTP moves away keeps its network meanwhile",
          "[controller]") {
  World world;
  const auto with = [](const std::string& networks, const std::string& http_target) {
    return "sites:\n  home: {public_key: " + kKeyText + ", networks: [" + networks +
           "], target: 10.30.0.200:443}\nhosts:\n  app.example.com: {site: home, http: forward, "
           "http_target: " +
           http_target + "}\n";
  };
  REQUIRE(world.apply(with("10.30.0.0/24, 10.31.0.0/24", "10.31.0.200:80")));
  REQUIRE(world.apply(with("10.30.0.0/24", "10.30.0.200:80")));
  live(world, Seconds{4});
  CHECK(world.tunnel.link->kernel_routes.size() == 2);
  live(world, Seconds{2});
  CHECK(world.tunnel.link->kernel_routes.size() == 1);
}

}  // namespace adit::apply::test
