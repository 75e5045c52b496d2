// What outlives a push: RouteState, the counters and limits of a route by its name, and
// RouteStates, which has that of every name that was ever used and still is in a table or in use.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/control/messages.hpp"
#include "relay/token_bucket.hpp"

namespace adit::relay {

/// What a route counts. Any thread may add; relaxed order is enough, as nothing but the limit of
/// its connections is decided by them.
struct RouteState {
  std::atomic<std::uint64_t> active{0};       ///< connections open now
  std::atomic<std::uint64_t> connections{0};  ///< connections ever
  std::atomic<std::uint64_t> bytes_to_target{0};
  std::atomic<std::uint64_t> bytes_to_client{0};

  RouteState() = default;

  ~RouteState() { delete bandwidth_.load(std::memory_order_relaxed); }

  RouteState(const RouteState&) = delete;
  RouteState& operator=(const RouteState&) = delete;
  RouteState(RouteState&&) = delete;
  RouteState& operator=(RouteState&&) = delete;

  /// Null until it first gets a limit; then the same for good. Any thread.
  [[nodiscard]] RouteBandwidth* bandwidth() const {
    return bandwidth_.load(std::memory_order_acquire);
  }

  /// Those of `limits` hold from now on, for connections that are open too. One thread at a time.
  void set_bandwidth(const control::RouteLimits& limits);

 private:
  friend class RouteStates;

  std::atomic<RouteBandwidth*> bandwidth_{nullptr};
  std::uint64_t limits_of_ = 0;  ///< the youngest table that set_bandwidth was called for
};

/// Thread-safe.
class RouteStates {
 public:
  /// The state of `name`, which is made when it is first asked for.
  std::shared_ptr<RouteState> get(std::string_view name);
  /// As RouteState::set_bandwidth, unless a table that is younger than `table` has done so.
  void set_bandwidth(RouteState& state, const control::RouteLimits& limits, std::uint64_t table);
  /// A number for a table that is being built; those of later ones are greater.
  std::uint64_t next_table();

  /// Forgets the names that nothing uses any more and for which not `is_in_table(name)`.
  template <class IsInTable>
  void forget_unused(IsInTable is_in_table) {
    const std::scoped_lock lock(mutex_);
    std::erase_if(states_, [&](const auto& entry) {
      return entry.second.use_count() == 1 && !is_in_table(entry.first);
    });
  }

  /// By name.
  [[nodiscard]] std::map<std::string, std::shared_ptr<const RouteState>> all() const;

 private:
  struct Hash {
    using is_transparent = void;

    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };

  mutable std::mutex mutex_;
  std::uint64_t tables_ = 0;
  std::unordered_map<std::string, std::shared_ptr<RouteState>, Hash, std::equal_to<>> states_;
};

}  // namespace adit::relay
