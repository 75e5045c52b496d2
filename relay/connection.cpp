#include "relay/connection.hpp"

#include <algorithm>
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

CloseReason reason_of_failed_dial(int error) {
  switch (error) {
    case ECONNREFUSED:
    case ECONNRESET:
      return CloseReason::TargetRefused;
    case ETIMEDOUT:
      return CloseReason::TargetTimeout;
    case EMFILE:
    case ENFILE:
      return CloseReason::OutOfDescriptors;
    default:
      return CloseReason::TargetUnreachable;
  }
}

}  // namespace

Connection::Connection(Worker& worker, std::uint64_t id, UniqueFd fd, const Endpoint& client,
                       control::PublicPort port)
    : worker_(&worker),
      id_(id),
      started_(worker.now()),
      last_activity_(started_),
      client_address_(client),
      port_(port) {
  client_.fd = std::move(fd);
}

Connection::~Connection() {
  to_target_.close(worker_->pipes());
  to_client_.close(worker_->pipes());
  if (hello_) worker_->hello_buffers().give_back(std::move(hello_));
  if (state_ == State::AwaitingHello) worker_->hello_budget().leave();
}

Connection::Next Connection::start() {
  auto poll = uv::Poll::create(worker_->loop(), client_.fd.get(), &on_client, this);
  if (!poll) return finish(CloseReason::InternalError);
  client_.poll = std::move(*poll);
  worker_->arm(*this, started_ + worker_->timeouts().hello);
  update_interest();
  return Next::Continue;
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
  if (next == Next::Finished) {
    connection.worker_->remove(connection);
  } else {
    connection.update_interest();
  }
}

Connection::Next Connection::advance(Peer peer, int status, int events) {
  switch (state_) {
    case State::AwaitingHello:
      return read_hello(status);
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
      if (is_http() && hello_) return refuse_http(CloseReason::RefusedHelloTimeout, 408);
      return finish(CloseReason::RefusedHelloTimeout);
    case State::Connecting:
    case State::SendingHello:
      return refuse_unreachable(CloseReason::TargetTimeout);
    case State::Relaying:
      break;
    case State::Answering:
    case State::Closed:
      return finish(reason_);
  }
  // Activity does not touch the wheel; the deadline moves when it is reached.
  const TimePoint deadline = last_activity_ + silence_allowed();
  if (worker_->now() >= deadline) {
    const bool is_half_closed = to_target_.is_finished() || to_client_.is_finished();
    return finish(is_half_closed ? CloseReason::HalfClosedTimeout : CloseReason::IdleTimeout);
  }
  worker_->arm(*this, deadline);
  return Next::Continue;
}

void Connection::end(CloseReason reason) {
  // A refusal that lingers already has its reason.
  static_cast<void>(finish(state_ == State::Answering ? reason_ : reason));
}

// --- AwaitingHello

