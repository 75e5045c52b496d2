// TokenBucket: a line of a certain rate that many share, also from several threads. Who wants to
// send reserves its next portion and is told when its turn is: so everybody waits in one queue, and
// whoever asks for equal portions gets equal shares. One word, no lock (GCRA); time is a parameter.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "common/clock.hpp"

namespace adit::relay {

class TokenBucket {
 public:
  /// What a quiet line may send at once, in time; also how late somebody may come to its turn
  /// without anything being lost.
  static constexpr Milliseconds kBurst{80};

  /// From when on `bytes` more may pass at `rate` bits per second (> 0): `now` or later. Another
  /// rate than last time forgets who waits. Any thread.
  TimePoint reserve(std::uint64_t bytes, std::uint64_t rate, TimePoint now);

  /// `bytes` of a reservation made at `rate` will not pass. Any thread.
  void give_back(std::uint64_t bytes, std::uint64_t rate);

  /// When everything reserved up to now has passed. Any thread.
  [[nodiscard]] TimePoint free_at() const;

 private:
  std::atomic<std::int64_t> free_at_{0};  ///< ns of the steady clock
  std::atomic<std::uint64_t> rate_{0};    ///< of the last reservation
};

/// The two directions of a connection.
enum class Way : std::uint8_t { ToTarget, ToClient };

/// The lines of a route, or of a client of a route: each direction has the whole bandwidth.
struct Lines {
  std::array<TokenBucket, 2> ways;

  [[nodiscard]] TokenBucket& at(Way way) { return ways[static_cast<std::size_t>(way)]; }
};

/// The bandwidths of a route as the live table has them (0: no limit), and its own lines. Written
/// by whoever swaps tables, read by all workers.
struct RouteBandwidth {
  std::atomic<std::uint64_t> of_route{0};
  std::atomic<std::uint64_t> of_client{0};
  Lines lines;

  [[nodiscard]] bool is_limited() const {
    return of_route.load(std::memory_order_relaxed) != 0 ||
           of_client.load(std::memory_order_relaxed) != 0;
  }
};

}  // namespace adit::relay
