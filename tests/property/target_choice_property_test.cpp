// Over random routes: every target is tried once, no healthy one is passed over, weights are kept.
#include <algorithm>
#include <bit>
#include <vector>

#include "relay/target_choice.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/random.hpp"

namespace adit::relay {
namespace {

using test::Random;

std::vector<control::Target> random_targets(Random& random) {
  std::vector<control::Target> out(random.number(1, control::kMaxTargets));
  const bool is_ordered = random.one_in(3);
  for (control::Target& target : out) {
    const auto weight = random.number(0, random.one_in(4) ? 65535 : 5);
    target.weight = is_ordered ? std::uint16_t{0} : static_cast<std::uint16_t>(weight);
  }
  return out;
}

TargetSet random_set(Random& random) {
  return static_cast<TargetSet>(random.number(0, ~std::uint32_t{0}));
}

TEST_CASE("target_choice property: each target once, all healthy ones first", "[property]") {
  const auto seed = GENERATE(range<std::uint64_t>(1, 9));
  CAPTURE(seed);
  Random random(seed);
  for (int i = 0; i < 300; ++i) {
    const auto targets = random_targets(random);
    const TargetSet preferred = random_set(random);
    TargetSet tried = 0;
    bool is_past_healthy = false;
    for (std::size_t n = 0; n < targets.size(); ++n) {
      CAPTURE(i, n);
      const auto place = choose_target(targets, preferred, tried, random.number(0, ~0ULL));
      REQUIRE(place);
      REQUIRE(*place < targets.size());
      REQUIRE((tried & target_bit(*place)) == 0);
      const bool is_healthy = (preferred & target_bit(*place)) != 0;
      REQUIRE_FALSE((is_healthy && is_past_healthy));
      is_past_healthy = !is_healthy;
      // Who has no weight, or comes later without one, waits for those who may be chosen.
      for (std::size_t other = 0; other < targets.size(); ++other) {
        const bool could_be = (tried & target_bit(other)) == 0 &&
                              ((preferred & target_bit(other)) != 0) == is_healthy;
        if (!could_be || targets[*place].weight > 0) continue;
        REQUIRE(targets[other].weight == 0);
        REQUIRE(other >= *place);
      }
      tried |= target_bit(*place);
    }
    REQUIRE_FALSE(choose_target(targets, preferred, tried, random.number(0, ~0ULL)));
  }
}

TEST_CASE("target_choice property: weights are honoured", "[property]") {
  const auto seed = GENERATE(range<std::uint64_t>(1, 9));
  CAPTURE(seed);
  Random random(seed);
  for (int i = 0; i < 20; ++i) {
    const auto targets = random_targets(random);
    const TargetSet preferred = random_set(random) | 1;
    double total = 0;
    for (std::size_t n = 0; n < targets.size(); ++n) {
      if ((preferred & target_bit(n)) != 0) total += targets[n].weight;
    }
    if (total == 0) continue;
    constexpr int kDraws = 20'000;
    std::vector<int> counts(targets.size());
    EvenNumbers numbers(random.number(0, ~0ULL));
    for (int draw = 0; draw < kDraws; ++draw) {
      ++counts[*choose_target(targets, preferred, 0, numbers.next())];
    }
    for (std::size_t n = 0; n < targets.size(); ++n) {
      const bool is_healthy = (preferred & target_bit(n)) != 0;
      const double want = is_healthy ? kDraws * targets[n].weight / total : 0;
      CAPTURE(i, n, counts[n], want);
      REQUIRE(std::abs(counts[n] - want) <= 20);
    }
  }
}

}  // namespace
}  // namespace adit::relay