Connection::Next Connection::read_hello(int) {
  const std::size_t held = hello_ ? hello_->bytes.size() : 0;
  const std::size_t most = is_http() ? kMaxHeadBytes + 1 : kMaxBufferedBytes;
  const auto room = worker_->scratch();
  const ssize_t count =
      ::recv(client_.fd.get(), room.data(), std::min(room.size(), most - held), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return Next::Continue;
  if (count <= 0) {
    return finish(hello_ ? CloseReason::ClientLeftInHello : CloseReason::ClientLeftBeforeHello);
  }
  if (!hello_) hello_ = worker_->hello_buffers().lend();
  const auto bytes = room.first(static_cast<std::size_t>(count));
  if (!hello_ || !worker_->hello_buffers().append(*hello_, bytes)) {
    reset_on_close(client_.fd.get());
    return finish(CloseReason::RefusedOverHelloLimit);
  }
  return is_http() ? take_head(hello_->head_reader.feed(hello_->bytes))
                   : take_hello(hello_->reader.feed(hello_->bytes));
}

Connection::Next Connection::take_hello(ParseStatus status) {
  switch (status) {
    case ParseStatus::NeedMore:
      return Next::Continue;
    case ParseStatus::Complete:
      return choose_route();
    case ParseStatus::NotTls:
      return refuse(CloseReason::RefusedNotTls, std::nullopt);
    case ParseStatus::Malformed:
      return refuse(CloseReason::RefusedMalformedHello, hello_->reader.alert());
    case ParseStatus::TooLarge:
      return refuse(CloseReason::RefusedHelloTooLarge, hello_->reader.alert());
  }
  return finish(CloseReason::InternalError);
}

Connection::Next Connection::choose_route() {
  host_ = hello_->reader.hello().server_name;
  auto route = worker_->find_route(port_, host_ ? &*host_ : nullptr);
  if (!route) {
    return refuse(host_ ? CloseReason::RefusedUnknownName : CloseReason::RefusedNoName,
                  Alert::UnrecognizedName);
  }
  return take_route(std::move(route));
}

Connection::Next Connection::take_route(std::shared_ptr<const Route> route) {
  route_ = std::move(route);
  route_->state->active.fetch_add(1, std::memory_order_relaxed);
  route_->state->connections.fetch_add(1, std::memory_order_relaxed);
  return dial_target();
}

void Connection::leave_hello() {
  if (state_ == State::AwaitingHello) worker_->hello_budget().leave();
}

// --- Connecting, SendingHello

Connection::Next Connection::dial_target() {
  auto fd = dial(target());
  if (!fd) return refuse_unreachable(reason_of_failed_dial(fd.error().sys_errno));
  target_.fd = std::move(*fd);
  auto poll = uv::Poll::create(worker_->loop(), target_.fd.get(), &on_target, this);
  if (!poll) return refuse_unreachable(CloseReason::InternalError);
  target_.poll = std::move(*poll);
  leave_hello();
  state_ = State::Connecting;
  worker_->arm(*this, worker_->now() + worker_->timeouts().connect);
  return Next::Continue;
}

Connection::Next Connection::while_connecting(Peer peer, int status, int events) {
  if (peer == Peer::Target) {
    return state_ == State::Connecting ? on_connected() : send_hello();
  }
  if (status < 0) return on_broken(Peer::Client, 0);
  // What it sends already waits in its receive queue; only its going away is of interest.
  if ((events & UV_READABLE) != 0) is_client_early_ = true;
  if ((events & UV_DISCONNECT) != 0) client_.has_hung_up = true;
  return (events & UV_PRIORITIZED) != 0 ? on_prioritized(Peer::Client) : Next::Continue;
}

Connection::Next Connection::on_connected() {
  if (const int error = take_socket_error(target_.fd.get()); error != 0) {
    return refuse_unreachable(reason_of_failed_dial(error));
  }
  state_ = State::SendingHello;
  return send_hello();
}

Connection::Next Connection::send_hello() {
  const std::span<const std::uint8_t> left =
      std::span<const std::uint8_t>(hello_->bytes).subspan(hello_->sent);
  const ssize_t count = ::send(target_.fd.get(), left.data(), left.size(), MSG_NOSIGNAL);
  if (count < 0) {
    if (errno == EAGAIN || errno == EINTR) return Next::Continue;
    return on_broken(Peer::Target, errno);
  }
  const auto sent = static_cast<std::size_t>(count);
  hello_->sent += sent;
  bytes_to_target_ += sent;
  worker_->own_counters().bytes_to_target.add(sent);
  route_->state->bytes_to_target.fetch_add(sent, std::memory_order_relaxed);
  if (sent == left.size()) enter_relaying();
  return Next::Continue;
}

void Connection::enter_relaying() {
  worker_->hello_buffers().give_back(std::move(hello_));
  state_ = State::Relaying;
  client_.has_hung_up = false;
  last_activity_ = worker_->now();
  worker_->arm(*this, last_activity_ + silence_allowed());
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
  if (!is_http()) return refuse(reason, Alert::InternalError);
  return refuse_http(reason, reason == CloseReason::TargetTimeout ? kGatewayTimeout : kBadGateway);
}

/// The last word to the client, `bytes` (may be empty); then its end is awaited.
Connection::Next Connection::answer(CloseReason reason, std::span<const std::uint8_t> bytes) {
  leave_hello();
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
  // Bytes that still wait will never come: their receiver must not take this for the end.
  if (to_target_.is_blocked()) reset_on_close(target_.fd.get());
  if (to_client_.is_blocked()) reset_on_close(client_.fd.get());
  reason_ = reason;
  state_ = State::Closed;
  return Next::Finished;
}

// --- which readiness is waited for

void Connection::update_interest() {
  if (state_ == State::Closed) return;
  const int from_client = client_interest();
  const int from_target = target_.fd.is_open() ? target_interest() : 0;
  assert((from_client | from_target) != 0 && "nothing would ever wake this connection");
  client_.poll.update(from_client);
  if (target_.fd.is_open()) target_.poll.update(from_target);
}

/// What tells of the reset of a side whose bytes are not read now. epoll(7) reports that one to
/// whoever waits for anything at all; but after the FIN, DISCONNECT would never fall silent again.
/// PRIORITIZED does, save for an urgent byte that nobody reads: then the deadline has to do.
int Connection::reset_interest(const Side& side, bool has_ended) {
  if (!side.has_hung_up && !has_ended) return UV_DISCONNECT;
  return side.is_noisy ? 0 : UV_PRIORITIZED;
}

/// Of one side while relaying: `from` takes its bytes, `to` brings it bytes.
int Connection::relay_interest(const Side& side, const Pump& from, const Pump& to) {
  const int events = to.is_blocked() ? UV_WRITABLE : 0;
  if (!from.is_finished() && !from.is_blocked()) return events | UV_READABLE;
  // Its bytes have to wait or have ended, but its reset should be seen.
  return events | reset_interest(side, from.is_finished());
}

int Connection::client_interest() const {
  switch (state_) {
    case State::AwaitingHello:
    case State::Answering:
      return UV_READABLE;
    case State::Connecting:
    case State::SendingHello:
      // Rarely does a client speak before it has an answer: READABLE, which stays armed for
      // Relaying, until it does.
      if (!is_client_early_) return UV_READABLE;
      return reset_interest(client_, false);
    case State::Relaying:
      return relay_interest(client_, to_target_, to_client_);
    case State::Closed:
      break;
  }
  return 0;
}

int Connection::target_interest() const {
  if (state_ == State::Relaying) return relay_interest(target_, to_client_, to_target_);
  return UV_WRITABLE;
}

}  // namespace adit::relay
