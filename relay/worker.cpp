#include "relay/worker.hpp"

#include <algorithm>
#include <cassert>
#include <latch>
#include <utility>

#include <pthread.h>

#include "common/log.hpp"
#include "relay/socket_options.hpp"

namespace adit::relay {

namespace {
constexpr Milliseconds kAcceptPause{200};
/// Of connections that were relayed; for the others see RefusalLog.
constexpr std::uint32_t kEndLinesPerSecond = 100;
constexpr std::uint32_t kTroubleLinesPerMinute = 10;

/// Why a client is turned away; nothing: it is not.
std::optional<CloseReason> reason_of(AdmitResult result) {
  switch (result) {
    case AdmitResult::Admitted:
      break;
    case AdmitResult::OverGlobal:
      return CloseReason::RefusedOverGlobalLimit;
    case AdmitResult::OverClient:
      return CloseReason::RefusedOverClientLimit;
    case AdmitResult::OverClientRate:
      return CloseReason::RefusedOverClientRate;
  }
  return std::nullopt;
}

}  // namespace

void on_all_workers(const std::vector<std::unique_ptr<Worker>>& workers,
                    const std::function<void(Worker&, std::size_t index)>& task) {
  std::latch done(static_cast<std::ptrdiff_t>(workers.size()));
  for (std::size_t i = 0; i < workers.size(); ++i) {
    workers[i]->post([&, i] {
      task(*workers[i], i);
      done.count_down();
    });
  }
  done.wait();
}

Worker::Worker(Shared& shared)
    : shared_(&shared),
      scratch_(shared.may_splice ? kSmallPipe : kLargePipe),
      sockets_(loop_),
      wake_(loop_, [this] { run_tasks(); }),
      timer_(loop_, [this] { on_timer(); }),
      wheel_(now()),
      pipes_(shared.pipes, shared.spare_pipes),
      hello_buffers_(shared.hellos),
      end_lines_(kEndLinesPerSecond, Seconds{1}),
      trouble_lines_(kTroubleLinesPerMinute, Seconds{60}),
      // A start of its own for each worker, or all of them would draw alike.
      draws_(static_cast<std::uint64_t>(SteadyClock::now().time_since_epoch().count()) *
             0xd6e8feb86659fd93ULL) {}

Worker::~Worker() {
  if (!thread_.joinable()) return;
  post([this] { stop(); });
  thread_.join();
}

// --- from any thread

void Worker::start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "adit-worker");
    sockets_.run();
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
  sources_.set(table_->settings().source_addresses);
  // A route that came back while its connections drained keeps them.
  std::erase_if(draining_,
                [&](const auto& each) { return table_->contains(each.second.route->spec.name); });
}

void Worker::drain_removed(const std::vector<std::shared_ptr<const Route>>& routes) {
  for (const auto& route : routes) {
    if (route->state->active.load(std::memory_order_relaxed) > 0) drain(route);
  }
}

Result<void> Worker::listen(const control::ListenAddress& address, UniqueFd fd) {
  auto listener = Listener::create(*this, address, std::move(fd));
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

void Worker::set_sites_down(std::set<std::string> sites) {
  sites_down_ = std::move(sites);
  for (auto next = connections_.begin(); next != connections_.end();) {
    Connection& connection = *next++;
    if (connection.is_held() && !is_site_down(connection.route()->spec.site)) {
      connection.site_is_up();
    }
  }
}

control::Connections Worker::list(const control::ConnectionsRequest& request) const {
  std::vector<const Connection*> found;
  for (const Connection& each : connections_) {
    if (each.id() <= request.after_id) continue;
    const auto& route = each.route();
    if (!request.route.empty() && (!route || route->spec.name != request.route)) continue;
    found.push_back(&each);
  }
  const std::size_t count = std::min<std::size_t>(found.size(), request.most);
  const auto last = found.begin() + static_cast<std::ptrdiff_t>(count);
  std::ranges::partial_sort(found, last, {}, &Connection::id);
  control::Connections page;
  for (auto each = found.begin(); each != last; ++each) {
    page.connections.push_back((*each)->record());
  }
  page.has_more = count < found.size();
  return page;
}

bool Worker::kill(std::uint64_t id) {
  const auto found = std::ranges::find(connections_, id, &Connection::id);
  if (found == connections_.end()) return false;
  found->kill();
  remove(*found);
  return true;
}

void Worker::stop() {
  listeners_.clear();
  while (!connections_.empty()) {
    connections_.front().end(CloseReason::Shutdown);
    remove(connections_.front());
  }
  report_suppressed();
  sockets_.stop();
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
  if (is_denied(client.address)) {
    return refuse(std::move(fd), client, CloseReason::RefusedByRelayAccess);
  }
  // A load balancer is nobody's client: who it speaks for is asked once it has said so.
  const bool is_unnamed = is_balancer(client.address);
  const AdmitResult result = is_unnamed ? shared_->admission.admit_unnamed()
                                        : shared_->admission.admit(client.address, now());
  if (const auto refused = reason_of(result)) return refuse(std::move(fd), client, *refused);
  if (!shared_->hellos.enter()) {
    release(client.address, is_unnamed);
    return refuse(std::move(fd), client, CloseReason::RefusedOverHelloLimit);
  }
  const std::uint64_t id = shared_->last_connection_id.fetch_add(1, std::memory_order_relaxed) + 1;
  Connection& connection = connections_.emplace_back(
      *this, id, std::move(fd), client, port,
      is_unnamed ? Connection::Origin::Balancer : Connection::Origin::Client);
  connection.place = std::prev(connections_.end());
  if (connection.start() == Connection::Next::Finished) remove(connection);
}

bool Worker::is_balancer(const IpAddress& address) const {
  if (!table_) return false;
  return std::ranges::any_of(table_->settings().accept_proxy,
                             [&](const IpPrefix& prefix) { return prefix.contains(address); });
}

std::optional<CloseReason> Worker::admit_believed(const IpAddress& client) {
  return reason_of(shared_->admission.name(client, now()));
}

std::string Worker::unique_id(std::uint64_t connection) const {
  return fmt::format("{:x}-{}", shared_->begun, connection);
}

void Worker::release(const IpAddress& client, bool is_unnamed) {
  if (is_unnamed) {
    shared_->admission.release_unnamed();
  } else {
    shared_->admission.release(client);
  }
}

/// By name, so to say: who is only in no list of those to let in may bring an ACME challenge.
bool Worker::is_denied(const IpAddress& client) const {
  const AccessRules* rules = table_ ? table_->access() : nullptr;
  return rules != nullptr && rules->judge(client, wall_now()) == AccessVerdict::Denied;
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
  shared_->records.add(connection.record());
  release(connection.client().address, connection.is_unnamed());
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
  if (!table_->contains((*found)->spec.name)) drain(*found);
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

// --- targets

Result<UniqueFd> Worker::dial(const Endpoint& target, const control::Route& route,
                              FirstWord first_word) {
  // Source addresses are the tunnel's: what `direct` targets reach us by is the kernel's to know.
  return sources_.dial(target, route.site != control::kDirectSite, first_word, now());
}

void Worker::note_turn(Turn turn, const Endpoint& target, CloseReason reason) {
  if (turn == Turn::None || !trouble_lines_.allows(now())) return;
  if (turn == Turn::WentDown) {
    log::warning("relay: target down target={} reason={}; continuing", target, to_string(reason));
  } else {
    log::info("relay: target healthy again target={}", target);
  }
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

}  // namespace adit::relay
