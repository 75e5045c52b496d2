// Connection in its states Connecting and SendingHello: its targets are dialled, one after the
// other while timeouts.connect lasts, and the first that accepts gets what is held. Once a byte was
// sent there is no other target for it: who began to read a hello may have answered it.
#include <algorithm>
#include <cerrno>
#include <utility>

#include <sys/socket.h>

#include "relay/connection.hpp"
#include "relay/socket_options.hpp"
#include "relay/worker.hpp"

namespace adit::relay {

namespace {

CloseReason reason_of_failed_dial(int error) {
  switch (error) {
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
      return CloseReason::TargetRefused;
    case ETIMEDOUT:
      return CloseReason::TargetTimeout;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
      return CloseReason::OutOfDescriptors;
    case EADDRNOTAVAIL:
      return CloseReason::OutOfPorts;
    default:
      return CloseReason::TargetUnreachable;
  }
}

}  // namespace

Connection::Next Connection::dial_target() {
  leave_hello();
  leave_hold();
  state_ = State::Connecting;
  dialling_.until = worker_->now() + worker_->timeouts().connect;
  return dial_next(CloseReason::TargetTimeout);
}

/// `failure`: what the client is told when no target or no time is left.
Connection::Next Connection::dial_next(CloseReason failure) {
  while (worker_->now() < dialling_.until && take_next_target()) {
    const auto failed = begin_attempt();
    if (!failed) return Next::Continue;
    failure = *failed;
    note_failure(failure);
  }
  return refuse_unreachable(failure);
}

Connection::Next Connection::fail_over(CloseReason reason) {
  note_failure(reason);
  target_.poll.close();
  target_.fd.reset();
  state_ = State::Connecting;
  return dial_next(reason);
}

/// Dials dialling_.target; why that was over at once, if it was.
std::optional<CloseReason> Connection::begin_attempt() {
  const TimePoint now = worker_->now();
  dialling_.began = SteadyClock::now();
  const bool has_words =
      (hello_ && !hello_->is_sent()) || proxy_protocol() != control::ProxyProtocol::None;
  auto fd = worker_->dial(dialling_.target, route_->spec,
                          has_words ? FirstWord::Ours : FirstWord::Theirs);
  if (!fd) return reason_of_failed_dial(fd.error().sys_errno);
  target_.fd = std::move(*fd);
  target_.poll.open(worker_->sockets(), target_.fd.get(), &on_target, this);
  const std::size_t targets = only_target() != nullptr ? 1 : route_->spec.targets.size();
  const TargetSet tried_before = dialling_.tried & ~target_bit(dialling_.place);
  const auto left = std::chrono::ceil<Milliseconds>(dialling_.until - now);
  worker_->arm(*this, now + attempt_time(left, targets, tried_before));
  return std::nullopt;
}

/// The target of a connection that has no choice; null: it has.
const Endpoint* Connection::only_target() const {
  if (alpn_target_ != nullptr) return alpn_target_;
  return is_http() ? &route_->spec.http->target : nullptr;
}

/// What is known of the target that is dialled; null: nothing is kept.
HealthRecord* Connection::health() const {
  if (!route_->health || only_target() != nullptr) return nullptr;
  return (*route_->health)[dialling_.place].get();
}

/// False when each was tried.
bool Connection::take_next_target() {
  if (const Endpoint* only = only_target()) {
    dialling_.target = *only;
    return std::exchange(dialling_.tried, 1) == 0;
  }
  const auto& targets = route_->spec.targets;
  Standings standings;
  if (route_->health) standings = standings_of(*route_->health, worker_->now());
  while (true) {
    const auto next = choose_target(targets, standings.preferred, dialling_.tried, worker_->draw());
    if (!next) return false;
    const TargetSet chosen = target_bit(*next);
    // A trial is one connection's; for the others the target is still down.
    const bool is_trial = (standings.preferred & standings.trials & chosen) != 0;
    if (is_trial &&
        !(*route_->health)[*next]->claim_trial(worker_->now(), worker_->timeouts().connect)) {
      standings.preferred &= ~chosen;
      continue;
    }
    dialling_.tried |= chosen;
    dialling_.place = static_cast<std::uint8_t>(*next);
    dialling_.target = targets[*next].endpoint;
    return true;
  }
}

/// Only what the target itself did counts against it.
void Connection::note_failure(CloseReason reason) {
  const bool is_targets = reason == CloseReason::TargetRefused ||
                          reason == CloseReason::TargetUnreachable ||
                          reason == CloseReason::TargetTimeout;
  if (!is_targets || health() == nullptr) return;
  const auto turn = health()->failed(worker_->now(), to_string(reason));
  worker_->note_turn(turn, dialling_.target, reason);
}

Connection::Next Connection::while_connecting(Peer peer, int status, int events) {
  if (peer == Peer::Target) {
    return state_ == State::Connecting ? on_connected(status) : send_hello();
  }
  if (status < 0) return on_broken(Peer::Client, 0);
  // What it sends already waits in its receive queue; only its going away is of interest.
  if ((events & UV_READABLE) != 0) is_client_early_ = true;
  if ((events & UV_DISCONNECT) != 0) client_.has_hung_up = true;
  return (events & UV_PRIORITIZED) != 0 ? on_prioritized(Peer::Client) : Next::Continue;
}

Connection::Next Connection::on_connected(int status) {
  if (const int error = status < 0 ? take_socket_error(target_.fd.get()) : 0; error != 0) {
    return fail_over(reason_of_failed_dial(error));
  }
  const auto took =
      std::chrono::duration_cast<std::chrono::microseconds>(SteadyClock::now() - dialling_.began);
  connect_us_ = static_cast<std::uint64_t>(std::max<std::int64_t>(1, took.count()));
  if (HealthRecord* record = health()) {
    worker_->note_turn(record->connected(worker_->now(), took), dialling_.target,
                       CloseReason::Finished);
  }
  worker_->arm(*this, dialling_.until);
  if (!write_proxy_header()) return refuse_unreachable(CloseReason::RefusedOverHelloLimit);
  if (!hello_ || hello_->is_sent()) {
    enter_relaying();
    return Next::Continue;
  }
  state_ = State::SendingHello;
  return send_hello();
}

Connection::Next Connection::send_hello() {
  const std::size_t client_bytes_before = hello_->client_bytes_sent();
  const ssize_t count = send_held(target_.fd.get(), *hello_);
  if (count < 0) {
    if (errno == EAGAIN) target_.poll.used_up(UV_WRITABLE);
    if (errno == EAGAIN || errno == EINTR) return Next::Continue;
    if (hello_->sent == 0) return fail_over(reason_of_failed_dial(errno));
    return on_broken(Peer::Target, errno);
  }
  hello_->sent += static_cast<std::size_t>(count);
  const std::size_t sent = hello_->client_bytes_sent() - client_bytes_before;
  bytes_to_target_ += sent;
  worker_->own_counters().bytes_to_target.add(sent);
  route_->state->bytes_to_target.fetch_add(sent, std::memory_order_relaxed);
  if (hello_->is_sent()) enter_relaying();
  return Next::Continue;
}

void Connection::enter_relaying() {
  if (hello_) worker_->hello_buffers().give_back(std::move(hello_));
  state_ = State::Relaying;
  if (is_one_request_) to_target_.stop();
  client_.has_hung_up = false;
  last_activity_ = worker_->now();
  arm_relaying();
}

}  // namespace adit::relay
