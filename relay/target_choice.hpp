// Which target of a route is dialled next, and how long it may take to answer. PURE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "common/clock.hpp"
#include "common/control/messages.hpp"

namespace adit::relay {

/// Targets of one route: bit N is the one at place N.
using TargetSet = std::uint32_t;
static_assert(control::kMaxTargets <= 32);

constexpr TargetSet target_bit(std::size_t place) {
  return TargetSet{1} << place;
}

/// The place of the target to dial, out of those that were not `tried`: one of the `preferred`
/// (healthy) ones if any is left, else one of the others, so that none is given up untried. Among
/// them those with a weight are drawn by it (`random` is evenly spread over all 64 bits), and only
/// when none has one the first is taken: see control::Target. Nothing: all were tried. At most
/// control::kMaxTargets targets.
[[nodiscard]] std::optional<std::size_t> choose_target(std::span<const control::Target> targets,
                                                       TargetSet preferred, TargetSet tried,
                                                       std::uint64_t random);

/// How long the next attempt may take when `left` is left of timeouts.connect: an equal share for
/// it and each target that was not tried before it (`tried` is without it). At least 1 ms.
[[nodiscard]] Milliseconds attempt_time(Milliseconds left, std::size_t targets, TargetSet tried);

/// Numbers for choose_target: any run of them is spread more evenly than chance would do it (the
/// multiples of the golden ratio), so that ten connections already show the weights. Nothing
/// secret.
class EvenNumbers {
 public:
  explicit EvenNumbers(std::uint64_t start) : state_(start) {}

  std::uint64_t next() { return state_ += 0x9e3779b97f4a7c15ULL; }

 private:
  std::uint64_t state_;
};

}  // namespace adit::relay
