// Taker: the end of a live take-over in the successor. See takeover_link.hpp.
#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>
#include <variant>

#include "common/control/codec.hpp"
#include "common/log.hpp"
#include "relay/takeover.hpp"

namespace adit::relay {

namespace {

/// The supervisor gives up a process that does not serve after 10 s.
constexpr Milliseconds kLongestTakeover{8000};
/// More connections than any process can have.
constexpr std::uint64_t kMaxReserved = 1U << 24;

Result<TakeoverBegin> read_begin(const TakeoverMessage& message) {
  TakeoverBegin begin;
  if (message.head.type != TakeoverType::Begin || message.body.size() < sizeof begin) {
    return fail(Errc::Protocol, "the other process does not begin as expected");
  }
  std::memcpy(&begin, message.body.data(), sizeof begin);
  return begin;
}

/// What follows in the body of Begin; nothing: all sites are up.
std::optional<control::SiteState> read_sites(std::span<const std::uint8_t> body) {
  const auto rest = body.subspan(sizeof(TakeoverBegin));
  if (rest.empty()) return std::nullopt;
  const auto envelope = control::decode(rest);
  const auto* sites = envelope ? std::get_if<control::SiteState>(&envelope->message) : nullptr;
  if (sites == nullptr) return std::nullopt;
  return *sites;
}

}  // namespace

void Taker::begin() {
  deadline_ = SteadyClock::now() + kLongestTakeover;
  auto message = takeover_receive(socket_.get(), SteadyClock::now() + kTakeoverPatience);
  auto begin = message ? read_begin(*message) : fail(message.error());
  if (!begin) {
    socket_.reset();
    log::warning("relay: take-over: {}; continuing without the connections of the process before",
                 begin.error().what);
    return;
  }
  if (const auto sites = read_sites(message->body)) parts_.inherit_sites(*sites);
  parts_.shared->last_connection_id = begin->last_connection_id;
  reserved_ = std::min<std::uint64_t>(begin->connections, kMaxReserved);
  parts_.shared->admission.reserve(static_cast<std::uint32_t>(reserved_));
}

void Taker::take() {
  if (!socket_.is_open()) return;
  const TimePoint start = SteadyClock::now();
  const auto done = take_until_done();
  socket_.reset();
  parts_.shared->admission.unreserve(static_cast<std::uint32_t>(reserved_));
  for (const auto& worker : parts_.workers) run_on(*worker, [] {});
  const auto took = std::chrono::duration<double, std::milli>(SteadyClock::now() - start);
  log::info("relay: connections taken over count={} ms={:.1f}", taken_, took.count());
  if (done) return;
  log::warning("relay: take-over: {}; what did not come stays in the process before; continuing",
               done.error().what);
}

Result<void> Taker::take_until_done() {
  while (true) {
    const TimePoint patience = SteadyClock::now() + kTakeoverPatience;
    auto message = takeover_receive(socket_.get(), std::min(patience, deadline_));
    if (!message) return fail(std::move(message).error());
    switch (message->head.type) {
      case TakeoverType::Batch:
        if (auto taken = take_batch(std::move(*message)); !taken) return taken;
        break;
      case TakeoverType::Totals:
        if (auto taken = take_totals(*message); !taken) return taken;
        break;
      case TakeoverType::Done:
        return {};
      default:
        return fail(Errc::Protocol, "the other process sends what is not known here");
    }
  }
}

Result<void> Taker::send_adopted() {
  return takeover_send(socket_.get(), {TakeoverHead::kVersion, TakeoverType::Adopted, 0}, {}, {},
                       SteadyClock::now());
}

Result<void> Taker::take_batch(TakeoverMessage message) {
  auto moved = unpack(std::move(message));
  if (!moved) return fail(std::move(moved).error());
  // With this they are ours; if it fails, they were never.
  if (auto sent = send_adopted(); !sent) return sent;
  hand_out(std::move(*moved));
  return {};
}

Result<std::vector<MovedConnection>> Taker::unpack(TakeoverMessage message) {
  std::vector<MovedConnection> all;
  std::span<const std::uint8_t> rest = message.body;
  std::size_t next = 0;
  for (std::uint32_t i = 0; i < message.head.count; ++i) {
    auto state = decode_connection(rest);
    if (!state) return fail(std::move(state).error());
    MovedConnection& moved = all.emplace_back();
    moved.state = std::move(*state);
    const std::size_t count = descriptor_count(moved.state.flat);
    if (count > message.fds.size() - next) return fail(Errc::Protocol, "descriptors are missing");
    for (std::size_t end = next + count; next < end; ++next) {
      moved.fds.push_back(std::move(message.fds[next]));
    }
    moved.route = route_of(moved.state);
    if (auto sound = check_moved(moved); !sound) return fail(std::move(sound).error());
  }
  if (!rest.empty() || next != message.fds.size()) {
    return fail(Errc::Protocol, "a batch is longer than it says");
  }
  return all;
}

std::shared_ptr<const Route> Taker::route_of(const ConnectionState& state) {
  if (state.route.empty()) return nullptr;
  if (state.own_route.empty()) return parts_.find_route(state.route, {});
  auto [known, is_new] = own_routes_.try_emplace(state.own_route);
  if (is_new) known->second = parts_.find_route(state.route, state.own_route);
  return known->second;
}

/// To one worker after the other, in the order in which they came.
void Taker::hand_out(std::vector<MovedConnection> moved) {
  const std::size_t count = parts_.workers.size();
  if (moved.size() > reserved_) {
    parts_.shared->admission.reserve(static_cast<std::uint32_t>(moved.size() - reserved_));
    reserved_ = moved.size();
  }
  reserved_ -= moved.size();
  taken_ += moved.size();
  std::vector<std::vector<MovedConnection>> shares(count);
  for (MovedConnection& each : moved) shares[next_worker_++ % count].push_back(std::move(each));
  for (std::size_t i = 0; i < count; ++i) {
    if (shares[i].empty()) continue;
    // A std::function is copyable, so what it holds must be, too.
    const auto share = std::make_shared<std::vector<MovedConnection>>(std::move(shares[i]));
    parts_.workers[i]->post([&worker = *parts_.workers[i], share] {
      for (MovedConnection& each : *share) worker.adopt(std::move(each));
    });
  }
}

Result<void> Taker::take_totals(const TakeoverMessage& message) {
  const auto envelope = control::decode(message.body);
  if (!envelope) return fail(envelope.error());
  const auto* totals = std::get_if<control::Stats>(&envelope->message);
  if (totals == nullptr) return fail(Errc::Protocol, "the other process sends no counters");
  if (auto sent = send_adopted(); !sent) return sent;
  const auto& worker = parts_.workers.front();
  run_on(*worker, [&] { worker->inherit(*totals); });
  parts_.inherit_routes(totals->routes);
  return {};
}

}  // namespace adit::relay
