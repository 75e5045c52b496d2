// Time as the code base passes it about. Pure code takes a TimePoint as a parameter; only loops,
// workers and main read a clock.
#pragma once

#include <chrono>
#include <cstdint>

namespace adit {

using SteadyClock = std::chrono::steady_clock;
using TimePoint = SteadyClock::time_point;
using Milliseconds = std::chrono::milliseconds;
using Seconds = std::chrono::seconds;

/// 2025-01-01 in seconds since 1970. No right clock says an earlier time to a program that was made
/// later: such a machine has lost its clock.
inline constexpr std::int64_t kEarliestNow = 1'735'689'600;

/// Seconds since 1970 of the wall clock, for records that people read.
inline std::chrono::sys_seconds wall_now() {
  return std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
}

}  // namespace adit
