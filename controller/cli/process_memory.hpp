// Reading another process's memory by /proc/PID/mem: what `adit verify` looks through for keys.
// Needs root, or the process's own uid with the right to trace it (ptrace(2), "Ptrace access mode
// checking").
#pragma once

#include <cstdint>

#include <sys/types.h>

#include "common/result.hpp"
#include "controller/cli/key_search.hpp"

namespace adit::cli {

struct MemoryScan {
  std::uint64_t searched_bytes = 0;
  std::uint64_t skipped_bytes = 0;  ///< reservations too large to look through (sanitizer shadows)
  std::uint64_t unread_bytes = 0;   ///< readable by its map, but not by us
};

/// Feeds every readable page of `pid` that exists to `search`. Pages that were never touched hold
/// nothing and are passed over. Errc::Denied without the right, NotFound without the process.
Result<MemoryScan> scan_memory(pid_t pid, KeySearch& search);

/// Does the scan find what it should? Searches this very process, which holds every needle, with
/// the same code; true if each of them is found.
Result<bool> proves_itself(std::span<const Needle> needles);

}  // namespace adit::cli
