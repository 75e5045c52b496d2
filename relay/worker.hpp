// One worker: a thread with its own libuv loop, timer wheel, listeners, connections and spare
// pipes. It takes tasks from the main thread by post() and shares nothing else with it but atomic
// counters. Every connection stays with the worker that accepted or adopted it.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "common/uv/loop.hpp"
#include "common/uv/poll_set.hpp"
#include "common/uv/timer.hpp"
#include "relay/admission.hpp"
#include "relay/connection.hpp"
#include "relay/counters.hpp"
#include "relay/hello_buffers.hpp"
#include "relay/hold_budget.hpp"
#include "relay/listener.hpp"
#include "relay/log_limiter.hpp"
#include "relay/moved_connection.hpp"
#include "relay/pipe_pool.hpp"
#include "relay/pump.hpp"
#include "relay/record_log.hpp"
#include "relay/refusal_log.hpp"
#include "relay/route_table.hpp"
#include "relay/source_addresses.hpp"
#include "relay/target_choice.hpp"
#include "relay/timer_wheel.hpp"

namespace adit::relay {

/// What all workers of the process share. Thread-safe.
struct Shared {
  Shared(unsigned max_pipes, unsigned workers, bool splices = true)
      : pipes(max_pipes),
        spare_pipes(std::clamp<std::size_t>(max_pipes / workers, 1, 32)),
        may_splice(splices) {}

  Admission admission{control::Limits{}};
  PipeBudget pipes;
  std::size_t spare_pipes;  ///< of each worker, so that none hoards what others need
  bool may_splice;          ///< else streams are copied, too
  HelloBudget hellos;
  HoldBudget holds;
  RefusalLog refusals;
  std::atomic<std::uint64_t> last_connection_id{0};
  /// Makes connection ids unique over all runs: when this process began, in µs since 1970.
  const std::int64_t begun = std::chrono::duration_cast<std::chrono::microseconds>(
                                 std::chrono::system_clock::now().time_since_epoch())
                                 .count();
  RecordLog records{static_cast<std::uint64_t>(begun)};
};

class Worker;

/// Runs `task` on the thread of each of `workers`, which are started, and waits for all of them.
void on_all_workers(const std::vector<std::unique_ptr<Worker>>& workers,
                    const std::function<void(Worker&, std::size_t index)>& task);

/// What a worker runs from now on.
struct WorkerUpdate {
  std::shared_ptr<const RouteTable> table;
  /// Serves clients that were queued on a listener that `table` does not have any more; null: none.
  std::shared_ptr<const RouteTable> previous;
  std::uint16_t chosen_https_port = 0;  ///< which the kernel chose for the port 0 of TLS; 0: none
};

class Worker {
 public:
  explicit Worker(Shared& shared);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  Worker(Worker&&) = delete;
  Worker& operator=(Worker&&) = delete;

  // --- from any thread

  void start();
  /// Runs `task` on the worker's thread, in order.
  void post(std::function<void()> task);

  [[nodiscard]] const Counters& counters() const { return counters_; }

  // --- on the worker's thread, by post()

  void update(const WorkerUpdate& update);
  /// After it: `routes` are not in the table any more.
  void drain_removed(const std::vector<std::shared_ptr<const Route>>& routes);

  /// Drops what `update` kept of the table before.
  void forget_previous() { previous_.reset(); }

  /// Listens on a bound socket.
  Result<void> listen(const control::ListenAddress& address, UniqueFd fd);
  /// Takes what is queued on the listeners of `address` and closes them.
  void close_listeners(const control::ListenAddress& address);
  void close_all_listeners();
  /// The sites that are down from now on; clients of the others are not held any longer.
  void set_sites_down(std::set<std::string> sites);
  /// Its part of a page of live connections: those of `request` with the lowest ids.
  [[nodiscard]] control::Connections list(const control::ConnectionsRequest& request) const;
  /// Resets the connection `id`; false: it is not here.
  bool kill(std::uint64_t id);

  // --- live take-over (worker_takeover.cpp): on the worker's thread, by post()

  /// Suspends as many connections as one message of the take-over holds; none: there are no more
  /// that could move. Their descriptors stay this worker's. settle() must follow.
  SuspendedBatch suspend_some();
  /// What became of them, if there are any. Moved: they are forgotten here, unharmed. Else they go
  /// on.
  void settle(bool have_moved);
  /// Goes on with what another process had.
  void adopt(MovedConnection moved);
  /// Counts what another process has counted.
  void inherit(const control::Stats& totals);

  /// Ends every connection and the thread.
  void stop();

  // --- for its listeners and connections

