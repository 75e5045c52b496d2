// TableService: which route table is live, and the listeners that it needs. Answers the
// controller's `check` and `set`, reads and writes the cache, hands tables and sockets to the
// workers. Lives on the main thread; a call returns when every worker has done its part.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/control/messages.hpp"
#include "common/uv/loop.hpp"
#include "common/uv/timer.hpp"
#include "relay/route_table.hpp"
#include "relay/supervisor_client.hpp"
#include "relay/worker.hpp"

namespace adit::relay {

class TableService {
 public:
  struct Parts {
    uv::Loop* loop;
    Shared* shared;
    SupervisorClient* supervisor;
    std::vector<std::unique_ptr<Worker>>* workers;  ///< started
    std::string cache_path;
    std::uint64_t descriptors;  ///< RLIMIT_NOFILE
  };

  /// All of `parts` must outlive the service. Begins with an empty table.
  explicit TableService(Parts parts);

  /// Makes the cached table live, if there is one; what is wrong with it is logged.
  void load_cache();

  control::CheckReply check(const control::Table& table);
  control::SetReply set(const control::Table& table);
  /// What is known here of the statistics: table, routes, listeners, limits.
  void fill(control::Stats& stats) const;

 private:
  struct Port {
    std::uint16_t bound = 0;
    std::vector<UniqueFd> fds;  ///< until the workers have them
    bool is_live = false;       ///< the workers have them
    bool is_needed = false;     ///< by the live table
    std::string problem;        ///< why it is not bound
    TimePoint held_until;       ///< bound for a set that has not come yet
  };

  using Addresses = std::set<control::ListenAddress>;

  static Addresses addresses_of(const control::Table& table);
  Result<void> bind(const control::ListenAddress& address);
  /// Binds what `wanted` needs and is not bound; why it could not.
  std::vector<std::string> bind_all(const Addresses& wanted);
  void hand_over_ports(const Addresses& wanted);
  void close_unneeded_ports();
  void swap_table(std::shared_ptr<const RouteTable> table);
  void apply_settings(const control::Settings& settings);
  std::string write_cache(const control::Table& table) const;
  void retry();
  void release_held();
  void forget_previous();
  void on_all_workers(const std::function<void(Worker&, std::size_t index)>& task) const;
  [[nodiscard]] bool is_used_now(const control::ListenAddress& address) const;

  Parts parts_;
  LeavingStates leaving_;
  std::shared_ptr<const RouteTable> table_;
  std::shared_ptr<const RouteTable> previous_;
  std::map<control::ListenAddress, Port> ports_;
  uv::Timer retry_timer_;
  uv::Timer held_timer_;
  uv::Timer previous_timer_;
};

}  // namespace adit::relay
