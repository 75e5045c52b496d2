// Connection in its state Holding: its route's site is away (a tunnel that roams, a router that
// starts again), so the client waits for a while instead of being refused.
#include "relay/connection.hpp"
#include "relay/worker.hpp"

namespace adit::relay {

Connection::Next Connection::dial_or_hold() {
  if (!worker_->is_site_down(route_->spec.site)) return dial_target();
  held_bytes_ = hello_ ? hello_->bytes.capacity() : 0;
  if (!worker_->hold_budget().enter(held_bytes_)) {
    return refuse_unreachable(CloseReason::RefusedOverHoldLimit);
  }
  leave_hello();
  state_ = State::Holding;
  worker_->arm(*this, worker_->now() + worker_->timeouts().hold);
  return Next::Continue;
}

Connection::Next Connection::while_holding(int status, int events) {
  if (status < 0) return on_broken(Peer::Client, 0);
  // What it sends already waits in its receive queue; only its going away is of interest.
  if ((events & UV_READABLE) != 0) is_client_early_ = true;
  if ((events & UV_DISCONNECT) != 0) {
    // Before a TLS client has an answer, its FIN says that it has given up.
    if (!is_raw()) return finish(CloseReason::ClientLeftWhileConnecting);
    client_.has_hung_up = true;
  }
  return (events & UV_PRIORITIZED) != 0 ? on_prioritized(Peer::Client) : Next::Continue;
}

bool Connection::is_held() const {
  return state_ == State::Holding;
}

void Connection::site_is_up() {
  finish_event(*this, dial_target());
}

void Connection::leave_hold() {
  if (state_ == State::Holding) worker_->hold_budget().leave(held_bytes_);
}

}  // namespace adit::relay
