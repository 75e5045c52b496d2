#include "relay/worker.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include <pthread.h>

#include "common/log.hpp"
#include "relay/socket_options.hpp"

namespace adit::relay {

namespace {
constexpr Milliseconds kAcceptPause{200};
constexpr Seconds kReportTime{60};
/// Of connections that were relayed; for the others see RefusalLog.
constexpr std::uint32_t kEndLinesPerSecond = 100;
constexpr std::uint32_t kTroubleLinesPerMinute = 10;
}  // namespace

Worker::Worker(Shared& shared)
    : shared_(&shared),
      scratch_(kSmallPipe),
      wake_(loop_, [this] { run_tasks(); }),
      timer_(loop_, [this] { on_timer(); }),
      wheel_(now()),
      pipes_(shared.pipes, shared.spare_pipes),
      hello_buffers_(shared.hellos),
      end_lines_(kEndLinesPerSecond, Seconds{1}),
      trouble_lines_(kTroubleLinesPerMinute, Seconds{60}) {}

Worker::~Worker() {
  if (!thread_.joinable()) return;
  post([this] { stop(); });
  thread_.join();
}

// --- from any thread

void Worker::start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "adit-worker");
    loop_.run();
  });
}

void Worker::post(std::function<void()> task) {
  {
    const std::scoped_lock lock(tasks_mutex_);
    tasks_.push_back(std::move(task));
  }
  wake_.send();
}

// --- on the worker's thread

void Worker::run_tasks() {
  std::vector<std::function<void()>> tasks;
  {
    const std::scoped_lock lock(tasks_mutex_);
    tasks.swap(tasks_);
  }
  for (const auto& task : tasks) task();
}

TimePoint Worker::now() const {
  // libuv's clock is CLOCK_MONOTONIC as well, read once per turn of the loop.
  return TimePoint(Milliseconds(uv_now(const_cast<uv::Loop&>(loop_).get())));
}

void Worker::update(const WorkerUpdate& update) {
  table_ = update.table;
  previous_ = update.previous;
  chosen_https_port_ = update.chosen_https_port;
  // A route that came back while its connections drained keeps them.
  std::erase_if(draining_, [&](const auto& each) {
    return table_->find_by_name(each.second.route->spec.name) != nullptr;
  });
  for (const auto& route : update.removed) {
    if (route->state->active.load(std::memory_order_relaxed) > 0) drain(route);
  }
}

Result<void> Worker::listen(const control::ListenAddress& address, UniqueFd fd) {
  auto listener = Listener::create(*this, loop_, address, std::move(fd));
  if (!listener) return fail(std::move(listener).error());
  if (!is_paused_) (*listener)->resume();
  listeners_.push_back(std::move(*listener));
  return {};
}

void Worker::close_listeners(const control::ListenAddress& address) {
  for (const auto& listener : listeners_) {
    if (listener->configured() == address) listener->accept_the_last();
  }
  std::erase_if(listeners_, [&](const auto& each) { return each->configured() == address; });
}

void Worker::close_all_listeners() {
  listeners_.clear();
}

void Worker::stop() {
  listeners_.clear();
  while (!connections_.empty()) {
    connections_.front().end(CloseReason::Shutdown);
    remove(connections_.front());
  }
  report_suppressed();
  loop_.stop();
}

// --- deadlines

void Worker::arm(TimerNode& node, TimePoint deadline) {
  wheel_.arm(node, deadline);
  schedule(deadline);
}

void Worker::schedule(TimePoint deadline) {
  if (deadline >= timer_due_) return;
  timer_due_ = deadline;
  timer_.start(std::max(Milliseconds{1},
                        std::chrono::ceil<Milliseconds>(deadline - now()) + TimerWheel::kTick));
}

void Worker::on_timer() {
  timer_due_ = TimePoint::max();
  wheel_.advance(now(), [this](TimerNode& node) { fire(node); });
  if (const auto next = wheel_.next_deadline()) schedule(*next);
}

void Worker::fire(TimerNode& node) {
  if (&node == &drain_node_) return end_drained();
  if (&node == &resume_node_) return resume_accepting();
  if (&node == &report_node_) return report_suppressed();
  Connection::fire(static_cast<Connection&>(node));
}

// --- connections

void Worker::take(UniqueFd fd, const Endpoint& client, control::PublicPort port) {
  counters_.accepted.add(1);
  switch (shared_->admission.admit(client.address, now())) {
    case AdmitResult::Admitted:
      break;
    case AdmitResult::OverGlobal:
      return refuse(std::move(fd), client, CloseReason::RefusedOverGlobalLimit);
    case AdmitResult::OverClient:
      return refuse(std::move(fd), client, CloseReason::RefusedOverClientLimit);
    case AdmitResult::OverClientRate:
      return refuse(std::move(fd), client, CloseReason::RefusedOverClientRate);
  }
  if (!shared_->hellos.enter()) {
    shared_->admission.release(client.address);
    return refuse(std::move(fd), client, CloseReason::RefusedOverHelloLimit);
  }
  const std::uint64_t id = shared_->last_connection_id.fetch_add(1, std::memory_order_relaxed) + 1;
  Connection& connection = connections_.emplace_back(*this, id, std::move(fd), client, port);
  connection.place = std::prev(connections_.end());
  if (connection.start() == Connection::Next::Finished) remove(connection);
}

