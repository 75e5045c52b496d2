// HealthRecord: what is known of one target, from connections (passive) and from checks (active).
// Shared by every route that names the same endpoint with the same check and PROXY header; it
// survives tables as long as one of them is served. PURE given a clock value.
//
//   Healthy --3 failed connections, or 2 failed checks--> Down
//   Down    --a passed check; or, when a pause is over, one connection that is accepted--> Healthy
//
// A target that is Down is only dialled when no other is left. The pause begins with one second and
// doubles with each trial that fails, up to a minute.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "common/clock.hpp"
#include "common/control/messages.hpp"
#include "relay/target_choice.hpp"

namespace adit::relay {

/// How a target stands when one is chosen.
enum class Standing : std::uint8_t {
  Preferred,
  Trial,  ///< Down, and its pause is over: one connection may try it as a preferred one
  Down,
};

/// What an event did to the target: worth a line in the log.
enum class Turn : std::uint8_t { None, WentDown, CameBack };

/// Thread-safe.
class HealthRecord {
 public:
  /// `proxy_protocol`: what a check says before its hello, as the target waits for it.
  HealthRecord(const Endpoint& target, control::HealthCheck check,
               control::ProxyProtocol proxy_protocol = control::ProxyProtocol::None)
      : target_(target), check_(check), proxy_protocol_(proxy_protocol) {}

  [[nodiscard]] const Endpoint& target() const { return target_; }

  [[nodiscard]] control::HealthCheck check() const { return check_; }

  [[nodiscard]] control::ProxyProtocol proxy_protocol() const { return proxy_protocol_; }

  [[nodiscard]] Standing standing(TimePoint now) const;
  /// True if the caller is the connection that tries a target whose standing is Trial. It is the
  /// only one for `longest` (the most that it may take), whatever becomes of it.
  [[nodiscard]] bool claim_trial(TimePoint now, Milliseconds longest);

  /// The target accepted a connection after `took`.
  Turn connected(TimePoint now, std::chrono::microseconds took);
  /// It did not. `error` lives for ever: a word of close_reason.hpp.
  Turn failed(TimePoint now, std::string_view error);
  Turn check_passed(TimePoint now);
  Turn check_failed(TimePoint now, std::string_view error);

  /// All but `route`.
  [[nodiscard]] control::TargetHealth report(TimePoint now) const;

 private:
  [[nodiscard]] bool is_down() const;
  void clear_failures();
  Turn settle(TimePoint now);

  const Endpoint target_;
  const control::HealthCheck check_;
  const control::ProxyProtocol proxy_protocol_;
  mutable std::mutex mutex_;  ///< guards what follows
  control::TargetState state_ = control::TargetState::Untested;
  TimePoint since_{};                ///< of state_; the epoch: never changed
  std::uint32_t failures_ = 0;       ///< consecutive, of connections
  std::uint32_t failed_checks_ = 0;  ///< consecutive
  Milliseconds pause_{0};
  TimePoint retry_at_;             ///< end of the pause
  bool is_trial_running_ = false;  ///< retry_at_ is when it is given up
  std::string_view last_error_;
  TimePoint last_connected_{};  ///< the epoch: never
  std::uint32_t connect_us_ = 0;
};

/// The records of a route's targets, in their order.
using HealthRecords = std::vector<std::shared_ptr<HealthRecord>>;

/// How the targets of one route stand, by place (target_choice.hpp).
struct Standings {
  TargetSet preferred = ~TargetSet{0};  ///< `trials` among them
  TargetSet trials = 0;
};

[[nodiscard]] Standings standings_of(const HealthRecords& records, TimePoint now);

}  // namespace adit::relay
