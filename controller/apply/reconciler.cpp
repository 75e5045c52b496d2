#include "controller/apply/reconciler.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fmt/format.h>

#include "controller/apply/sites_down.hpp"

namespace adit::apply {

namespace {

constexpr Milliseconds kRelayPoll{1'000};
constexpr Milliseconds kHungRelayPoll{10'000};  ///< one that takes connections and never answers
constexpr Milliseconds kTunnelPoll{10'000};
constexpr Milliseconds kSilentSitePoll{500};

constexpr const char* kSoon = "is tried again soon";

bool is_table(const plan::Step& step) {
  return step.group == plan::Group::RouteTable;
}

bool has_table(const plan::Plan& plan) {
  return std::any_of(plan.steps.begin(), plan.steps.end(), is_table);
}

bool has_tunnel(const plan::Plan& plan) {
  return !std::all_of(plan.steps.begin(), plan.steps.end(), is_table);
}

/// The steps of `left` that were in `tried` already.
plan::Plan still_there(const plan::Plan& tried, const plan::Plan& left) {
  plan::Plan both;
  for (const plan::Step& step : left.steps) {
    const auto& steps = tried.steps;
    if (std::find(steps.begin(), steps.end(), step) != steps.end()) both.steps.push_back(step);
  }
  return both;
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
  if (desired_) removals_.replace(desired_->table, desired->table);
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
    health_.reset();
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
  observe_health();
}

void Reconciler::observe_health() {
  health_.reset();
  const auto has_health = [](const control::Route& route) {
    return route.targets.size() > 1 || route.check != control::HealthCheck::None;
  };
  if (!desired_ || std::ranges::none_of(desired_->table.routes, has_health)) return;
  // A relay of an earlier version does not know the question: then it is only not shown.
  if (auto health = relay_.health()) {
    health_ = std::make_shared<const control::HealthReply>(std::move(*health));
  }
}

void Reconciler::observe_tunnel(const Now& now) {
  const bool had_ipv6 = observed_.has_ipv6;
  tunnel_.observe(interface_, desired_->interface.has_value(), observed_);
  tunnel_due_ = now.steady + (has_silent_site(now.wall) ? kSilentSitePoll : kTunnelPoll);
  if (removals_.opens() > now.steady) tunnel_due_ = std::min(tunnel_due_, removals_.opens());
  if (had_ipv6 && !observed_.has_ipv6) {
    notes_.push_back({log::Level::Notice, fmt::format("IPv6 is off for {}: it has IPv4 addresses "
                                                      "only",
                                                      interface_)});
  }
}

/// So that it holds the clients of a home that is away for a moment. Its own numbers say what it
/// knows: a relay that was restarted is told again.
void Reconciler::tell_sites(std::int64_t wall) {
  if (!stats_) return;
  control::SiteState sites{sites_down(*desired_, observed_, wall)};
  if (sites.down == stats_->sites_down || !relay_.tell(sites)) return;
  auto known = std::make_shared<control::Stats>(*stats_);
  known->sites_down = std::move(sites.down);
  stats_ = std::move(known);
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
  tell_sites(now.wall);
  // Once a second for as long as we live: the whole table is compared only if something has moved.
  if (is_settled_ && !is_tunnel_due && observed_.relay == relay_before) return true;
  run(plan::diff(*desired_, observed_), now, /*is_drift=*/!is_first_);
  is_first_ = false;
  return true;
}

std::vector<StepReport> Reconciler::preview(const plan::Desired& desired, const Now& now) {
  observe_relay(now.steady);
  tunnel_.observe(interface_, /*is_wanted=*/false, observed_);
  is_settled_ = false;  // what moved meanwhile is for the next tick
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
std::optional<StepReport> Reconciler::put_off(const plan::Step& step, bool has_table_step,
                                              TimePoint now) {
  if (is_table(step)) {
    if (auto report = put_off_table(step)) return report;
  }
  StepReport report = report_of(step, StepState::Waiting);
  if (step.group == plan::Group::TunnelRemoval) {
    report.error = hindrance_of_removal(has_table_step, now);
    if (!report.error.empty()) return report;
  }
  Backoff& backoff = is_table(step) ? table_backoff_ : tunnel_backoff_;
  if (backoff.is_due(now)) return std::nullopt;
  backoff.expect();
  if (const StepReport* known = find_same(open_, report)) return *known;
  report.error = kSoon;
  return report;
}

std::optional<StepReport> Reconciler::put_off_table(const plan::Step& step) const {
  if (!observed_.relay) return failure_report(step, relay_error_);
  if (desired_->table.revision != 0 || observed_.relay->revision == 0) return std::nullopt;
  // A lost or mistyped state folder must not take the public entrance away.
  StepReport report = report_of(step, StepState::Waiting);
  report.error = fmt::format("the relay serves revision {}, and nothing is recorded here",
                             observed_.relay->revision);
  report.fix = "apply your files, or look whether state_dir: in controller.yaml is right";
  return report;
}

/// Why nothing is taken from the tunnel yet; empty if it may be.
std::string Reconciler::hindrance_of_removal(bool has_table_step, TimePoint now) const {
  const bool is_table_late =
      has_table_step && (!observed_.relay || !table_backoff_.is_due(now) ||
                         (desired_->table.revision == 0 && observed_.relay->revision != 0));
  if (is_table_late) return "comes after: the route table";
  // With a table step the connections drain from the moment when that is done.
  if (!removals_.is_open(now)) return "until the connections of removed routes have drained";
  return {};
}

Execution Reconciler::run(const plan::Plan& plan, const Now& now, bool is_drift) {
  const bool has_table_step = has_table(plan);
  if (!has_table_step && observed_.relay) removals_.table_is_live(now.steady);
  plan::Plan tried;
  std::vector<std::optional<StepReport>> put_off_reports;
  for (const plan::Step& step : plan.steps) {
    put_off_reports.push_back(put_off(step, has_table_step, now.steady));
    if (!put_off_reports.back()) tried.steps.push_back(step);
  }
  const Tools tools{has_tunnel(tried) ? tunnel_.backend() : nullptr, tunnel_.error(), private_key_,
                    relay_};
  Execution done = execute(tried, *desired_, tools, stop_);

  Execution all;
  all.warnings = std::move(done.warnings);
  auto next = done.reports.begin();
  for (auto& report : put_off_reports) {
    all.reports.push_back(report ? std::move(*report) : std::move(*next++));
  }
  if (!tried.is_empty()) observe_again(tried, now, is_drift);
  note_outcome(all.reports, is_drift, now.steady);
  for (const auto& warning : all.warnings) notes_.push_back({log::Level::Warning, warning});
  open_.clear();
  const auto is_open = [](const StepReport& report) { return report.state != StepState::Done; };
  std::copy_if(all.reports.begin(), all.reports.end(), std::back_inserter(open_), is_open);
  is_settled_ = tried.is_empty() && open_.empty();
  if (is_settled_) tunnel_backoff_.settle();
  return all;
}

/// What was done must show. Steps that are still to be done (they failed) are left alone for a
/// while, and so is what had to be repaired again: somebody else changes it back.
void Reconciler::observe_again(const plan::Plan& tried, const Now& now, bool is_drift) {
  if (has_tunnel(tried)) observe_tunnel(now);
  if (has_table(tried)) observe_relay(now.steady);
  const plan::Plan left = plan::diff(*desired_, observed_);
  if (has_table(tried) && !has_table(left)) {
    removals_.table_is_live(now.steady);
    tunnel_due_ = std::min(tunnel_due_, std::max(removals_.opens(), now.steady));
  }
  const plan::Plan failed = still_there(tried, left);
  const auto keep_time = [&](bool has_failed, const RepairLog& repairs, Backoff& backoff) {
    if (has_failed || (is_drift && !repairs.is_quiet(now.steady))) {
      backoff.failed(now.steady);
    } else {
      backoff.reset();
    }
    if (!has_failed) backoff.settle();
  };
  if (has_tunnel(tried)) keep_time(has_tunnel(failed), tunnel_repairs_, tunnel_backoff_);
  if (has_table(tried)) keep_time(has_table(failed), table_repairs_, table_backoff_);
}

/// One line for each cause: a step that goes on failing for the same reason is silent, and so is a
/// repair that has to be made again and again.
void Reconciler::note_outcome(const std::vector<StepReport>& reports, bool is_drift,
                              TimePoint now) {
  for (const StepReport& report : reports) {
    const StepReport* before = find_same(open_, report);
    if (report.state == StepState::Failing) {
      if (before != nullptr && before->error == report.error) continue;
      notes_.push_back({log::Level::Warning,
                        fmt::format("step fails: {}: {}; continuing", report.what, report.error)});
    } else if (report.state == StepState::Done) {
      if (before != nullptr && before->error != kSoon) {
        notes_.push_back({log::Level::Info, fmt::format("step is done now: {}", report.what)});
      } else if (is_drift) {
        note_repair(report, now);
      }
    }
  }
}

void Reconciler::note_repair(const StepReport& report, TimePoint now) {
  RepairLog& repairs = report.kind == "set_route_table" ? table_repairs_ : tunnel_repairs_;
  const int times = repairs.add(report.kind + " " + report.what, now);
  if (times == 1) {
    notes_.push_back({log::Level::Notice, fmt::format("repaired: {}", report.what)});
  } else if (times == 2) {
    notes_.push_back({log::Level::Warning,
                      fmt::format("repaired again: {}; somebody else changes it back; it is "
                                  "repaired less and less often from now on",
                                  report.what)});
  }
}

}  // namespace adit::apply
