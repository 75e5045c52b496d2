// Connection in its state Relaying, where its route has a bandwidth: a direction reads what its
// Throttle allows, by splice as ever, and then waits on the worker's wheel. Meanwhile nothing of
// its source is read, so its FIN comes behind its bytes; a reset is seen at once.
#include <algorithm>

#include "relay/connection.hpp"
#include "relay/worker.hpp"

namespace adit::relay {

namespace {
/// What ends sooner does without a keepalive of its target's side: four system calls.
constexpr Milliseconds kShortLife{30'000};
}  // namespace

LinePair Connection::lines_of(Way way) const {
  RouteBandwidth* route = route_->state->bandwidth();
  if (route == nullptr) return {};
  LinePair lines{};
  if (shaper_->of_client) {
    lines[0] = {&shaper_->of_client->at(way), route->of_client.load(std::memory_order_relaxed)};
  }
  lines[1] = {&route->lines.at(way), route->of_route.load(std::memory_order_relaxed)};
  return lines;
}

/// Pump::run, within the bandwidths of the route and of the client. One portion for one turn: whose
/// turns are due at the same time take them one by one, also when all of them are late.
PumpStatus Connection::pump_within_bandwidth(Way way, Pump& pump, const Side& from,
                                             const Side& to) {
  PumpTools tools = worker_->tools();
  tools.has_source_ended = from.poll.has_ended();
  tools.closes_sink = (way == Way::ToClient ? to_target_ : to_client_).is_finished();
  if (!shaper_) {
    const RouteBandwidth* route = route_->state->bandwidth();
    if (route == nullptr || !route->is_limited()) {
      return pump.run(from.fd.get(), to.fd.get(), tools);
    }
    shaper_ = std::make_unique<Shaper>();
  }
  Throttle& throttle = shaper_->ways[static_cast<std::size_t>(way)];
  const LinePair lines = lines_of(way);
  static_cast<void>(pump.take_read());  // of before there was a bandwidth
  const std::uint64_t allowed = throttle.allowed(lines, worker_->now());
  const PumpStatus status = pump.run(from.fd.get(), to.fd.get(), tools, allowed);
  throttle.spend(pump.take_read());
  if (throttle.is_waiting() && status == PumpStatus::Throttled) return status;
  throttle.give_back(lines);
  return status == PumpStatus::Throttled ? PumpStatus::Turn : status;
}

bool Connection::is_throttled(Way way) const {
  return shaper_ && shaper_->ways[static_cast<std::size_t>(way)].is_waiting();
}

bool Connection::is_throttled() const {
  return is_throttled(Way::ToTarget) || is_throttled(Way::ToClient);
}

/// The deadline has come: whose turn it is goes on.
Connection::Next Connection::resume_throttled() {
  for (const Way way : {Way::ToTarget, Way::ToClient}) {
    if (!is_throttled(way)) continue;
    if (shaper_->ways[static_cast<std::size_t>(way)].resume_at() > worker_->now()) continue;
    // To wait for us is no silence.
    last_activity_ = worker_->now();
    const Peer sink = way == Way::ToClient ? Peer::Client : Peer::Target;
    if (pump_to(sink) == Next::Finished) return Next::Finished;
  }
  return Next::Continue;
}

/// Until the next turn of a direction that waits, else until silence has lasted too long, or until
/// the connection has lived long enough to be worth a keepalive.
void Connection::arm_relaying() {
  TimePoint deadline = last_activity_ + silence_allowed();
  if (!is_kept_alive_) deadline = std::min(deadline, worker_->now() + kShortLife);
  for (const Way way : {Way::ToTarget, Way::ToClient}) {
    if (!is_throttled(way)) continue;
    deadline = std::min(deadline, shaper_->ways[static_cast<std::size_t>(way)].resume_at());
  }
  worker_->arm(*this, deadline);
}

}  // namespace adit::relay
