// Reading another process's memory by /proc/PID/mem: what `adit verify` looks through for keys.
// Needs root, or the process's own uid with the right to trace it (ptrace(2), "Ptrace access mode
// checking").
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include <sys/types.h>

#include "common/result.hpp"
#include "controller/cli/key_search.hpp"

namespace adit::cli {

struct MemoryScan {
  std::uint64_t searched_bytes = 0;
  std::uint64_t shadow_bytes = 0;  ///< sanitizers' shadows, too large to look through
  std::uint64_t unread_bytes = 0;  ///< what may hold something and was not seen, for any reason
  std::string unread_at;           ///< the first place of it: its mapping's name or address
  bool has_gaps = false;           ///< something refused to be read, if only as it had gone
};

/// Feeds every page of `pid` that exists to `search`, whatever its permissions. Passed over is only
/// what holds nothing: pages that were never touched, those beyond a file's end, those that were
/// given back before they were reached, and the kernel's own. Errc::Denied without the right,
/// NotFound without the process.
Result<MemoryScan> scan_memory(pid_t pid, KeySearch& search);

/// Does the scan find what it should? Searches this very process, which holds every needle, with
/// the same code; true if each of them is found.
Result<bool> proves_itself(std::span<const Needle> needles);

}  // namespace adit::cli
