// Reconciler: brings the world to the desired state and keeps it there: observe -> plan::diff ->
// execute. Polls WireGuard every 10 s (every 0.5 s while a site is not up) and the relay every
// second, repairs drift, and tries again what failed, with back-off. One thread: the local
// worker's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "common/clock.hpp"
#include "common/log.hpp"
#include "controller/apply/backoff.hpp"
#include "controller/apply/executor.hpp"
#include "controller/apply/relay_link.hpp"
#include "controller/apply/removal_gate.hpp"
#include "controller/apply/repair_log.hpp"
#include "controller/apply/tunnel_access.hpp"
#include "controller/plan/desired.hpp"
#include "controller/plan/observed.hpp"

namespace adit::apply {

/// A site is up while its latest handshake is younger than this (WireGuard's own limit for a
/// session: REJECT_AFTER_TIME).
inline constexpr Seconds kHandshakeLifetime{180};

/// A line for the log; whoever calls writes it.
struct Note {
  log::Level level = log::Level::Info;
  std::string text;

  bool operator==(const Note&) const = default;
};

/// Both clocks, read once for each turn.
struct Now {
  TimePoint steady;
  std::int64_t wall = 0;  ///< seconds since 1970
};

class Reconciler {
 public:
  Reconciler(TunnelAccess tunnel, RelayLink& relay, const wireguard::PrivateKey& private_key,
             std::string interface, std::stop_token stop);

  /// What ought to be from here on. Nothing is done until `apply` or `tick`.
  void set_desired(std::shared_ptr<const plan::Desired> desired);

  /// Observes everything and does every step now, whatever the back-off says. One report for each
  /// step; empty if nothing was to be done.
  Execution apply(const Now& now);
  /// Observes what is due and repairs what differs. True if anything that a reader of the snapshot
  /// could see has changed.
  bool tick(const Now& now);

  /// The next `tick` looks at the tunnel, however long ago it last did.
  void look_at_tunnel() { tunnel_due_ = {}; }

  /// Observes everything and tells what `apply` would do for `desired`; changes nothing. An
  /// interface that is not there is not looked for any further: asking for WireGuard may load a
  /// module.
  std::vector<StepReport> preview(const plan::Desired& desired, const Now& now);

  /// When `tick` has something to do.
  [[nodiscard]] TimePoint next_due() const;

  [[nodiscard]] const plan::Observed& observed() const { return observed_; }

  /// The relay's latest numbers; null if it does not answer.
  [[nodiscard]] const std::shared_ptr<const control::Stats>& relay_stats() const { return stats_; }

  /// What it knows of targets; null if it was not asked (no route has a choice) or did not say.
  [[nodiscard]] const std::shared_ptr<const control::HealthReply>& health() const {
    return health_;
  }

  /// Steps that are not done.
  [[nodiscard]] const std::vector<StepReport>& open_steps() const { return open_; }

  [[nodiscard]] std::optional<wireguard::Implementation> implementation() const {
    return tunnel_.implementation();
  }

  /// What happened since the last call and is worth a line in the log.
  std::vector<Note> take_notes();

 private:
  void observe_relay(TimePoint now);
  void observe_health();
  void observe_tunnel(const Now& now);
  void tell_sites(std::int64_t wall);
  [[nodiscard]] bool has_silent_site(std::int64_t wall) const;
  Execution run(const plan::Plan& plan, const Now& now, bool is_drift);
  [[nodiscard]] std::optional<StepReport> put_off(const plan::Step& step, bool has_table_step,
                                                  TimePoint now);
  [[nodiscard]] std::optional<StepReport> put_off_table(const plan::Step& step) const;
  [[nodiscard]] std::string hindrance_of_removal(bool has_table_step, TimePoint now) const;
  void observe_again(const plan::Plan& tried, const Now& now, bool is_drift);
  void note_outcome(const std::vector<StepReport>& reports, bool is_drift, TimePoint now);
  void note_repair(const StepReport& report, TimePoint now);

  TunnelAccess tunnel_;
  RelayLink& relay_;
  const wireguard::PrivateKey& private_key_;
  std::string interface_;
  std::stop_token stop_;

  std::shared_ptr<const plan::Desired> desired_;
  plan::Observed observed_;
  Error relay_error_;
  std::shared_ptr<const control::Stats> stats_;
  std::shared_ptr<const control::HealthReply> health_;
  std::vector<StepReport> open_;
  std::vector<Note> notes_;

  TimePoint relay_due_{};
  TimePoint tunnel_due_{};
  Backoff tunnel_backoff_;
  Backoff table_backoff_;
  RepairLog tunnel_repairs_;
  RepairLog table_repairs_;
  RemovalGate removals_;
  bool is_settled_ = false;  ///< the last comparison found no difference
  bool is_first_ = true;     ///< nothing was compared yet: what differs is no drift
};

}  // namespace adit::apply
