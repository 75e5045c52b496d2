#include "relay/connection.hpp"

#include <cassert>
#include <cerrno>
#include <utility>

#include <sys/socket.h>

#include "relay/socket_options.hpp"
#include "relay/worker.hpp"

namespace adit::relay {

namespace {

/// After an alert the client's bytes are read away for so long and so many: a close with unread
/// bytes would send RST, which takes the alert away again.
constexpr Milliseconds kLingerTime{1000};
constexpr std::uint32_t kLingerBytes = 1U << 20;

}  // namespace

Connection::Connection(Worker& worker, std::uint64_t id, UniqueFd fd, const Endpoint& client,
                       control::PublicPort port, Origin origin)
    : worker_(&worker),
      id_(id),
      started_(worker.now()),
      last_activity_(started_),
      client_address_(client),
      port_(port),
      awaits_proxy_header_(origin == Origin::Balancer),
      is_unnamed_(origin == Origin::Balancer) {
  client_.fd = std::move(fd);
}

Connection::~Connection() {
  leave_route();
  to_target_.close(worker_->pipes());
  to_client_.close(worker_->pipes());
  if (hello_) worker_->hello_buffers().give_back(std::move(hello_));
  leave_hello();
  leave_hold();
}

Connection::Next Connection::start() {
  client_.poll.open(worker_->sockets(), client_.fd.get(), &on_client, this);
  worker_->arm(*this, started_ + worker_->timeouts().hello);
  const Next next = is_raw() && !awaits_proxy_header_ ? choose_raw_route() : Next::Continue;
  return next == Next::Continue ? update_interest() : next;
}

void Connection::on_client(void* context, int status, int events) noexcept {
  auto& self = *static_cast<Connection*>(context);
  finish_event(self, self.advance(Peer::Client, status, events));
}

void Connection::on_target(void* context, int status, int events) noexcept {
  auto& self = *static_cast<Connection*>(context);
  finish_event(self, self.advance(Peer::Target, status, events));
}

void Connection::finish_event(Connection& connection, Next next) {
  if (next == Next::Continue) next = connection.update_interest();
  if (next == Next::Finished) connection.worker_->remove(connection);
}

Connection::Next Connection::advance(Peer peer, int status, int events) {
  switch (state_) {
    case State::AwaitingHello:
      return read_hello(status);
    case State::Holding:
      return while_holding(status, events);
    case State::Connecting:
    case State::SendingHello:
      return while_connecting(peer, status, events);
    case State::Relaying:
      return relay(peer, status, events);
    case State::Answering:
      return linger(status);
    case State::Closed:
      break;
  }
  return Next::Finished;
}

Connection::Next Connection::on_deadline() {
  switch (state_) {
    case State::AwaitingHello:
      // Browsers open connections in advance: who said nothing gets no answer.
      if (is_http() && has_begun()) return refuse_http(CloseReason::RefusedHelloTimeout, 408);
      return finish(CloseReason::RefusedHelloTimeout);
    case State::Holding:
      return refuse_unreachable(CloseReason::SiteDown);
    case State::Connecting:
      return fail_over(CloseReason::TargetTimeout);
    case State::SendingHello:
      return refuse_unreachable(CloseReason::TargetTimeout);
    case State::Relaying:
      break;
    case State::Answering:
    case State::Closed:
      return finish(reason_);
  }
  if (!std::exchange(is_kept_alive_, true)) keep_alive(target_.fd.get());
  if (resume_throttled() == Next::Finished) return Next::Finished;
  // Activity does not touch the wheel; the deadline moves when it is reached.
  if (!is_throttled() && worker_->now() >= last_activity_ + silence_allowed()) {
    const bool is_half_closed = to_target_.is_finished() || to_client_.is_finished();
    return finish(is_half_closed ? CloseReason::HalfClosedTimeout : CloseReason::IdleTimeout);
  }
  arm_relaying();
  return Next::Continue;
}

void Connection::end(CloseReason reason) {
  // A refusal that lingers already has its reason.
  static_cast<void>(finish(state_ == State::Answering ? reason_ : reason));
}

void Connection::kill() {
  reset_on_close(client_.fd.get());
  if (target_.fd.is_open()) reset_on_close(target_.fd.get());
  end(CloseReason::Killed);
}

// --- Answering, Closed

Connection::Next Connection::refuse(CloseReason reason, std::optional<Alert> alert) {
  if (!alert) return answer(reason, {});
  const auto record = alert_record(*alert);
  return answer(reason, record);
}

Connection::Next Connection::refuse_unreachable(CloseReason reason) {
  constexpr unsigned kBadGateway = 502;
  constexpr unsigned kGatewayTimeout = 504;
  if (is_raw()) return refuse_raw(reason);
  if (!is_http()) return refuse(reason, Alert::InternalError);
  return refuse_http(reason, reason == CloseReason::TargetTimeout ? kGatewayTimeout : kBadGateway);
}

/// In whatever protocol, a reset is understood.
Connection::Next Connection::refuse_raw(CloseReason reason) {
  reset_on_close(client_.fd.get());
  return finish(reason);
}

/// The last word to the client, `bytes` (may be empty); then its end is awaited.
Connection::Next Connection::answer(CloseReason reason, std::span<const std::uint8_t> bytes) {
  leave_hello();
  leave_hold();
  reason_ = reason;
  state_ = State::Answering;
  target_.poll.close();
  target_.fd.reset();
  // Nothing was sent before: a socket's first buffer takes more than any answer, or the client is
  // gone.
  if (!bytes.empty()) {
    static_cast<void>(::send(client_.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL));
  }
  if (hello_) worker_->hello_buffers().give_back(std::move(hello_));
  ::shutdown(client_.fd.get(), SHUT_WR);
  worker_->arm(*this, worker_->now() + kLingerTime);
  return Next::Continue;
}

Connection::Next Connection::linger(int status) {
  if (status < 0) return finish(reason_);
  const auto room = worker_->scratch();
  const ssize_t count = ::recv(client_.fd.get(), room.data(), room.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return Next::Continue;
  if (count <= 0) return finish(reason_);
  lingered_bytes_ += static_cast<std::uint32_t>(count);
  return lingered_bytes_ > kLingerBytes ? finish(reason_) : Next::Continue;
}

Connection::Next Connection::finish(CloseReason reason) {
  leave_hello();
  leave_hold();
  // Bytes that still wait will never come: their receiver must not take this for the end.
  if (to_target_.is_blocked() || is_throttled(Way::ToTarget)) reset_on_close(target_.fd.get());
  if (to_client_.is_blocked() || is_throttled(Way::ToClient)) reset_on_close(client_.fd.get());
  reason_ = reason;
  state_ = State::Closed;
  return Next::Finished;
}

void Connection::leave_hello() {
  if (state_ == State::AwaitingHello) worker_->hello_budget().leave();
}

// --- which readiness is waited for

Connection::Next Connection::update_interest() {
  const int from_client = client_interest();
  const int from_target = target_.fd.is_open() ? target_interest() : 0;
  assert(((from_client | from_target) != 0 || is_throttled()) &&
         "nothing would ever wake this connection");
  const bool is_watched = client_.poll.update(from_client) &&
                          (!target_.fd.is_open() || target_.poll.update(from_target));
  return is_watched ? Next::Continue : finish(CloseReason::InternalError);
}

/// What tells of the reset of a side whose bytes are not read now. epoll(7) reports that one to
/// whoever waits for anything at all; but after the FIN, DISCONNECT would never fall silent again.
/// PRIORITIZED does, save for an urgent byte that nobody reads: then the deadline has to do.
int Connection::reset_interest(const Side& side, bool has_ended) {
  if (!side.has_hung_up && !has_ended) return UV_DISCONNECT;
  return side.is_noisy ? 0 : UV_PRIORITIZED;
}

/// Of one side while relaying: `from` takes its bytes, `to` brings it bytes.
int Connection::relay_interest(const Side& side, const Pump& from, const Pump& to,
                               bool is_throttled) {
  const int events = to.is_blocked() ? UV_WRITABLE : 0;
  if (!from.is_finished() && !from.is_blocked() && !is_throttled) return events | UV_READABLE;
  // Its bytes have to wait or have ended, but its reset should be seen.
  return events | reset_interest(side, from.is_finished());
}

int Connection::client_interest() const {
  switch (state_) {
    case State::AwaitingHello:
    case State::Answering:
      return UV_READABLE;
    case State::Holding:
    case State::Connecting:
    case State::SendingHello:
      // Rarely does a client speak before it has an answer: READABLE, which stays armed for
      // Relaying, until it does.
      if (!is_client_early_) return UV_READABLE;
      return reset_interest(client_, false);
    case State::Relaying:
      return relay_interest(client_, to_target_, to_client_, is_throttled(Way::ToTarget));
    case State::Closed:
      break;
  }
  return 0;
}

int Connection::target_interest() const {
  if (state_ != State::Relaying) return UV_WRITABLE;
  return relay_interest(target_, to_client_, to_target_, is_throttled(Way::ToClient));
}

}  // namespace adit::relay
