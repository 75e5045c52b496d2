// Connection in its state Relaying: bytes both ways, half-close, reset, silence.
#include <cerrno>

#include "relay/connection.hpp"
#include "relay/socket_options.hpp"
#include "relay/worker.hpp"

namespace adit::relay {

namespace {

bool is_silence(int error) {
  return error == ETIMEDOUT || error == EHOSTUNREACH || error == ENETUNREACH;
}

}  // namespace

Milliseconds Connection::silence_allowed() const {
  const bool is_half_closed = to_target_.is_finished() || to_client_.is_finished();
  return is_half_closed ? worker_->timeouts().half_closed : worker_->timeouts().idle;
}

Connection::Next Connection::relay(Peer peer, int status, int events) {
  if (status < 0) return on_broken(peer, 0);
  Side& side = peer == Peer::Client ? client_ : target_;
  const Peer other = peer == Peer::Client ? Peer::Target : Peer::Client;
  if ((events & UV_DISCONNECT) != 0) side.has_hung_up = true;
  if ((events & UV_PRIORITIZED) != 0 && on_prioritized(peer) == Next::Finished) {
    return Next::Finished;
  }
  if ((events & UV_WRITABLE) != 0 && pump_to(peer) == Next::Finished) return Next::Finished;
  if ((events & UV_READABLE) != 0 && pump_to(other) == Next::Finished) return Next::Finished;
  return Next::Continue;
}

Connection::Next Connection::pump_to(Peer sink) {
  const Peer source = sink == Peer::Client ? Peer::Target : Peer::Client;
  Pump& pump = sink == Peer::Client ? to_client_ : to_target_;
  if (pump.is_finished()) return Next::Continue;
  Side& from = source == Peer::Client ? client_ : target_;
  Side& to = sink == Peer::Client ? client_ : target_;
  const Way way = sink == Peer::Client ? Way::ToClient : Way::ToTarget;
  const PumpStatus status = pump_within_bandwidth(way, pump, from, to);
  count_moved();
  switch (status) {
    case PumpStatus::SourceFailed:
      return on_broken(source, pump.error());
    case PumpStatus::SinkFailed:
      return on_broken(sink, pump.error());
    case PumpStatus::Finished:
      if (to_client_.is_finished() && to_target_.is_finished()) {
        return finish(CloseReason::Finished);
      }
      last_activity_ = worker_->now();
      arm_relaying();
      return Next::Continue;
    case PumpStatus::Throttled:
      arm_relaying();
      return Next::Continue;
    case PumpStatus::SourceEmpty:
      from.poll.used_up(UV_READABLE);
      break;
    case PumpStatus::SinkFull:
      to.poll.used_up(UV_WRITABLE);
      break;
    case PumpStatus::SourceShort:
    case PumpStatus::Turn:
      break;
  }
  return Next::Continue;
}

void Connection::count_moved() {
  const std::uint64_t up = to_target_.take_moved();
  const std::uint64_t down = to_client_.take_moved();
  const std::uint64_t spliced = to_target_.take_spliced() + to_client_.take_spliced();
  if (up + down == 0) return;
  last_activity_ = worker_->now();
  bytes_to_target_ += up;
  bytes_to_client_ += down;
  spliced_bytes_ += spliced;
  Counters& counters = worker_->own_counters();
  counters.bytes_to_target.add(up);
  counters.bytes_to_client.add(down);
  counters.spliced_bytes.add(spliced);
  if (up != 0) route_->state->bytes_to_target.fetch_add(up, std::memory_order_relaxed);
  if (down != 0) route_->state->bytes_to_client.fetch_add(down, std::memory_order_relaxed);
}

/// Only asked for to see a reset, which comes with an error; else it is an urgent byte.
Connection::Next Connection::on_prioritized(Peer peer) {
  Side& side = peer == Peer::Client ? client_ : target_;
  if (const int error = take_socket_error(side.fd.get()); error != 0) {
    return on_broken(peer, error);
  }
  side.is_noisy = true;
  return Next::Continue;
}

/// `peer` is gone without a FIN: passes on what it had sent before, then its reset. Best effort:
/// with the reset the kernel drops what it could not send at once (a closed window, a lost packet).
Connection::Next Connection::on_broken(Peer peer, int error) {
  if (state_ == State::Relaying) {
    Pump& pump = peer == Peer::Client ? to_target_ : to_client_;
    const Side& source = peer == Peer::Client ? client_ : target_;
    const Side& sink = peer == Peer::Client ? target_ : client_;
    pump.expect_reset();
    // What waits for its turn is lost, as what the kernel holds is.
    if (!pump.is_finished() &&
        !is_throttled(peer == Peer::Client ? Way::ToTarget : Way::ToClient)) {
      const PumpStatus status = pump.run(source.fd.get(), sink.fd.get(), worker_->tools());
      if (error == 0 && status == PumpStatus::SourceFailed) error = pump.error();
      count_moved();
    }
    if (error == 0) error = take_socket_error(source.fd.get());
  }
  // A socket whose peer has reset it says nothing when it is closed.
  const bool was_reset = error == ECONNRESET || error == EPIPE;
  if (peer != Peer::Client || !was_reset) reset_on_close(client_.fd.get());
  if (peer != Peer::Target || !was_reset) reset_on_close(target_.fd.get());
  if (peer == Peer::Client) {
    if (state_ != State::Relaying) return finish(CloseReason::ClientLeftWhileConnecting);
    return finish(is_silence(error) ? CloseReason::ClientUnresponsive : CloseReason::ClientReset);
  }
  return finish(is_silence(error) ? CloseReason::TargetUnresponsive : CloseReason::TargetReset);
}

}  // namespace adit::relay
