#include "relay/timer_wheel.hpp"

#include <memory>
#include <vector>

#include "tests/support/catch.hpp"

namespace adit::relay {
namespace {

constexpr TimePoint kStart{Seconds(1'000)};

std::size_t fired_at(TimerWheel& wheel, TimePoint now) {
  std::size_t count = 0;
  wheel.advance(now, [&](TimerNode&) { ++count; });
  return count;
}

TEST_CASE("timer_wheel: fires once, never early, at most a tick late", "[relay]") {
  const auto delay = GENERATE(as<Milliseconds>(), 1, 9, 10, 11, 639, 640, 641, 5'000, 40'960,
                              3'600'000, 86'400'000);
  CAPTURE(delay.count());
  TimerWheel wheel(kStart);
  TimerNode node;
  wheel.arm(node, kStart + delay);
  CHECK(node.is_armed());
  CHECK(fired_at(wheel, kStart + delay - Milliseconds(1)) == 0);
  CHECK(fired_at(wheel, kStart + delay + TimerWheel::kTick) == 1);
  CHECK_FALSE(node.is_armed());
  CHECK(fired_at(wheel, kStart + delay * 2 + Seconds(1)) == 0);
}

TEST_CASE("timer_wheel: a deadline farther than the wheel reaches", "[relay]") {
  constexpr auto kTenYears = std::chrono::hours(24 * 3'650);
  TimerWheel wheel(kStart);
  TimerNode node;
  wheel.arm(node, kStart + kTenYears);
  std::size_t turns = 0;
  TimePoint now = kStart;
  while (node.is_armed() && turns < 1'000) {
    REQUIRE(wheel.next_deadline());
    REQUIRE(*wheel.next_deadline() > now);
    now = *wheel.next_deadline();
    const std::size_t fired = fired_at(wheel, now);
    REQUIRE((fired == 0 || now >= kStart + kTenYears));
    ++turns;
  }
  CHECK_FALSE(node.is_armed());
  CHECK(now == kStart + kTenYears);
  CHECK(turns < 100);
}

TEST_CASE("timer_wheel: sleeps while nothing is armed", "[relay]") {
  TimerWheel wheel(kStart);
  CHECK_FALSE(wheel.next_deadline());
  TimerNode node;
  wheel.arm(node, kStart + Seconds(10));
  CHECK(wheel.next_deadline());
  wheel.cancel(node);
  CHECK_FALSE(wheel.next_deadline());
  wheel.cancel(node);  // twice is nothing
  CHECK(fired_at(wheel, kStart + Seconds(20)) == 0);
  CHECK_FALSE(wheel.next_deadline());
}

TEST_CASE("timer_wheel: a long sleep does not make later deadlines late", "[relay]") {
  TimerWheel wheel(kStart);
  TimerNode node;
  const TimePoint later = kStart + std::chrono::hours(100);
  wheel.arm(node, later + Milliseconds(50));  // nobody called advance() since the start
  CHECK(fired_at(wheel, later) == 0);
  CHECK(wheel.next_deadline() == later + Milliseconds(50));
  CHECK(fired_at(wheel, later + Milliseconds(50)) == 1);
}

TEST_CASE("timer_wheel: arming again moves a node", "[relay]") {
  TimerWheel wheel(kStart);
  TimerNode node;
  wheel.arm(node, kStart + Seconds(1));
  wheel.arm(node, kStart + Seconds(100));
  CHECK(fired_at(wheel, kStart + Seconds(99)) == 0);
  wheel.arm(node, kStart + Milliseconds(99'500));
  CHECK(fired_at(wheel, kStart + Milliseconds(99'500)) == 1);
}

TEST_CASE("timer_wheel: a past deadline fires with the next tick", "[relay]") {
  TimerWheel wheel(kStart);
  TimerNode node;
  fired_at(wheel, kStart + Seconds(5));
  wheel.arm(node, kStart);
  CHECK(wheel.next_deadline() == kStart + Seconds(5) + TimerWheel::kTick);
  CHECK(fired_at(wheel, kStart + Seconds(5)) == 0);
  CHECK(fired_at(wheel, kStart + Seconds(5) + TimerWheel::kTick) == 1);
}

TEST_CASE("timer_wheel: a callback may arm, cancel and destroy any node", "[relay]") {
  TimerWheel wheel(kStart);
  std::vector<std::unique_ptr<TimerNode>> nodes;
  for (int i = 0; i < 4; ++i) {
    nodes.push_back(std::make_unique<TimerNode>());
    wheel.arm(*nodes.back(), kStart + Seconds(1));
  }
  TimerNode other;
  std::size_t fired = 0;
  wheel.advance(kStart + Seconds(1), [&](TimerNode& node) {
    ++fired;
    CHECK_FALSE(node.is_armed());
    if (fired > 1) return;
    for (auto& each : nodes) {  // the three others are due too
      if (each.get() == &node) continue;
      if (!nodes[0] || each == nodes[3]) {
        wheel.cancel(*each);
      } else {
        each.reset();
      }
    }
    wheel.arm(node, kStart + Seconds(2));
    wheel.arm(other, kStart + Seconds(3));
  });
  CHECK(fired == 1);
  CHECK(fired_at(wheel, kStart + Seconds(2)) == 1);
  CHECK(fired_at(wheel, kStart + Seconds(3)) == 1);
}

TEST_CASE("timer_wheel: a callback that arms its node for now does not loop", "[relay]") {
  TimerWheel wheel(kStart);
  TimerNode node;
  wheel.arm(node, kStart + Milliseconds(10));
  std::size_t fired = 0;
  wheel.advance(kStart + Milliseconds(50), [&](TimerNode& due) {
    ++fired;
    wheel.arm(due, kStart);
  });
  CHECK(fired == 5);  // once for each tick
  CHECK(node.is_armed());
}

TEST_CASE("timer_wheel: an idle deadline that is only looked at when it fires", "[relay]") {
  // As a connection does: bytes only note the time, the callback arms again for the rest.
  constexpr auto kIdle = Seconds(60);
  TimerWheel wheel(kStart);
  TimerNode node;
  TimePoint last_activity = kStart;
  wheel.arm(node, kStart + kIdle);
  std::size_t looks = 0;
  std::vector<TimePoint> closed;
  for (TimePoint now = kStart; now <= kStart + Seconds(400); now += Milliseconds(100)) {
    if (now <= kStart + Seconds(200)) last_activity = now;
    wheel.advance(now, [&](TimerNode& due) {
      ++looks;
      if (last_activity + kIdle > now) {
        wheel.arm(due, last_activity + kIdle);
      } else {
        closed.push_back(now);
      }
    });
  }
  CHECK(closed == std::vector<TimePoint>{kStart + Seconds(260)});
  CHECK(looks <= 6);
}

TEST_CASE("timer_wheel: node and wheel may go in either order", "[relay]") {
  TimerNode outlives;
  {
    TimerWheel wheel(kStart);
    wheel.arm(outlives, kStart + Seconds(1));
    TimerNode dies;
    wheel.arm(dies, kStart + Seconds(1));
  }
  CHECK_FALSE(outlives.is_armed());
}

}  // namespace
}  // namespace adit::relay