void Worker::refuse(UniqueFd fd, const Endpoint& client, CloseReason reason) {
  counters_.closed[static_cast<std::size_t>(reason)].add(1);
  counters_.ended.add(1);
  reset_on_close(fd.get());
  fd.reset();
  if (!may_log_end(reason, client.address)) return;
  log::info("relay: connection refused client={} reason={}", client, to_string(reason));
}

void Worker::remove(Connection& connection) {
  counters_.closed[static_cast<std::size_t>(connection.reason())].add(1);
  counters_.ended.add(1);
  if (const auto& route = connection.route()) {
    route->state->active.fetch_sub(1, std::memory_order_relaxed);
  }
  log_end(connection);
  shared_->admission.release(connection.client().address);
  connections_.erase(connection.place);
  if (is_paused_) resume_accepting();
}

std::shared_ptr<const Route> Worker::find_route(control::PublicPort port, const HostName* name) {
  if (const auto* found = table_->find(port, name)) return *found;
  if (!previous_ || std::ranges::binary_search(table_->ports(), port)) return nullptr;
  // Queued on a listener that the new table does not have: served as a connection of a removed
  // route is.
  const auto* found = previous_->find(port, name);
  if (found == nullptr) return nullptr;
  if (table_->find_by_name((*found)->spec.name) == nullptr) drain(*found);
  return *found;
}

void Worker::drain(const std::shared_ptr<const Route>& route) {
  drain(route, now() + route->spec.drain);
}

void Worker::drain(const std::shared_ptr<const Route>& route, TimePoint deadline) {
  if (!draining_.try_emplace(route->state.get(), Draining{route, deadline}).second) return;
  if (drain_node_.is_armed() && drain_due_ <= deadline) return;
  drain_due_ = deadline;
  arm(drain_node_, deadline);
}

void Worker::end_drained() {
  const TimePoint time = now();
  const auto is_due = [&](const std::shared_ptr<const Route>& route) {
    if (!route) return false;
    const auto found = draining_.find(route->state.get());
    return found != draining_.end() && found->second.deadline <= time;
  };
  for (auto next = connections_.begin(); next != connections_.end();) {
    Connection& connection = *next++;
    if (!is_due(connection.route())) continue;
    connection.end(CloseReason::RouteRemoved);
    remove(connection);
  }
  std::erase_if(draining_, [&](const auto& each) { return each.second.deadline <= time; });
  if (draining_.empty()) return;
  drain_due_ = TimePoint::max();
  for (const auto& [state, each] : draining_) drain_due_ = std::min(drain_due_, each.deadline);
  arm(drain_node_, drain_due_);
}

// --- accepting pauses while descriptors are short

void Worker::pause_accepting() {
  if (!is_paused_) {
    is_paused_ = true;
    for (const auto& listener : listeners_) listener->pause();
    if (trouble_lines_.allows(now())) {
      log::warning("relay: no descriptor or memory for a client; accepting pauses; continuing");
    }
  }
  arm(resume_node_, now() + kAcceptPause);
}

void Worker::retry_accepting(const control::ListenAddress& address, int error) {
  if (trouble_lines_.allows(now())) {
    log::error(
        "relay: {}; trying again; continuing",
        sys_error(fmt::format("accept at {}", Endpoint{address.address, address.port}), error)
            .what);
  }
  arm(resume_node_, now() + kAcceptPause);
}

void Worker::resume_accepting() {
  is_paused_ = false;
  for (const auto& listener : listeners_) listener->resume();
}

// --- log

bool Worker::may_log_end(CloseReason reason, const IpAddress& client) {
  if (!log::is_enabled(log::Level::Info)) return false;
  const bool may = is_unserved(reason) ? shared_->refusals.allows(reason, client, now())
                                       : end_lines_.allows(now());
  if (!may && !report_node_.is_armed()) arm(report_node_, now() + kReportTime);
  return may;
}

void Worker::log_end(const Connection& connection) {
  if (!may_log_end(connection.reason(), connection.client().address)) return;
  const auto& route = connection.route();
  const auto duration = std::chrono::duration_cast<Milliseconds>(now() - connection.started());
  log::info(
      "relay: connection closed conn={} client={} host={} target={} to_target={} to_client={} "
      "spliced={} ms={} reason={}",
      connection.id(), connection.client(), connection.host() ? connection.host()->display() : "-",
      route ? connection.target().to_string() : "-", connection.bytes_to_target(),
      connection.bytes_to_client(), connection.spliced_bytes(), duration.count(),
      to_string(connection.reason()));
}

void Worker::report_suppressed() {
  // Of all workers: who reports first reports for the others too.
  for (const RefusalLog::Count& count : shared_->refusals.take_counts()) {
    log::info("relay: {} more {} reason={} clients={}{}", count.refusals,
              is_early_leave(count.reason) ? "left" : "refused", to_string(count.reason),
              count.clients, count.has_more_clients ? "+" : "");
  }
  if (const std::uint64_t count = end_lines_.take_suppressed(); count > 0) {
    log::info("relay: {} more connections closed", count);
  }
}

}  // namespace adit::relay
