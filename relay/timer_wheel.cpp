#include "relay/timer_wheel.hpp"

#include <algorithm>
#include <bit>

namespace adit::relay {

void TimerNode::unlink() {
  previous_->next_ = next_;
  next_->previous_ = previous_;
  previous_ = this;
  next_ = this;
}

void TimerNode::link_before(TimerNode& place) {
  previous_ = place.previous_;
  next_ = &place;
  previous_->next_ = this;
  place.previous_ = this;
}

TimerWheel::TimerWheel(TimePoint start) : start_(start) {}

TimerWheel::~TimerWheel() {
  while (due_.is_armed()) due_.next_->unlink();
  for (Level& level : levels_) {
    for (TimerNode& head : level.slots) {
      while (head.is_armed()) head.next_->unlink();
    }
  }
}

std::uint64_t TimerWheel::tick_at_or_before(TimePoint time) const {
  return time <= start_ ? 0 : static_cast<std::uint64_t>((time - start_) / kTick);
}

std::uint64_t TimerWheel::tick_at_or_after(TimePoint time) const {
  const std::uint64_t tick = tick_at_or_before(time);
  return start_ + static_cast<std::int64_t>(tick) * kTick < time ? tick + 1 : tick;
}

void TimerWheel::arm(TimerNode& node, TimePoint deadline) {
  node.unlink();
  node.due_tick_ = std::max(tick_at_or_after(deadline), current_tick_ + 1);
  place(node);
}

void TimerWheel::cancel(TimerNode& node) {
  node.unlink();
}

/// Level l holds what is due in less than 64^(l+1) ticks, by bits 6l..6l+5 of its tick, and so at a
/// distance of 1 to 64 slots from where the level stands. What is farther away than the last level
/// reaches waits in its last slot and is placed again from there.
void TimerWheel::place(TimerNode& node) {
  constexpr std::uint64_t kReach = std::uint64_t{1} << (kLevelBits * kLevels);
  const std::uint64_t tick = std::min(node.due_tick_, current_tick_ + kReach - 1);
  unsigned level = 0;
  while (((tick - current_tick_) >> (kLevelBits * (level + 1))) != 0) ++level;
  const std::size_t slot = (tick >> (kLevelBits * level)) & (kSlots - 1);
  levels_[level].occupied |= std::uint64_t{1} << slot;
  node.link_before(levels_[level].slots[slot]);
}

/// The tick at which the wheel must look at `level` next: its first slot that is not empty.
std::optional<std::uint64_t> TimerWheel::next_event_tick(unsigned level) {
  Level& wheel = levels_[level];
  const std::uint64_t position = current_tick_ >> (kLevelBits * level);
  while (wheel.occupied != 0) {
    const auto first = static_cast<int>((position + 1) & (kSlots - 1));
    const auto steps = static_cast<unsigned>(std::countr_zero(std::rotr(wheel.occupied, first)));
    const std::uint64_t at = position + 1 + steps;
    if (wheel.slots[at & (kSlots - 1)].is_armed()) return at << (kLevelBits * level);
    wheel.occupied &= ~(std::uint64_t{1} << (at & (kSlots - 1)));  // its last node was cancelled
  }
  return std::nullopt;
}

std::optional<std::uint64_t> TimerWheel::next_event_tick() {
  std::optional<std::uint64_t> earliest;
  for (unsigned level = 0; level < kLevels; ++level) {
    const auto tick = next_event_tick(level);
    if (tick && (!earliest || *tick < *earliest)) earliest = tick;
  }
  return earliest;
}

std::optional<TimePoint> TimerWheel::next_deadline() {
  const auto tick = next_event_tick();
  if (!tick) return std::nullopt;
  return start_ + static_cast<std::int64_t>(*tick) * kTick;
}

/// Moves the nodes of a slot that the wheel has reached to where they belong now.
void TimerWheel::empty_slot(unsigned level) {
  const std::size_t slot = (current_tick_ >> (kLevelBits * level)) & (kSlots - 1);
  TimerNode& head = levels_[level].slots[slot];
  TimerNode moving;  // what goes back into this very slot must not be met again
  while (head.is_armed()) {
    TimerNode& node = *head.next_;
    node.unlink();
    node.link_before(moving);
  }
  levels_[level].occupied &= ~(std::uint64_t{1} << slot);
  while (moving.is_armed()) {
    TimerNode& node = *moving.next_;
    node.unlink();
    if (node.due_tick_ <= current_tick_) {
      node.link_before(due_);
    } else {
      place(node);
    }
  }
}

TimerNode* TimerWheel::take_due(std::uint64_t now_tick) {
  while (!due_.is_armed()) {
    const auto tick = next_event_tick();
    if (!tick || *tick > now_tick) {
      current_tick_ = std::max(current_tick_, now_tick);
      return nullptr;
    }
    current_tick_ = *tick;
    for (unsigned level = kLevels; level-- > 0;) {
      const std::uint64_t within = current_tick_ & ((std::uint64_t{1} << (kLevelBits * level)) - 1);
      if (within == 0) empty_slot(level);
    }
  }
  TimerNode* node = due_.next_;
  node->unlink();
  return node;
}

}  // namespace adit::relay
