// RepairLog: how often the same drift was repaired of late, to tell a slip from somebody who
// changes it back each time. PURE: time enters as a parameter.
#pragma once

#include <map>
#include <string>

#include "common/clock.hpp"

namespace adit::apply {

class RepairLog {
 public:
  /// After so long without it a repair counts as the first one again: longer than the longest pause
  /// between two tries.
  static constexpr Milliseconds kMemory{180'000};

  /// `what` was repaired at `now`; returns the how-manieth time in a row that is.
  int add(const std::string& what, TimePoint now) {
    std::erase_if(repairs_, [&](const auto& entry) { return now - entry.second.at > kMemory; });
    Repair& repair = repairs_[what];
    repair.at = now;
    return ++repair.count;
  }

  /// Whether anything was repaired so short a time ago that the next repair is to wait.
  [[nodiscard]] bool is_quiet(TimePoint now) const {
    for (const auto& [what, repair] : repairs_) {
      if (now - repair.at <= kMemory) return false;
    }
    return true;
  }

 private:
  struct Repair {
    int count = 0;
    TimePoint at{};
  };

  std::map<std::string, Repair> repairs_;  ///< by the step; bounded by what was repaired of late
};

}  // namespace adit::apply
