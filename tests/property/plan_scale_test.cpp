// How much CPU 10 000 hosts take, printed; hidden, because a timed test would fail on a busy
// machine:
//   property_plan "[scale]"
#include <cstdio>
#include <ctime>

#include "common/control/codec.hpp"
#include "controller/config/ownership.hpp"
#include "controller/plan/plan.hpp"
#include "tests/property/plan_generator.hpp"
#include "tests/support/catch.hpp"

using namespace adit;

namespace {

/// Of this process's CPU: what others do on the machine does not count.
double milliseconds_since(std::clock_t start) {
  return 1000.0 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

std::string many_hosts(int count) {
  std::string out = "sites:\n";
  for (int i = 0; i < 10; ++i) {
    wireguard::PublicKey key;
    key.bytes.fill(static_cast<std::uint8_t>(i + 1));
    out += fmt::format("  s{}: {{public_key: \"{}\", networks: [10.{}.0.0/16]}}\n", i, key.base64(),
                       30 + i);
  }
  out += "hosts:\n";
  for (int i = 0; i < count; ++i) {
    out +=
        fmt::format("  host-{}.example.com: {{site: s{}, target: 10.{}.{}.{}:443, drain: 30s}}\n",
                    i, i % 10, 30 + i % 10, i / 200 % 250, 1 + i % 200);
  }
  return out;
}

}  // namespace

TEST_CASE("plan: the time for 10 000 hosts", "[.scale]") {
  const config::NodeFacts facts = plan::test::facts();
  const std::string text = many_hosts(10'000);
  const auto start = std::clock();
  const auto state = config::apply_files({{"a.yaml", text}}, {}, {}, facts);
  const double read_ms = milliseconds_since(start);
  REQUIRE(state);

  const auto diff_start = std::clock();
  const plan::Desired desired =
      plan::build_desired(*state, {"adit0", 51820, *facts.node_key, facts.pool}, 1);
  const plan::Plan plan = plan::diff(desired, {});
  const double diff_ms = milliseconds_since(diff_start);
  CHECK(desired.table.routes.size() == 10'000);

  const auto changes_start = std::clock();
  CHECK(config::changes({}, *state).size() == 10'010);
  std::printf(
      "10 000 hosts, %.2f MB of YAML, CPU: read and validated %.0f ms, desired and diff %.0f ms, "
      "changes %.0f ms, %zu steps\n",
      static_cast<double>(text.size()) / 1e6, read_ms, diff_ms, milliseconds_since(changes_start),
      plan.steps.size());
}
