// Throttle: what one direction of one connection may read now, when it shares the line of its
// client and the line of its route with others. It reserves portions and waits for its turn; what
// it does not need it gives back. PURE: time is a parameter.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "common/clock.hpp"
#include "relay/token_bucket.hpp"

namespace adit::relay {

/// One line to keep to; rate 0 (bits per second): it has no limit now, and `bucket` may be null.
struct Line {
  TokenBucket* bucket = nullptr;
  std::uint64_t rate = 0;
};

/// Of the client, then of the route: who still waits for its own turn takes nobody else's.
using LinePair = std::array<Line, 2>;

class Throttle {
 public:
  static constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();
  /// Whoever waits looks again after so long, as the rate may have changed.
  static constexpr Milliseconds kLongestWait{500};

  /// Bytes that may be read at `now`; 0: none before resume_at().
  std::uint64_t allowed(const LinePair& lines, TimePoint now);
  /// So many of them were read.
  void spend(std::uint64_t bytes);
  /// There is nothing to read now: the rest is for others.
  void give_back(const LinePair& lines);

  /// A new one waits until `time`, as one did elsewhere.
  void wait_until(TimePoint time) {
    resume_at_ = time;
    is_waiting_ = true;
  }

  /// The last answer of allowed() was 0, and nothing was given back since.
  [[nodiscard]] bool is_waiting() const { return is_waiting_; }

  [[nodiscard]] TimePoint resume_at() const { return resume_at_; }

  /// What is reserved at once, in bytes: as long on the line as a timer may be late (two ticks of
  /// the wheel), so that of two who wait none takes the other's turn; less where the line is fast.
  [[nodiscard]] static std::uint64_t portion(std::uint64_t rate);

 private:
  struct Credit {
    std::uint64_t bytes = 0;
    std::uint64_t rate = 0;  ///< at which it was reserved
    TimePoint from{};        ///< when its turn is
  };

  std::array<Credit, 2> credits_{};
  TimePoint resume_at_{};
  bool is_waiting_ = false;
};

}  // namespace adit::relay
