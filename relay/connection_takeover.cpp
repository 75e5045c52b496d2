// Connection in a live take-over: how it stops, what it is made of, and how another process goes on
// with it at the same byte.
#include <algorithm>
#include <utility>

#include "relay/connection.hpp"
#include "relay/connection_state.hpp"
#include "relay/moved_connection.hpp"
#include "relay/worker.hpp"

namespace adit::relay {

namespace {

Endpoint client_of(const ConnectionFlat& flat) {
  const std::span<const std::uint8_t> bytes(flat.client_address);
  return {IpAddress(bytes.first(flat.client_family == 4 ? 4 : 16)), flat.client_port};
}

/// The pipe of one direction, lent; null if `held` is 0. Its ends are the next two of `fds`.
std::unique_ptr<SplicePipe> adopt_pipe(PipePool& pool, std::vector<UniqueFd>& fds,
                                       std::size_t& next, std::uint64_t held) {
  if (held == 0) return nullptr;
  UniqueFd& read_end = fds.at(next++);
  UniqueFd& write_end = fds.at(next++);
  return pool.lend_adopted(SplicePipe::adopt(std::move(read_end), std::move(write_end), held));
}

tl::unexpected<Error> unsound(std::string_view why) {
  return fail(Errc::Protocol, fmt::format("a connection {}", why));
}

/// Whether the descriptors from the place `next` on are this direction's pipe; moves on behind it.
bool is_pipe_good(const MovedConnection& moved, std::size_t& next, std::uint64_t held) {
  if (held == 0) return true;
  const std::size_t first = std::exchange(next, next + 2);
  return SplicePipe::can_adopt(moved.fds.at(first).get(), moved.fds.at(first + 1).get(), held);
}

/// Whether what the state needs is there.
Result<void> check_state(const ConnectionState& state) {
  using State = Connection::State;
  switch (static_cast<State>(state.flat.state)) {
    case State::AwaitingHello:
      if (state.has(kHasTarget)) return unsound("has a target before its hello");
      return {};
    case State::Connecting:
    case State::SendingHello:
      if (!state.has(kHasTarget) || state.route.empty()) return unsound("is without its target");
      if (state.flat.hello_sent >= state.hello.size()) return unsound("has no hello to send");
      return {};
    case State::Relaying:
      if (!state.has(kHasTarget) || state.route.empty()) return unsound("is without its target");
      return {};
    case State::Answering:
      if (state.has(kHasTarget) || !close_reason_of(state.reason)) {
        return unsound("lingers for no known reason");
      }
      return {};
    case State::Closed:
      break;
  }
  return unsound("is in an unknown state");
}

}  // namespace

Result<void> check_moved(const MovedConnection& moved) {
  const ConnectionState& state = moved.state;
  const ConnectionFlat& flat = state.flat;
  if (moved.fds.size() != descriptor_count(flat)) return unsound("lacks descriptors");
  if (flat.client_family != 4 && flat.client_family != 6) return unsound("has no client");
  if (flat.listener_protocol > static_cast<std::uint8_t>(control::Protocol::Http)) {
    return unsound("speaks an unknown protocol");
  }
  if (state.hello.size() > kMaxBufferedBytes) return unsound("has too long a hello");
  if ((flat.held_to_target | flat.held_to_client) != 0 && !state.has(kHasTarget)) {
    return unsound("holds bytes for nobody");
  }
  std::size_t next = state.has(kHasTarget) ? 2 : 1;
  if (!is_pipe_good(moved, next, flat.held_to_target) ||
      !is_pipe_good(moved, next, flat.held_to_client)) {
    return unsound("has a pipe that is none");
  }
  if (!state.host.empty() && !HostName::parse(state.host)) return unsound("has no valid host");
  if ((moved.route == nullptr) != state.route.empty()) return unsound("has an unknown route");
  const bool is_http = flat.listener_protocol == static_cast<std::uint8_t>(control::Protocol::Http);
  if (moved.route && is_http && !moved.route->spec.http) return unsound("has an unfit route");
  return check_state(state);
}

void Connection::suspend() {
  client_.poll.update(0);
  if (target_.poll.is_open()) target_.poll.update(0);
}

void Connection::go_on(TimePoint deadline) {
  worker_->arm(*this, deadline);
  update_interest();
}

void Connection::save(ConnectionState& state, std::vector<int>& fds) const {
  ConnectionFlat& flat = state.flat;
  flat.id = id_;
  flat.started = nanoseconds_of(started_);
  flat.last_activity = nanoseconds_of(last_activity_);
  flat.bytes_to_target = bytes_to_target_;
  flat.bytes_to_client = bytes_to_client_;
  flat.spliced_bytes = spliced_bytes_;
  flat.lingered_bytes = lingered_bytes_;
  flat.state = static_cast<std::uint8_t>(state_);
  flat.listener_port = port_.number;
  flat.listener_protocol = static_cast<std::uint8_t>(port_.protocol);
  flat.client_port = client_address_.port;
  flat.client_family = client_address_.address.is_v4() ? 4 : 6;
  std::ranges::copy(client_address_.address.bytes(), flat.client_address.begin());
  state.put(kHasTarget, target_.fd.is_open());
  state.put(kClientEarly, is_client_early_);
  state.put(kClientHungUp, client_.has_hung_up);
  state.put(kClientNoisy, client_.is_noisy);
  state.put(kTargetHungUp, target_.has_hung_up);
  state.put(kTargetNoisy, target_.is_noisy);
  const Pump::State up = to_target_.state();
  const Pump::State down = to_client_.state();
  flat.streaming_to_target = up.streaming;
  flat.streaming_to_client = down.streaming;
  state.put(kToTargetBlocked, up.is_blocked);
  state.put(kToTargetFinished, up.is_finished);
  state.put(kToTargetExpectsReset, up.expects_reset);
  state.put(kToClientBlocked, down.is_blocked);
  state.put(kToClientFinished, down.is_finished);
  state.put(kToClientExpectsReset, down.expects_reset);
  if (host_) state.host = host_->wire_text();
  if (route_) state.route = route_->spec.name;
  if (state_ == State::Answering) state.reason = to_string(reason_);
  if (hello_) {
    state.hello = hello_->bytes;
    flat.hello_sent = hello_->sent;
  }
  fds.push_back(client_.fd.get());
  if (target_.fd.is_open()) fds.push_back(target_.fd.get());
  for (auto [pump, held] : {std::pair(&to_target_, &flat.held_to_target),
                            std::pair(&to_client_, &flat.held_to_client)}) {
    const SplicePipe* pipe = pump->pipe();
    if (pipe == nullptr) continue;
    *held = pipe->held();
    fds.insert(fds.end(), {pipe->read_end(), pipe->write_end()});
  }
}

Connection::Connection(Worker& worker, MovedConnection moved)
    : worker_(&worker),
      route_(std::move(moved.route)),
      id_(moved.state.flat.id),
      bytes_to_target_(moved.state.flat.bytes_to_target),
      bytes_to_client_(moved.state.flat.bytes_to_client),
      spliced_bytes_(moved.state.flat.spliced_bytes),
      started_(time_of(moved.state.flat.started)),
      last_activity_(time_of(moved.state.flat.last_activity)),
      client_address_(client_of(moved.state.flat)),
      port_{moved.state.flat.listener_port,
            static_cast<control::Protocol>(moved.state.flat.listener_protocol)},
      is_client_early_(moved.state.has(kClientEarly)),
      state_(static_cast<State>(moved.state.flat.state)),
      reason_(close_reason_of(moved.state.reason).value_or(CloseReason::InternalError)),
      lingered_bytes_(moved.state.flat.lingered_bytes) {
  const ConnectionState& state = moved.state;
  if (auto host = HostName::parse(state.host)) host_ = std::move(*host);
  client_.has_hung_up = state.has(kClientHungUp);
  client_.is_noisy = state.has(kClientNoisy);
  target_.has_hung_up = state.has(kTargetHungUp);
  target_.is_noisy = state.has(kTargetNoisy);
  std::size_t next = 0;
  client_.fd = std::move(moved.fds.at(next++));
  if (state.has(kHasTarget)) target_.fd = std::move(moved.fds.at(next++));
  to_target_.restore({state.flat.streaming_to_target, state.has(kToTargetBlocked),
                      state.has(kToTargetFinished), state.has(kToTargetExpectsReset)},
                     adopt_pipe(worker.pipes(), moved.fds, next, state.flat.held_to_target));
  to_client_.restore({state.flat.streaming_to_client, state.has(kToClientBlocked),
                      state.has(kToClientFinished), state.has(kToClientExpectsReset)},
                     adopt_pipe(worker.pipes(), moved.fds, next, state.flat.held_to_client));
  if (state.hello.empty()) return;
  hello_ = worker.hello_buffers().adopt(state.hello);
  hello_->sent = state.flat.hello_sent;
}

void Connection::start_moved(TimePoint deadline) {
  worker_->arm(*this, deadline);
  finish_event(*this, watch_moved());
}

Connection::Next Connection::watch_moved() {
  auto client = uv::Poll::create(worker_->loop(), client_.fd.get(), &on_client, this);
  if (!client) return finish(CloseReason::InternalError);
  client_.poll = std::move(*client);
  if (target_.fd.is_open()) {
    auto target = uv::Poll::create(worker_->loop(), target_.fd.get(), &on_target, this);
    if (!target) return finish(CloseReason::InternalError);
    target_.poll = std::move(*target);
  }
  if (!hello_) return Next::Continue;
  // The bytes were read to the same end before; only what was learnt from them did not come along.
  if (is_http()) {
    const HeadStatus status = hello_->head_reader.feed(hello_->bytes);
    return state_ == State::AwaitingHello ? take_head(status) : Next::Continue;
  }
  const ParseStatus status = hello_->reader.feed(hello_->bytes);
  return state_ == State::AwaitingHello ? take_hello(status) : Next::Continue;
}

}  // namespace adit::relay
