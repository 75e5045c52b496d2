// Giver: the end of a live take-over in the old data process. See takeover_link.hpp.
#include <algorithm>
#include <latch>
#include <utility>

#include <sys/socket.h>

#include "common/control/codec.hpp"
#include "common/log.hpp"
#include "relay/takeover.hpp"

namespace adit::relay {

namespace {

/// Of one message of totals: names of routes have up to 260 bytes.
constexpr std::size_t kRoutesPerMessage = 200;

std::vector<std::uint8_t> bytes_of(const TakeoverBegin& begin, const control::SiteState& sites) {
  const auto* first = reinterpret_cast<const std::uint8_t*>(&begin);
  std::vector<std::uint8_t> bytes(first, first + sizeof begin);
  if (sites.down.empty()) return bytes;
  const auto encoded = control::encode({0, sites});
  // Never that many; without them new clients are dialled for instead of held.
  if (bytes.size() + encoded.size() > kMaxBatchBytes) return bytes;
  bytes.insert(bytes.end(), encoded.begin(), encoded.end());
  return bytes;
}

std::uint64_t active_of(WorkersView workers) {
  std::uint64_t active = 0;
  for (const auto& worker : workers) {
    const std::uint64_t ended = worker->counters().ended.get();
    active += worker->counters().accepted.get() - ended;
  }
  return active;
}

bool is_untouched(const control::RouteStats& route) {
  return (route.connections | route.bytes_to_target | route.bytes_to_client) == 0;
}

}  // namespace

void run_on(Worker& worker, const std::function<void()>& task) {
  std::latch done(1);
  worker.post([&] {
    task();
    done.count_down();
  });
  done.wait();
}

void Giver::give(std::uint64_t last_connection_id, const control::SiteState& sites,
                 const std::function<control::Stats()>& totals) {
  const TimePoint start = SteadyClock::now();
  const TakeoverBegin begin{last_connection_id, active_of(workers_)};
  auto given = send(TakeoverType::Begin, 0, bytes_of(begin, sites));
  if (given) given = give_connections();
  if (given) given = give_totals(totals());
  if (given) given = send(TakeoverType::Done, 0, {});
  socket_.reset();
  const auto took = std::chrono::duration<double, std::milli>(SteadyClock::now() - start);
  const auto longest = std::chrono::duration<double, std::milli>(longest_pause_);
  log::info("relay: connections given to the successor count={} ms={:.1f} longest_pause_ms={:.1f}",
            given_, took.count(), longest.count());
  if (given) return;
  log::warning("relay: take-over: {}; what is left is served here to its end; continuing",
               given.error().what);
}

Result<void> Giver::send(TakeoverType type, std::uint32_t count, std::span<const std::uint8_t> body,
                         std::span<const int> fds) {
  return takeover_send(socket_.get(), {TakeoverHead::kVersion, type, count}, body, fds,
                       SteadyClock::now() + kTakeoverPatience);
}

Result<void> Giver::wait_for_adopted() {
  auto answer = takeover_receive(socket_.get(), SteadyClock::now() + kTakeoverPatience);
  if (!answer) return fail(std::move(answer).error());
  if (answer->head.type == TakeoverType::Adopted) return {};
  return fail(Errc::Protocol, "the successor answers something else");
}

bool Giver::give_batch(const SuspendedBatch& batch) {
  auto given = send(TakeoverType::Batch, batch.count, batch.records, batch.fds);
  if (given) given = wait_for_adopted();
  if (given) return true;
  problem_ = given.error().what;
  // From here on it cannot answer any more; what it had answered before is in our queue.
  ::shutdown(socket_.get(), SHUT_RD);
  const auto late = takeover_receive(socket_.get(), SteadyClock::now());
  return late && late->head.type == TakeoverType::Adopted;
}

Result<void> Giver::give_connections() {
  for (const auto& worker : workers_) {
    bool is_given = false;
    while (true) {
      SuspendedBatch batch;
      TimePoint start;
      run_on(*worker, [&] {
        worker->settle(is_given);  // of the batch before, if there was one
        start = SteadyClock::now();
        if (problem_.empty()) batch = worker->suspend_some();
      });
      if (!problem_.empty()) return fail(Errc::Unavailable, problem_);
      if (batch.count == 0) break;
      is_given = give_batch(batch);
      longest_pause_ = std::max(longest_pause_, SteadyClock::now() - start);
      if (is_given) given_ += batch.count;
    }
  }
  return {};
}

Result<void> Giver::give_totals(control::Stats totals) {
  std::vector<control::RouteStats> routes = std::exchange(totals.routes, {});
  std::erase_if(routes, is_untouched);
  totals.listeners.clear();
  totals.sites_down.clear();
  for (std::size_t at = 0; at == 0 || at < routes.size(); at += kRoutesPerMessage) {
    control::Stats piece = at == 0 ? totals : control::Stats{};
    const std::size_t end = std::min(at + kRoutesPerMessage, routes.size());
    piece.routes.assign(routes.begin() + static_cast<std::ptrdiff_t>(at),
                        routes.begin() + static_cast<std::ptrdiff_t>(end));
    const auto body = control::encode({0, std::move(piece)});
    if (body.size() > kMaxBatchBytes) return fail(Errc::Internal, "the counters are too long");
    if (auto sent = send(TakeoverType::Totals, 0, body); !sent) return sent;
    if (auto answer = wait_for_adopted(); !answer) return answer;
  }
  return {};
}

}  // namespace adit::relay
