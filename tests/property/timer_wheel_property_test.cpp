// A wheel under random arming, re-arming and cancelling fires what a sorted list of deadlines
// would, and never sleeps past a deadline.
#include <algorithm>
#include <array>
#include <optional>

#include "relay/timer_wheel.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/random.hpp"

namespace adit::relay {
namespace {

using test::Random;

constexpr TimePoint kStart{Seconds(77)};
constexpr std::size_t kNodes = 200;

struct Timer : TimerNode {
  std::optional<TimePoint> deadline;  // of the reference; none: not armed
};

/// Any scale from a millisecond to months.
Milliseconds random_delay(Random& random) {
  return Milliseconds(random.number(0, std::uint64_t{1} << random.number(0, 33)));
}

/// The first tick at or after `time`.
TimePoint rounded_up(TimePoint time) {
  const auto ticks =
      (time - kStart + TimerWheel::kTick - std::chrono::nanoseconds(1)) / TimerWheel::kTick;
  return kStart + ticks * TimerWheel::kTick;
}

std::optional<TimePoint> earliest(const std::array<Timer, kNodes>& timers) {
  std::optional<TimePoint> first;
  for (const Timer& timer : timers) {
    if (timer.deadline && (!first || *timer.deadline < *first)) first = timer.deadline;
  }
  return first;
}

TEST_CASE("timer_wheel property: fires what a sorted reference fires", "[property]") {
  const auto seed = GENERATE(range<std::uint64_t>(1, 17));
  CAPTURE(seed);
  Random random(seed);
  TimerWheel wheel(kStart);
  std::array<Timer, kNodes> timers;
  TimePoint now = kStart;
  for (int step = 0; step < 3'000; ++step) {
    CAPTURE(step);
    for (std::size_t changes = random.below(5); changes > 0; --changes) {
      Timer& timer = timers[random.below(kNodes)];
      if (random.one_in(4)) {
        wheel.cancel(timer);
        timer.deadline.reset();
      } else {
        timer.deadline = now + random_delay(random);
        wheel.arm(timer, *timer.deadline);
      }
    }
    // Sometimes only as far as the wheel asks for, as the loop's one timer does.
    const auto wake = wheel.next_deadline();
    const auto first = earliest(timers);
    REQUIRE(wake.has_value() == first.has_value());
    // A deadline that was past when it was armed waits for the next tick.
    if (first) REQUIRE(*wake <= std::max(rounded_up(*first), rounded_up(now + TimerWheel::kTick)));
    if (wake && random.one_in(2)) {
      now = std::max(now, *wake);
    } else {
      now += random_delay(random) / 4;
    }
    wheel.advance(now, [&](TimerNode& node) {
      auto& timer = static_cast<Timer&>(node);
      REQUIRE(timer.deadline);
      REQUIRE(*timer.deadline <= now);  // never early
      timer.deadline.reset();
    });
    // What is still armed is not due, but for the rest of a tick.
    REQUIRE(std::ranges::all_of(timers, [&](const Timer& timer) {
      return timer.is_armed() == timer.deadline.has_value() &&
             (!timer.deadline || *timer.deadline + TimerWheel::kTick > now);
    }));
  }
}

TEST_CASE("timer_wheel property: waking only when asked fires every node within a tick",
          "[property]") {
  const auto seed = GENERATE(range<std::uint64_t>(1, 9));
  CAPTURE(seed);
  Random random(seed);
  TimerWheel wheel(kStart);
  std::array<Timer, kNodes> timers;
  for (Timer& timer : timers) {
    timer.deadline = kStart + random_delay(random);
    wheel.arm(timer, *timer.deadline);
  }
  std::size_t fired = 0;
  std::size_t turns = 0;
  while (const auto wake = wheel.next_deadline()) {
    ++turns;
    wheel.advance(*wake, [&](TimerNode& node) {
      const TimePoint deadline = *static_cast<Timer&>(node).deadline;
      CHECK(deadline <= *wake);
      CHECK(*wake < std::max(deadline, kStart + Milliseconds(1)) + TimerWheel::kTick);
      ++fired;
    });
    REQUIRE(turns < kNodes * 8);
  }
  CHECK(fired == kNodes);
}

}  // namespace
}  // namespace adit::relay
