// TableService: which route table is live, and the listeners that it needs. Answers the
// controller's `check` and `set`, reads and writes the cache, hands tables and sockets to the
// workers. Lives on the main thread; a call returns when every worker has done its part.
//
//   Loading --serve()--> Serving --freeze()--> Frozen --drain()--> Draining
//                           ^-----serve()--------'
//
// A client that is on a port which a `set` removes, and has not said hello, is served by the table
// before, for timeouts.hello. One such table is kept: if another `set` removes a port within that
// time, the clients of the first one's port are refused.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "common/control/messages.hpp"
#include "common/uv/loop.hpp"
#include "common/uv/timer.hpp"
#include "relay/route_table.hpp"
#include "relay/supervisor_client.hpp"
#include "relay/supervisor_link.hpp"
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

  /// Gets the ports of the cached table, if there is one, and makes it live, but listens nowhere
  /// yet; what is wrong with it is logged.
  void load_cache();
  /// Listens on the ports of the live table; tries again, from now on, where that fails.
  void serve();
  /// Changes nothing any more, until serve() or drain(). Gives up what was held for a `set`.
  void freeze();
  /// A successor has the ports: nothing is asked of the supervisor any more.
  void drain();
  /// Draining: takes the table that the successor has cached, so that what it removes ends here
  /// too.
  void follow_cache();

  // --- live take-over

  /// The live table's route `name`; if `own` is not empty, that route as `own`, an encoded table of
  /// one route, has it. It counts with all others of its name. Null: there is none.
  std::shared_ptr<const Route> route_of_moved(const std::string& name,
                                              std::span<const std::uint8_t> own);
  /// Adds what another process counted for the live table's routes.
  void inherit(std::span<const control::RouteStats> routes);

  /// check() and set() must not be called.
  [[nodiscard]] bool is_frozen() const { return mode_ == Mode::Frozen; }

  control::CheckReply check(const CheckedTable& table);
  /// A table that stands in `bytes`. `digest`: see control::Set.
  control::SetReply set(std::vector<std::uint8_t> bytes, CheckedTable table, std::uint64_t digest);

  /// The live table.
  [[nodiscard]] const RouteTable& table() const { return *table_; }

  [[nodiscard]] TableId id() const;
  /// What is known here of the statistics: table, routes, listeners, limits, cache.
  void fill(control::Stats& stats) const;

 private:
  enum class Mode { Loading, Serving, Frozen, Draining };

  struct Port {
    std::uint16_t bound = 0;    ///< the real port; 0: not bound
    std::vector<UniqueFd> fds;  ///< until the workers have them
    bool is_live = false;       ///< the workers listen on them
    bool is_needed = false;     ///< by the live table
    std::string problem;        ///< why it is needed and not live; logged when it changes
    TimePoint held_until;       ///< bound for a set that has not come yet
  };

  using Addresses = std::set<control::ListenAddress>;

  static Addresses addresses_of(const control::Settings& settings,
                                std::span<const control::PublicPort> ports);
  std::shared_ptr<const RouteTable> read_cache();
  void write_cache();
  void swap_table(std::shared_ptr<const RouteTable> table);
  void apply_settings(const control::Settings& settings);
  void forget_previous();

  Result<void> bind(const control::ListenAddress& address);
  /// Binds what `wanted` needs and is not bound; why it could not.
  std::vector<std::string> bind_all(const Addresses& wanted);
  Result<void> listen(const control::ListenAddress& address, Port& port);
  void listen_where_needed();
  void close_at_workers(const control::ListenAddress& address);
  void close_unneeded_ports();
  static void note_problem(const control::ListenAddress& address, Port& port, const Error& error);
  [[nodiscard]] std::vector<std::string> problems_of_ports() const;
  void retry();
  void release_held();
  void on_all_workers(const std::function<void(Worker&, std::size_t index)>& task) const;

  Parts parts_;
  Mode mode_ = Mode::Loading;
  RouteStates states_;  // before the tables, which it outlives
  std::shared_ptr<const RouteTable> table_;
  std::shared_ptr<const RouteTable> previous_;  ///< had ports that a later table removed, or null
  std::string cache_problem_;                   ///< why the live table is not in the cache
  std::map<control::ListenAddress, Port> ports_;
  uv::Timer retry_timer_;
  uv::Timer held_timer_;
  uv::Timer previous_timer_;
};

}  // namespace adit::relay
