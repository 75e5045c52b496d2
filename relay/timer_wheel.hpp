// TimerWheel: all deadlines of one worker behind its one uv_timer. Hierarchical (five levels of 64
// slots, a tick of 10 ms), intrusive nodes, no allocation; arm, re-arm and cancel are O(1).
//
// A busy connection does not touch the wheel per byte: it notes the time of its last activity, and
// when its node fires too early for that, the callback arms it again for the rest.
// One thread; time is a parameter.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "common/clock.hpp"

namespace adit::relay {

class TimerWheel;

/// A deadline that can be armed, as a base or member of what it belongs to. It knows its place, so
/// it does not move; its destruction cancels it.
class TimerNode {
 public:
  TimerNode() = default;

  ~TimerNode() { unlink(); }

  TimerNode(const TimerNode&) = delete;
  TimerNode& operator=(const TimerNode&) = delete;

  [[nodiscard]] bool is_armed() const { return next_ != this; }

 private:
  friend class TimerWheel;
  void unlink();
  void link_before(TimerNode& place);

  TimerNode* previous_ = this;
  TimerNode* next_ = this;
  std::uint64_t due_tick_ = 0;
};

class TimerWheel {
 public:
  static constexpr Milliseconds kTick{10};

  /// No deadline is earlier than `start` (an earlier one is due at once).
  explicit TimerWheel(TimePoint start);
  /// Disarms every node.
  ~TimerWheel();
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  /// `node` fires once, in the first advance() at or after `deadline` rounded up to a tick: never
  /// early, at most one tick late. Armed already: moved. A deadline that is past fires with the
  /// next tick.
  void arm(TimerNode& node, TimePoint deadline);
  /// Nothing happens when it is not armed.
  void cancel(TimerNode& node);

  /// For what `node` was armed last, rounded up to a tick; also after cancel(). Once it was armed.
  [[nodiscard]] TimePoint deadline_of(const TimerNode& node) const {
    return start_ + static_cast<std::int64_t>(node.due_tick_) * kTick;
  }

  /// Calls `fire(TimerNode&)` for each node that is due at `now`, disarmed before the call. It may
  /// arm, cancel and destroy any node, its own and others that are due too, but not advance().
  template <class Fire>
  void advance(TimePoint now, Fire&& fire) {
    const std::uint64_t now_tick = tick_at_or_before(now);
    while (TimerNode* node = take_due(now_tick)) fire(*node);
  }

  /// When advance() must be called next; none: nothing is armed. Never later than the earliest
  /// deadline rounded up to a tick; sometimes earlier (a few times in the life of a long timer,
  /// when only the wheel has work).
  [[nodiscard]] std::optional<TimePoint> next_deadline();

 private:
  static constexpr unsigned kLevelBits = 6;
  static constexpr unsigned kLevels = 5;
  static constexpr std::size_t kSlots = std::size_t{1} << kLevelBits;

  struct Level {
    std::uint64_t occupied = 0;           ///< a bit per slot; may stay set for a slot grown empty
    std::array<TimerNode, kSlots> slots;  ///< heads of circular lists
  };

  [[nodiscard]] std::uint64_t tick_at_or_before(TimePoint time) const;
  [[nodiscard]] std::uint64_t tick_at_or_after(TimePoint time) const;
  void place(TimerNode& node);
  void empty_slot(unsigned level);
  TimerNode* take_due(std::uint64_t now_tick);
  std::optional<std::uint64_t> next_event_tick();
  std::optional<std::uint64_t> next_event_tick(unsigned level);

  TimePoint start_;
  std::uint64_t current_tick_ = 0;  ///< every tick up to here has been dealt with
  std::array<Level, kLevels> levels_;
  TimerNode due_;  ///< head of the list of nodes that wait for their callback
};

}  // namespace adit::relay
