// LogLimiter: so many lines in a period and no more; the rest are counted. One worker's; PURE given
// the time.
#pragma once

#include <cstdint>
#include <utility>

#include "common/clock.hpp"

namespace adit::relay {

class LogLimiter {
 public:
  LogLimiter(std::uint32_t lines, Seconds period) : max_lines_(lines), period_(period) {}

  /// May a line be written now? A no is counted as suppressed.
  bool allows(TimePoint now) {
    if (now >= period_ends_) {
      period_ends_ = now + period_;
      lines_ = 0;
    }
    if (lines_ < max_lines_) {
      ++lines_;
      return true;
    }
    ++suppressed_;
    return false;
  }

  /// How many lines were suppressed since the last call.
  std::uint64_t take_suppressed() { return std::exchange(suppressed_, 0); }

 private:
  std::uint32_t max_lines_;
  std::uint32_t lines_ = 0;
  Seconds period_;
  std::uint64_t suppressed_ = 0;
  TimePoint period_ends_;
};

}  // namespace adit::relay
