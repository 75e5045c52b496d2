// Live take-over: a reload moves every live connection from the old data process to its successor.
// Both ends are plain loops on the main thread of their process, which has nothing else to do
// meanwhile: the old one has no controller any more, the new one none yet. Workers serve all the
// time; a connection rests only while the one message that it is in is under way. The protocol
// stands in takeover_link.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/clock.hpp"
#include "common/control/messages.hpp"
#include "common/result.hpp"
#include "common/unique_fd.hpp"
#include "relay/takeover_link.hpp"
#include "relay/worker.hpp"

namespace adit::relay {

using WorkersView = std::span<const std::unique_ptr<Worker>>;

/// Runs `task` on the worker's thread and waits for its end.
void run_on(Worker& worker, const std::function<void()>& task);

/// The old process's end.
class Giver {
 public:
  /// `socket` leads to the successor. Nobody is accepted here any more.
  Giver(UniqueFd socket, WorkersView workers) : socket_(std::move(socket)), workers_(workers) {}

  /// Tells which sites are down, gives all connections that can move, then what `totals` says: what
  /// was counted here, for connections that ended. Logs how it went; what could not be given is
  /// served on.
  void give(std::uint64_t last_connection_id, const control::SiteState& sites,
            const std::function<control::Stats()>& totals);

 private:
  Result<void> give_connections();
  /// Whether the batch is the successor's.
  bool give_batch(const SuspendedBatch& batch);
  Result<void> give_totals(control::Stats totals);
  Result<void> send(TakeoverType type, std::uint32_t count, std::span<const std::uint8_t> body,
                    std::span<const int> fds = {});
  Result<void> wait_for_adopted();

  UniqueFd socket_;
  WorkersView workers_;
  std::size_t given_ = 0;
  SteadyClock::duration longest_pause_{0};
  std::string problem_;
};

/// The successor's end.
class Taker {
 public:
  struct Parts {
    Shared* shared;
    WorkersView workers;
    /// The route of a connection: by its name and, if not empty, with what `own_route` of
    /// ConnectionState says. Null: there is none.
    std::function<std::shared_ptr<const Route>(const std::string& name,
                                               std::span<const std::uint8_t> own)>
        find_route;
    /// Which sites are down, as the other process was told.
    std::function<void(const control::SiteState&)> inherit_sites;
    /// Adds what another process counted for routes.
    std::function<void(std::span<const control::RouteStats>)> inherit_routes;
  };

  Taker(UniqueFd socket, Parts parts) : socket_(std::move(socket)), parts_(std::move(parts)) {}

  /// Waits until the other process accepts nobody any more, so that ids go on rising. Connections
  /// that come are counted in the limits from here on, and clients of sites that are down held.
  void begin();
  /// Takes what comes until the other process is done; logs how it went. Workers have all of it
  /// when it returns.
  void take();

 private:
  Result<void> take_until_done();
  Result<void> take_batch(TakeoverMessage message);
  Result<std::vector<MovedConnection>> unpack(TakeoverMessage message);
  Result<void> take_totals(const TakeoverMessage& message);
  Result<void> send_adopted();
  std::shared_ptr<const Route> route_of(const ConnectionState& state);
  void hand_out(std::vector<MovedConnection> moved);

  UniqueFd socket_;
  Parts parts_;
  TimePoint deadline_;  ///< of the whole
  std::uint64_t reserved_ = 0;
  std::size_t taken_ = 0;
  std::size_t next_worker_ = 0;
  /// Routes that are not as the table has them, by what they were sent as: connections share them.
  std::map<std::vector<std::uint8_t>, std::shared_ptr<const Route>> own_routes_;
};

}  // namespace adit::relay
