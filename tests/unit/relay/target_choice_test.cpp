#include "relay/target_choice.hpp"

#include <array>
#include <vector>

#include "tests/support/catch.hpp"

namespace adit::relay {
namespace {

std::vector<control::Target> with_weights(const std::vector<std::uint16_t>& weights) {
  std::vector<control::Target> out;
  for (const std::uint16_t weight : weights) {
    out.push_back({*Endpoint::parse("10.30.0.200:443"), weight});
  }
  return out;
}

constexpr TargetSet kAll = ~TargetSet{0};

TEST_CASE("target_choice: without weights the first healthy one, then the others in order",
          "[relay]") {
  const auto targets = with_weights({0, 0, 0, 0});
  const auto random = GENERATE(std::uint64_t{0}, std::uint64_t{1} << 63, ~std::uint64_t{0});
  CHECK(choose_target(targets, kAll, 0, random) == 0);
  CHECK(choose_target(targets, 0b1110, 0, random) == 1);
  CHECK(choose_target(targets, 0b1110, 0b0010, random) == 2);
  CHECK(choose_target(targets, 0b1000, 0, random) == 3);
  CHECK(choose_target(targets, 0b1000, 0b1000, random) == 0);  // no healthy one is left
  CHECK(choose_target(targets, 0, 0b0001, random) == 1);
  CHECK(choose_target(targets, kAll, 0b1111, random) == std::nullopt);
}

TEST_CASE("target_choice: weights are shares of the healthy ones", "[relay]") {
  const auto targets = with_weights({1, 3, 0});
  const std::uint64_t quarter = std::uint64_t{1} << 62;
  CHECK(choose_target(targets, kAll, 0, 0) == 0);
  CHECK(choose_target(targets, kAll, 0, quarter - 1) == 0);
  CHECK(choose_target(targets, kAll, 0, quarter) == 1);
  CHECK(choose_target(targets, kAll, 0, ~std::uint64_t{0}) == 1);
  CHECK(choose_target(targets, 0b101, 0, ~std::uint64_t{0}) == 0);
  CHECK(choose_target(targets, 0b100, 0, ~std::uint64_t{0}) == 2);  // weight 0: takes over
  CHECK(choose_target(targets, 0b100, 0b100, ~std::uint64_t{0}) == 1);
}

TEST_CASE("target_choice: no target, one target, as many as there may be", "[relay]") {
  CHECK(choose_target({}, kAll, 0, 7) == std::nullopt);
  const auto one = with_weights({1});
  CHECK(choose_target(one, kAll, 0, 7) == 0);
  CHECK(choose_target(one, 0, 0, 7) == 0);
  CHECK(choose_target(one, kAll, 1, 7) == std::nullopt);
  const auto most = with_weights(std::vector<std::uint16_t>(control::kMaxTargets, 65535));
  CHECK(choose_target(most, kAll, 0, ~std::uint64_t{0}) == control::kMaxTargets - 1);
  CHECK(choose_target(most, kAll, kAll >> 1, 0) == control::kMaxTargets - 1);
  CHECK(choose_target(most, kAll, kAll, 0) == std::nullopt);
}

TEST_CASE("target_choice: numbers drawn in a row keep the weights at once", "[relay]") {
  const auto targets = with_weights({10, 1});
  EvenNumbers numbers(GENERATE(std::uint64_t{0}, std::uint64_t{0x123456789abcdef}));
  std::array<int, 2> counts{};
  for (int i = 0; i < 110; ++i) ++counts.at(*choose_target(targets, kAll, 0, numbers.next()));
  CAPTURE(counts[0], counts[1]);
  CHECK((counts[1] >= 8 && counts[1] <= 12));
}

TEST_CASE("target_choice: an attempt has its share of what is left", "[relay]") {
  CHECK(attempt_time(Milliseconds(5000), 1, 0) == Milliseconds(5000));
  CHECK(attempt_time(Milliseconds(5000), 2, 0) == Milliseconds(2500));
  CHECK(attempt_time(Milliseconds(2600), 2, 0b01) == Milliseconds(2600));
  CHECK(attempt_time(Milliseconds(4999), 3, 0b010) == Milliseconds(2499));
  CHECK(attempt_time(Milliseconds(0), 2, 0) == Milliseconds(1));
  CHECK(attempt_time(Milliseconds(320), 32, 0) == Milliseconds(10));
  CHECK(attempt_time(Milliseconds(320), 2, 0b11) == Milliseconds(320));
}

}  // namespace
}  // namespace adit::relay