  void take(UniqueFd fd, const Endpoint& client, control::PublicPort port);
  void pause_accepting();
  /// A listener failed and paused: notes it in the log and resumes it in a while.
  void retry_accepting(const control::ListenAddress& address, int error);
  /// The client of a load balancer's connection is known now: counted for it, or why it is refused.
  [[nodiscard]] std::optional<CloseReason> admit_believed(const IpAddress& client);
  /// Of a connection, for those who see it later on its way: "18c3f5a0b2d41-42".
  [[nodiscard]] std::string unique_id(std::uint64_t connection) const;
  /// Ends the life of `connection`, which must not be used any more.
  void remove(Connection& connection);
  void arm(TimerNode& node, TimePoint deadline);
  [[nodiscard]] std::shared_ptr<const Route> find_route(control::PublicPort port,
                                                        const HostName* name);

  /// Where a redirect of `route` leads.
  [[nodiscard]] std::uint16_t https_port_of(const control::Route& route) const {
    return route.port != 0 ? route.port : chosen_https_port_;
  }

  [[nodiscard]] TimePoint now() const;

  [[nodiscard]] PumpTools tools() { return {&pipes_, scratch_, now(), shared_->may_splice}; }

  [[nodiscard]] const RouteTable& table() const { return *table_; }

  [[nodiscard]] Admission& admission() { return shared_->admission; }

  [[nodiscard]] const control::Timeouts& timeouts() const { return table_->settings().timeouts; }

  [[nodiscard]] std::span<std::uint8_t> scratch() { return scratch_; }

  /// What watches the sockets of its connections.
  [[nodiscard]] uv::PollSet& sockets() { return sockets_; }

  [[nodiscard]] HelloBuffers& hello_buffers() { return hello_buffers_; }

  [[nodiscard]] HelloBudget& hello_budget() { return shared_->hellos; }

  [[nodiscard]] HoldBudget& hold_budget() { return shared_->holds; }

  [[nodiscard]] bool is_site_down(const std::string& site) const {
    return !sites_down_.empty() && sites_down_.contains(site);
  }

  [[nodiscard]] PipePool& pipes() { return pipes_; }

  [[nodiscard]] Counters& own_counters() { return counters_; }

  /// A connecting socket for a connection of `route`: see SourceAddresses::dial.
  Result<UniqueFd> dial(const Endpoint& target, const control::Route& route, FirstWord first_word);
  /// Says in the log that `target` went down, for `reason`, or came back.
  void note_turn(Turn turn, const Endpoint& target, CloseReason reason);

  /// For choose_target.
  [[nodiscard]] std::uint64_t draw() { return draws_.next(); }

 private:
  /// A removed route whose connections may go on until `deadline`.
  struct Draining {
    std::shared_ptr<const Route> route;
    TimePoint deadline;
  };

  void run_tasks();
  void on_timer();
  void fire(TimerNode& node);
  void schedule(TimePoint deadline);
  void drain(const std::shared_ptr<const Route>& route);
  void drain(const std::shared_ptr<const Route>& route, TimePoint deadline);
  [[nodiscard]] bool can_move(const Connection& connection) const;
  void take_back();
  void save(const Connection& connection, ConnectionState& state, std::vector<int>& fds) const;
  void end_drained();
  void resume_accepting();
  /// Whether `address` is one of `relay.accept_proxy`; nobody is before there is a table.
  [[nodiscard]] bool is_balancer(const IpAddress& address) const;
  void release(const IpAddress& client, bool is_unnamed);
  void refuse(UniqueFd fd, const Endpoint& client, CloseReason reason);
  [[nodiscard]] bool is_denied(const IpAddress& client) const;
  [[nodiscard]] bool may_log_end(CloseReason reason, const IpAddress& client);
  void log_end(const Connection& connection);
  void report_suppressed();

  Shared* shared_;
  Counters counters_;
  std::vector<std::uint8_t> scratch_;
  uv::Loop loop_;
  uv::PollSet sockets_;
  uv::Async wake_;
  uv::Timer timer_;
  TimePoint timer_due_ = TimePoint::max();
  TimerWheel wheel_;
  TimerNode drain_node_;
  TimerNode resume_node_;
  TimerNode report_node_;
  PipePool pipes_;
  HelloBuffers hello_buffers_;
  LogLimiter end_lines_;
  LogLimiter trouble_lines_;
  SourceAddresses sources_;
  EvenNumbers draws_;
  std::shared_ptr<const RouteTable> table_;
  std::shared_ptr<const RouteTable> previous_;
  std::set<std::string> sites_down_;
  std::uint16_t chosen_https_port_ = 0;
  std::unordered_map<const RouteState*, Draining> draining_;
  TimePoint drain_due_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  bool is_paused_ = false;
  std::list<Connection> connections_;
  std::list<Connection> suspended_;  ///< between suspend_some() and settle()
  std::mutex tasks_mutex_;
  std::vector<std::function<void()>> tasks_;  ///< guarded by tasks_mutex_
  std::thread thread_;
};

}  // namespace adit::relay
