#include "relay/health_record.hpp"

#include <algorithm>
#include <utility>

namespace adit::relay {

namespace {

constexpr std::uint32_t kMostFailures = 3;      ///< of connections, until it is down
constexpr std::uint32_t kMostFailedChecks = 2;  ///< likewise
constexpr Milliseconds kFirstPause{1000};
constexpr Milliseconds kLongestPause{60'000};

Milliseconds rounded(SteadyClock::duration time) {
  return std::max(std::chrono::duration_cast<Milliseconds>(time), Milliseconds{0});
}

}  // namespace

void HealthRecord::clear_failures() {
  failures_ = 0;
  pause_ = Milliseconds{0};
  is_trial_running_ = false;
}

bool HealthRecord::is_down() const {
  return failures_ >= kMostFailures || failed_checks_ >= kMostFailedChecks;
}

Standing HealthRecord::standing(TimePoint now) const {
  const std::scoped_lock lock(mutex_);
  if (!is_down()) return Standing::Preferred;
  // What a check says is not tried on clients: the next check will tell.
  if (failed_checks_ >= kMostFailedChecks) return Standing::Down;
  return now >= retry_at_ ? Standing::Trial : Standing::Down;
}

bool HealthRecord::claim_trial(TimePoint now, Milliseconds longest) {
  const std::scoped_lock lock(mutex_);
  if (now < retry_at_) return false;
  is_trial_running_ = true;
  retry_at_ = now + std::max(longest, pause_);
  return true;
}

Turn HealthRecord::connected(TimePoint now, std::chrono::microseconds took) {
  const std::scoped_lock lock(mutex_);
  clear_failures();
  last_connected_ = now;
  connect_us_ = static_cast<std::uint32_t>(std::clamp<std::int64_t>(took.count(), 0, UINT32_MAX));
  return settle(now);
}

Turn HealthRecord::failed(TimePoint now, std::string_view error) {
  const std::scoped_lock lock(mutex_);
  last_error_ = error;
  ++failures_;
  // Those that were under way together fail together: only the first of them begins a pause.
  if (failures_ == kMostFailures || is_trial_running_) {
    pause_ = std::clamp(pause_ * 2, kFirstPause, kLongestPause);
    retry_at_ = now + pause_;
    is_trial_running_ = false;
  }
  return settle(now);
}

Turn HealthRecord::check_passed(TimePoint now) {
  const std::scoped_lock lock(mutex_);
  failed_checks_ = 0;
  clear_failures();
  return settle(now);
}

Turn HealthRecord::check_failed(TimePoint now, std::string_view error) {
  const std::scoped_lock lock(mutex_);
  last_error_ = error;
  ++failed_checks_;
  return settle(now);
}

Turn HealthRecord::settle(TimePoint now) {
  using control::TargetState;
  const bool has_failed = failures_ > 0 || failed_checks_ > 0;
  const TargetState next = is_down()    ? TargetState::Down
                           : has_failed ? TargetState::Failing
                                        : TargetState::Healthy;
  if (next == state_) return Turn::None;
  const TargetState before = std::exchange(state_, next);
  since_ = now;
  if (next == TargetState::Down) return Turn::WentDown;
  return before == TargetState::Down ? Turn::CameBack : Turn::None;
}

control::TargetHealth HealthRecord::report(TimePoint now) const {
  const std::scoped_lock lock(mutex_);
  control::TargetHealth out;
  out.target = target_;
  out.state = state_;
  if (state_ != control::TargetState::Untested) out.since = rounded(now - since_);
  out.failures = failures_ + failed_checks_;
  out.last_error = last_error_;
  if (last_connected_ != TimePoint{}) out.last_connected = rounded(now - last_connected_);
  out.connect_us = connect_us_;
  return out;
}

Standings standings_of(const HealthRecords& records, TimePoint now) {
  Standings out;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const Standing standing = records[i]->standing(now);
    if (standing == Standing::Trial) out.trials |= target_bit(i);
    if (standing == Standing::Down) out.preferred &= ~target_bit(i);
  }
  return out;
}

}  // namespace adit::relay
