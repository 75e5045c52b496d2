#include "controller/apply/reconciler.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fmt/format.h>

namespace adit::apply {

namespace {

constexpr Milliseconds kRelayPoll{1'000};
constexpr Milliseconds kHungRelayPoll{10'000};  ///< one that takes connections and never answers
constexpr Milliseconds kTunnelPoll{10'000};
constexpr Milliseconds kSilentSitePoll{500};

bool has_group(const plan::Plan& plan, plan::Group group) {
  return std::any_of(plan.steps.begin(), plan.steps.end(),
                     [group](const plan::Step& step) { return step.group == group; });
}

const StepReport* find_same(const std::vector<StepReport>& reports, const StepReport& wanted) {
  const auto same = [&](const StepReport& report) {
    return report.kind == wanted.kind && report.what == wanted.what;
  };
  const auto found = std::find_if(reports.begin(), reports.end(), same);
  return found == reports.end() ? nullptr : &*found;
}

}  // namespace

Reconciler::Reconciler(TunnelAccess tunnel, RelayLink& relay,
                       const wireguard::PrivateKey& private_key, std::string interface,
                       std::stop_token stop)
    : tunnel_(std::move(tunnel)),
      relay_(relay),
      private_key_(private_key),
      interface_(std::move(interface)),
      stop_(std::move(stop)) {}

void Reconciler::set_desired(std::shared_ptr<const plan::Desired> desired) {
  desired_ = std::move(desired);
  tunnel_backoff_.reset();
  table_backoff_.reset();
  tunnel_due_ = {};
  is_settled_ = false;
}

void Reconciler::observe_relay(TimePoint now) {
  const bool was_there = stats_ != nullptr;
  auto stats = relay_.stats();
  if (!stats) {
    relay_due_ = now + (stats.error().sys_errno == ETIMEDOUT ? kHungRelayPoll : kRelayPoll);
    if (was_there || relay_error_.what != stats.error().what) {
      notes_.push_back({log::Level::Warning, fmt::format("{}; continuing", stats.error().what)});
    }
    relay_error_ = std::move(stats).error();
    stats_.reset();
    observed_.relay.reset();
    observed_.relay_problem = relay_error_.what;
    return;
  }
  relay_due_ = now + kRelayPoll;
  if (!was_there) {
    notes_.push_back(
        {log::Level::Info, fmt::format("relay: connected software=\"{}\"", stats->software)});
    table_backoff_.reset();
  }
  relay_error_ = {};
  observed_.relay = plan::ObservedRelay{stats->revision, stats->table_digest};
  observed_.relay_problem.clear();
  stats_ = std::make_shared<const control::Stats>(std::move(*stats));
}

void Reconciler::observe_tunnel(const Now& now) {
  tunnel_.observe(interface_, desired_->interface.has_value(), observed_);
  tunnel_due_ = now.steady + (has_silent_site(now.wall) ? kSilentSitePoll : kTunnelPoll);
}

/// A handshake is what we wait for most: a person has just started the home's side.
bool Reconciler::has_silent_site(std::int64_t wall) const {
  if (!desired_->interface || !observed_.interface) return false;
  const auto& peers = observed_.interface->device.peers;
  const auto is_silent = [&](const plan::DesiredPeer& wanted) {
    const auto peer = std::find_if(peers.begin(), peers.end(), [&](const wireguard::Peer& p) {
      return p.public_key == wanted.public_key;
    });
    return peer == peers.end() || wall - peer->latest_handshake > kHandshakeLifetime.count();
  };
  const auto& wanted = desired_->interface->peers;
  return std::any_of(wanted.begin(), wanted.end(), is_silent);
}

Execution Reconciler::apply(const Now& now) {
  tunnel_backoff_.reset();
  table_backoff_.reset();
  observe_relay(now.steady);
  observe_tunnel(now);
  return run(plan::diff(*desired_, observed_), now, /*is_drift=*/false);
}

bool Reconciler::tick(const Now& now) {
  const auto relay_before = observed_.relay;
  const bool is_relay_due = now.steady >= relay_due_;
  const bool is_tunnel_due = now.steady >= tunnel_due_ ||
                             (tunnel_backoff_.is_waiting() && tunnel_backoff_.is_due(now.steady));
  if (!is_relay_due && !is_tunnel_due) return false;
  if (is_relay_due) observe_relay(now.steady);
  if (is_tunnel_due) observe_tunnel(now);
  // Once a second for as long as we live: the whole table is compared only if something has moved.
  if (is_settled_ && !is_tunnel_due && observed_.relay == relay_before) return true;
  run(plan::diff(*desired_, observed_), now, /*is_drift=*/!is_first_);
  is_first_ = false;
  return true;
}

std::vector<StepReport> Reconciler::preview(const plan::Desired& desired, const Now& now) {
  observe_relay(now.steady);
  tunnel_.observe(interface_, desired.interface.has_value(), observed_);
  std::vector<StepReport> planned;
  for (const plan::Step& step : plan::diff(desired, observed_).steps) {
    planned.push_back(report_of(step, StepState::Planned));
  }
  return planned;
}

TimePoint Reconciler::next_due() const {
  const TimePoint next = std::min(relay_due_, tunnel_due_);
  return tunnel_backoff_.is_waiting() ? std::min(next, tunnel_backoff_.next()) : next;
}

std::vector<Note> Reconciler::take_notes() {
  return std::exchange(notes_, {});
}

/// Why a step is not even tried now, as its report; nothing if it shall be tried.
std::optional<StepReport> Reconciler::put_off(const plan::Step& step, TimePoint now) const {
  const bool is_table = step.group == plan::Group::RouteTable;
  if (is_table && !observed_.relay) return failure_report(step, relay_error_);
  if ((is_table ? table_backoff_ : tunnel_backoff_).is_due(now)) return std::nullopt;
  StepReport report = report_of(step, StepState::Waiting);
  if (const StepReport* known = find_same(open_, report)) return *known;
  report.error = "is tried again soon";
  return report;
}

Execution Reconciler::run(const plan::Plan& plan, const Now& now, bool is_drift) {
  plan::Plan tried;
  std::vector<std::optional<StepReport>> put_off_reports;
  for (const plan::Step& step : plan.steps) {
    put_off_reports.push_back(put_off(step, now.steady));
    if (!put_off_reports.back()) tried.steps.push_back(step);
  }
  const bool has_tunnel = has_group(tried, plan::Group::Tunnel);
  const Tools tools{has_tunnel ? tunnel_.backend() : nullptr, tunnel_.error(), private_key_,
                    relay_};
  Execution done = execute(tried, *desired_, tools, stop_);

  Execution all;
  all.warnings = std::move(done.warnings);
  auto next = done.reports.begin();
  for (auto& report : put_off_reports) {
    all.reports.push_back(report ? std::move(*report) : std::move(*next++));
  }
  if (!tried.is_empty()) observe_again(tried, now);
  note_outcome(all.reports, is_drift);
  for (const auto& warning : all.warnings) notes_.push_back({log::Level::Warning, warning});
  open_.clear();
  const auto is_open = [](const StepReport& report) { return report.state != StepState::Done; };
  std::copy_if(all.reports.begin(), all.reports.end(), std::back_inserter(open_), is_open);
  is_settled_ = tried.is_empty() && open_.empty();
  return all;
}

/// What was done must show. A group that still differs (it failed, or somebody else changes it
/// back) is left alone for a while.
void Reconciler::observe_again(const plan::Plan& tried, const Now& now) {
  const bool has_tunnel = has_group(tried, plan::Group::Tunnel);
  const bool has_table = has_group(tried, plan::Group::RouteTable);
  if (has_tunnel) observe_tunnel(now);
  if (has_table) observe_relay(now.steady);
  const plan::Plan left = plan::diff(*desired_, observed_);
  const auto keep_time = [&](plan::Group group, Backoff& backoff) {
    if (has_group(left, group)) {
      backoff.failed(now.steady);
    } else {
      backoff.reset();
    }
  };
  if (has_tunnel) keep_time(plan::Group::Tunnel, tunnel_backoff_);
  if (has_table) keep_time(plan::Group::RouteTable, table_backoff_);
}

/// One line for each cause: a step that goes on failing for the same reason is silent.
void Reconciler::note_outcome(const std::vector<StepReport>& reports, bool is_drift) {
  for (const StepReport& report : reports) {
    const StepReport* before = find_same(open_, report);
    if (report.state == StepState::Failing) {
      if (before != nullptr && before->error == report.error) continue;
      notes_.push_back({log::Level::Warning,
                        fmt::format("step fails: {}: {}; continuing", report.what, report.error)});
    } else if (report.state == StepState::Done && before != nullptr) {
      notes_.push_back({log::Level::Info, fmt::format("step is done now: {}", report.what)});
    } else if (report.state == StepState::Done && is_drift) {
      notes_.push_back({log::Level::Notice, fmt::format("repaired: {}", report.what)});
    }
  }
}

}  // namespace adit::apply
