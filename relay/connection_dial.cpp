// Connection in its states Connecting and SendingHello: a target is dialled and gets what is held.
#include <cerrno>
#include <span>
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
  if (is_one_request_) to_target_.stop();
  client_.has_hung_up = false;
  last_activity_ = worker_->now();
  worker_->arm(*this, last_activity_ + silence_allowed());
}

}  // namespace adit::relay
