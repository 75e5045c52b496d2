// Connection between hello and target: may this client use this route, and is there room for it?
#include <utility>

#include "common/clock.hpp"
#include "relay/arrival.hpp"
#include "relay/connection.hpp"
#include "relay/connection_state.hpp"
#include "relay/socket_options.hpp"
#include "relay/worker.hpp"

namespace adit::relay {

/// Whether the relay as a whole is not for this client. Asked behind the hello: who is in no list
/// may still bring an ACME challenge.
bool Connection::is_kept_out() const {
  const AccessRules* rules = worker_->table().access();
  return rules != nullptr &&
         rules->judge(client_address_.address, wall_now()) != AccessVerdict::Welcome;
}

bool Connection::may_use(const Route& route) const {
  if (!route.access) return true;
  switch (route.access->judge(client_address_.address, wall_now())) {
    case AccessVerdict::Welcome:
      return true;
    case AccessVerdict::IfDevice: {
      const RouteTable& table = worker_->table();
      const std::string& tunnel = table.settings().tunnel;
      return !tunnel.empty() && table.devices().contains(client_address_.address) &&
             arrival_interface(client_.fd.get()) == tunnel;
    }
    case AccessVerdict::Unlisted:
    case AccessVerdict::Denied:
      break;
  }
  return false;
}

Connection::Next Connection::refuse_kept_out() {
  reset_on_close(client_.fd.get());
  return finish(CloseReason::RefusedByRelayAccess);
}

Connection::Next Connection::refuse_over_limit(CloseReason reason) {
  constexpr unsigned kTooManyRequests = 429;
  constexpr unsigned kUnavailable = 503;
  if (is_raw()) return refuse_raw(reason);
  if (!is_http()) return refuse(reason, Alert::AccessDenied);
  const bool is_of_route = reason == CloseReason::RefusedOverRouteLimit;
  return refuse_http(reason, is_of_route ? kUnavailable : kTooManyRequests);
}

/// Counts it among the connections of `route`, or says why not.
std::optional<CloseReason> Connection::enter_route(const Route& route) {
  RouteState& state = *route.state;
  const control::RouteLimits& limits = *route.spec.limits;
  const std::uint64_t others = state.active.fetch_add(1, std::memory_order_relaxed);
  const bool is_over = limits.connections != 0 && others >= limits.connections;
  AdmitResult result = AdmitResult::Admitted;
  // What a load balancer asks for itself is no client's.
  const bool is_by_client = limits.connections_per_client != 0 || limits.rate_per_client != 0 ||
                            limits.bandwidth_per_client != 0;
  if (!is_over && is_by_client && !is_unnamed_) {
    Admission& admission = worker_->admission();
    const IpAddress& client = client_address_.address;
    result = admission.enter(
        &state, client, {limits.connections_per_client, limits.rate_per_client}, worker_->now());
    has_seat_ = result == AdmitResult::Admitted;
    if (has_seat_ && limits.bandwidth_per_client != 0) {
      shaper_ = std::make_unique<Shaper>();
      shaper_->of_client = admission.lines_of(&state, client);
    }
  }
  if (!is_over && result == AdmitResult::Admitted) return std::nullopt;
  state.active.fetch_sub(1, std::memory_order_relaxed);
  if (is_over) return CloseReason::RefusedOverRouteLimit;
  return result == AdmitResult::OverClient ? CloseReason::RefusedOverRouteClientLimit
                                           : CloseReason::RefusedOverRouteClientRate;
}

/// What enter_route() has done in another process, without asking the limits. A direction that
/// waited for its turn waits on; what it had reserved was given back there.
void Connection::restore_route(const ConnectionState& state) {
  if (state.has(kHasSeat)) {
    Admission& admission = worker_->admission();
    const IpAddress& client = client_address_.address;
    admission.adopt(client, route_->state.get());
    has_seat_ = true;
    if (route_->spec.limits->bandwidth_per_client != 0) {
      shaper_ = std::make_unique<Shaper>();
      shaper_->of_client = admission.lines_of(route_->state.get(), client);
    }
  }
  for (const auto& [way, flag] : {std::pair(Way::ToTarget, kToTargetThrottled),
                                  std::pair(Way::ToClient, kToClientThrottled)}) {
    if (!state.has(flag)) continue;
    if (!shaper_) shaper_ = std::make_unique<Shaper>();
    shaper_->ways[static_cast<std::size_t>(way)].wait_until(time_of(state.flat.deadline));
  }
}

/// At its end: what it reserved and does not need is for others, then its seat.
void Connection::leave_route() {
  if (shaper_ && route_) {
    for (const Way way : {Way::ToTarget, Way::ToClient}) {
      shaper_->ways[static_cast<std::size_t>(way)].give_back(lines_of(way));
    }
  }
  if (has_seat_) worker_->admission().leave(route_->state.get(), client_address_.address);
  has_seat_ = false;
}

}  // namespace adit::relay
