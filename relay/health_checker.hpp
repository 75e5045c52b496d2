// HealthChecker: asks the targets of routes with `check:` whether they are alive, every five
// seconds, each second while that changes. One for the process, on the main thread: however many
// workers and routes there are, a target is asked once. What it costs is bounded: at most
// kMostChecks at once, spread over the interval by chance, each with its time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>

#include "common/clock.hpp"
#include "common/uv/loop.hpp"
#include "common/uv/timer.hpp"
#include "relay/health_record.hpp"
#include "relay/route_table.hpp"

namespace adit::relay {

class HealthChecker {
 public:
  static constexpr std::size_t kMostChecks = 64;

  /// `loop` must outlive it.
  explicit HealthChecker(uv::Loop& loop);
  ~HealthChecker();
  HealthChecker(const HealthChecker&) = delete;
  HealthChecker& operator=(const HealthChecker&) = delete;
  HealthChecker(HealthChecker&&) = delete;
  HealthChecker& operator=(HealthChecker&&) = delete;

  /// From now on the targets of `table`, and no others; those that it has already stay in their
  /// rhythm.
  void watch(const RouteTable& table);
  /// Nothing any more, until `watch`.
  void stop();

 private:
  class Attempt;

  /// One target.
  struct Check {
    std::shared_ptr<HealthRecord> record;
    std::string server_name;    ///< for a ClientHello; empty: none
    TimePoint due;              ///< while there is no attempt
    unsigned quick_checks = 0;  ///< still to be made, a second apart
    bool is_wanted = true;      ///< by the table that is being read
    std::unique_ptr<Attempt> attempt;
  };

  void add_targets_of(const Route& route);
  void forget(Check& check);
  void run();
  void begin(Check& check, TimePoint now);
  /// `error` empty: it is alive. Destroys the attempt.
  void finish(Check& check, std::string_view error);
  void schedule(Check& check, TimePoint due);
  void arm_timer();
  [[nodiscard]] Milliseconds chance_below(Milliseconds most);

  uv::Loop* loop_;
  uv::Timer timer_;
  std::minstd_rand random_;
  Milliseconds patience_{0};  ///< of one attempt
  std::map<const HealthRecord*, Check> checks_;
  std::set<std::pair<TimePoint, Check*>> waiting_;  ///< those without an attempt, by `due`
  std::set<Check*> running_;
};

/// What is known of the targets of `table`, for the controller.
[[nodiscard]] control::HealthReply describe_health(const RouteTable& table, TimePoint now);

}  // namespace adit::relay
