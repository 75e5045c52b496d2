#include "relay/token_bucket.hpp"

#include <algorithm>
#include <cmath>

namespace adit::relay {

namespace {

std::int64_t nanoseconds(TimePoint time) {
  return std::chrono::nanoseconds(time.time_since_epoch()).count();
}

/// How long the line is taken by `bytes`.
std::int64_t cost(std::uint64_t bytes, std::uint64_t rate) {
  constexpr double kBitNanoseconds = 8e9;
  return static_cast<std::int64_t>(
      std::ceil(static_cast<double>(bytes) * kBitNanoseconds / static_cast<double>(rate)));
}

}  // namespace

TimePoint TokenBucket::reserve(std::uint64_t bytes, std::uint64_t rate, TimePoint now) {
  const std::int64_t time = nanoseconds(now);
  std::int64_t free_at = free_at_.load(std::memory_order_relaxed);
  if (rate_.exchange(rate, std::memory_order_relaxed) != rate && free_at > time) {
    free_at_.compare_exchange_strong(free_at, time, std::memory_order_relaxed);
    free_at = free_at_.load(std::memory_order_relaxed);
  }
  std::int64_t begin = 0;
  do {
    begin = std::max(free_at, time - std::chrono::nanoseconds(kBurst).count());
  } while (!free_at_.compare_exchange_weak(free_at, begin + cost(bytes, rate),
                                           std::memory_order_relaxed));
  return std::max(now, TimePoint(std::chrono::nanoseconds(begin)));
}

void TokenBucket::give_back(std::uint64_t bytes, std::uint64_t rate) {
  if (rate_.load(std::memory_order_relaxed) != rate) return;
  free_at_.fetch_sub(cost(bytes, rate), std::memory_order_relaxed);
}

TimePoint TokenBucket::free_at() const {
  return TimePoint(std::chrono::nanoseconds(free_at_.load(std::memory_order_relaxed)));
}

}  // namespace adit::relay
