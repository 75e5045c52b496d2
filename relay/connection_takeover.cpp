// Connection in a live take-over: how it stops, what it is made of, and how another process goes on
// with it at the same byte.
#include <algorithm>
#include <utility>

#include "relay/alpn_target.hpp"
#include "relay/connection.hpp"
#include "relay/connection_state.hpp"
#include "relay/moved_connection.hpp"
#include "relay/worker.hpp"

namespace adit::relay {

namespace {

/// HelloBuffer::proxy_header is always shorter.
constexpr std::size_t kMaxProxyHeader = 1024;

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

/// Whether there is something left to send; on a raw port there may never have been.
Result<void> check_held(const ConnectionState& state) {
  const std::size_t held = state.proxy_header.size() + state.hello.size();
  const bool may_be_none =
      state.flat.listener_protocol == static_cast<std::uint8_t>(control::Protocol::Raw) &&
      state.flat.state == static_cast<std::uint8_t>(Connection::State::Connecting);
  if (state.flat.hello_sent < held || (may_be_none && state.flat.hello_sent == held)) return {};
  return unsound("has no hello to send");
}

/// Whether the route fits what is known of the connection.
bool is_route_fit(const MovedConnection& moved) {
  const ConnectionFlat& flat = moved.state.flat;
  if (!moved.route) return !moved.state.has(kHasSeat);
  if (flat.listener_protocol == static_cast<std::uint8_t>(control::Protocol::Http)) {
    return moved.route->spec.http.has_value();
  }
  return flat.dial_place < moved.route->spec.targets.size();
}

/// Whether what the state needs is there.
Result<void> check_state(const ConnectionState& state) {
  using State = Connection::State;
  switch (static_cast<State>(state.flat.state)) {
    case State::AwaitingHello:
      if (state.has(kHasTarget)) return unsound("has a target before its hello");
      return {};
    case State::Holding:
      if (state.has(kHasTarget) || state.route.empty()) return unsound("waits for no site");
      return {};
    case State::Connecting:
    case State::SendingHello:
      if (!state.has(kHasTarget) || state.route.empty()) return unsound("is without its target");
      return check_held(state);
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
  if (flat.listener_protocol > static_cast<std::uint8_t>(control::Protocol::Raw)) {
    return unsound("speaks an unknown protocol");
  }
  if (state.hello.size() > kMaxBufferedBytes) return unsound("has too long a hello");
  if (state.proxy_header.size() > kMaxProxyHeader) return unsound("has too long a PROXY header");
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
  if (!is_route_fit(moved)) return unsound("has an unfit route");
  return check_state(state);
}

void Connection::suspend() {
  for (Side* side : {&client_, &target_}) {
    if (side->poll.is_open()) static_cast<void>(side->poll.update(0));  // 0 cannot fail
  }
}

void Connection::go_on(TimePoint deadline) {
  worker_->arm(*this, deadline);
  finish_event(*this, Next::Continue);
}

void Connection::save_hello(ConnectionState& state) const {
  state.hello = hello_->bytes;
  state.proxy_header = hello_->proxy_header;
  state.flat.hello_sent = hello_->sent;
  if (const auto& believed = hello_->proxy_reader.addresses()) {
    state.flat.believed_destination = flat_of(believed->destination);
  }
}

/// alpn_target_ is found again by the hello; what Holding counts for, by its size.
void Connection::save_dialling(ConnectionFlat& flat) const {
  flat.connect_us = connect_us_;
  if (!route_) return;
  flat.target = flat_of(dialling_.target);
  flat.dial_until = nanoseconds_of(dialling_.until);
  flat.dial_began = nanoseconds_of(dialling_.began);
  flat.dial_tried = dialling_.tried;
  flat.dial_place = dialling_.place;
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
  state.put(kAwaitsProxyHeader, awaits_proxy_header_);
  state.put(kUnnamed, is_unnamed_);
  state.put(kHasSeat, has_seat_);
  state.put(kOneRequest, is_one_request_);
  state.put(kToTargetThrottled, is_throttled(Way::ToTarget));
  state.put(kToClientThrottled, is_throttled(Way::ToClient));
  save_dialling(flat);
  if (hello_) save_hello(state);
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
      connect_us_(moved.state.flat.connect_us),
      client_address_(client_of(moved.state.flat)),
      dialling_(dialling_of(moved.state.flat)),
      port_{moved.state.flat.listener_port,
            static_cast<control::Protocol>(moved.state.flat.listener_protocol)},
      awaits_proxy_header_(moved.state.has(kAwaitsProxyHeader)),
      is_unnamed_(moved.state.has(kUnnamed)),
      is_one_request_(moved.state.has(kOneRequest)),
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
  restore_hello(state);
  restore_route(state);
  if (state_ != State::Holding) return;
  held_bytes_ = hello_ ? hello_->bytes.capacity() : 0;
  worker.hold_budget().add(held_bytes_);
}

Connection::Dialling Connection::dialling_of(const ConnectionFlat& flat) {
  return {endpoint_of(flat.target).value_or(Endpoint{}), time_of(flat.dial_until),
          time_of(flat.dial_began), flat.dial_tried, flat.dial_place};
}

void Connection::restore_hello(const ConnectionState& state) {
  const auto destination = endpoint_of(state.flat.believed_destination);
  if (state.hello.empty() && state.proxy_header.empty() && !destination) return;
  hello_ = worker_->hello_buffers().adopt(state.hello);
  hello_->proxy_header = state.proxy_header;
  hello_->sent = state.flat.hello_sent;
  if (destination) hello_->proxy_reader.restore({client_address_, *destination});
}

void Connection::start_moved(TimePoint deadline) {
  worker_->arm(*this, deadline);
  watch_moved();
  finish_event(*this, go_on_moved());
}

void Connection::watch_moved() {
  client_.poll.open(worker_->sockets(), client_.fd.get(), &on_client, this);
  if (!target_.fd.is_open()) return;
  target_.poll.open(worker_->sockets(), target_.fd.get(), &on_target, this);
}

/// The held bytes were read to the same end before; only what was learnt from them did not come.
Connection::Next Connection::go_on_moved() {
  if (awaits_proxy_header_) return hello_ ? take_proxy_header() : Next::Continue;
  if (state_ == State::AwaitingHello) return has_begun() ? parse_hello() : Next::Continue;
  if (has_begun() && is_http()) {
    static_cast<void>(hello_->head_reader.feed(hello_->bytes));
  } else if (has_begun() && !is_raw()) {
    static_cast<void>(hello_->reader.feed(hello_->bytes));
    alpn_target_ = find_alpn_target(route_->spec, hello_->reader.hello().alpn);
  }
  const bool may_dial = state_ == State::Holding && !worker_->is_site_down(route_->spec.site);
  return may_dial ? dial_target() : Next::Continue;
}

}  // namespace adit::relay
