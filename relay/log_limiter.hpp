// LogLimiter: so many lines per second and no more; the rest are counted. One per worker; PURE
// given the time.
#pragma once

#include <cstdint>
#include <utility>

#include "common/clock.hpp"

namespace adit::relay {

class LogLimiter {
 public:
  explicit LogLimiter(std::uint32_t lines_per_second) : lines_per_second_(lines_per_second) {}

  /// May a line be written now? A no is counted as suppressed.
  bool allows(TimePoint now) {
    if (now >= second_ends_) {
      second_ends_ = now + Seconds{1};
      lines_ = 0;
    }
    if (lines_ < lines_per_second_) {
      ++lines_;
      return true;
    }
    ++suppressed_;
    return false;
  }

  /// How many lines were suppressed since the last call.
  std::uint64_t take_suppressed() { return std::exchange(suppressed_, 0); }

 private:
  std::uint32_t lines_per_second_;
  std::uint32_t lines_ = 0;
  std::uint64_t suppressed_ = 0;
  TimePoint second_ends_;
};

}  // namespace adit::relay
