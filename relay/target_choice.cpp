#include "relay/target_choice.hpp"

#include <algorithm>
#include <bit>

namespace adit::relay {

namespace {

/// `random` scaled to 0..below−1, by its upper half: `below` is less than 2^32.
std::uint64_t scaled(std::uint64_t random, std::uint64_t below) {
  return (random >> 32) * below >> 32;
}

/// One of `set`, which is not empty.
std::size_t choose_among(std::span<const control::Target> targets, TargetSet set,
                         std::uint64_t random) {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if ((set & target_bit(i)) != 0) total += targets[i].weight;
  }
  if (total == 0) return static_cast<std::size_t>(std::countr_zero(set));
  std::uint64_t drawn = scaled(random, total);
  for (std::size_t i = 0;; ++i) {
    if ((set & target_bit(i)) == 0) continue;
    if (drawn < targets[i].weight) return i;
    drawn -= targets[i].weight;
  }
}

TargetSet all_of(std::size_t targets) {
  return targets >= 32 ? ~TargetSet{0} : target_bit(targets) - 1;
}

}  // namespace

std::optional<std::size_t> choose_target(std::span<const control::Target> targets,
                                         TargetSet preferred, TargetSet tried,
                                         std::uint64_t random) {
  const TargetSet left = all_of(targets.size()) & ~tried;
  if (left == 0) return std::nullopt;
  const TargetSet healthy = left & preferred;
  return choose_among(targets, healthy != 0 ? healthy : left, random);
}

Milliseconds attempt_time(Milliseconds left, std::size_t targets, TargetSet tried) {
  const int untried = std::popcount(all_of(targets) & ~tried);
  return std::max(left / std::max(untried, 1), Milliseconds{1});
}

}  // namespace adit::relay
