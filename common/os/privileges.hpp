// Capabilities of the calling process: what each adit program keeps and what it gives up.
#pragma once

#include <cstdint>
#include <vector>

#include "common/result.hpp"

namespace adit::os {

/// Keeps only `capabilities` (CAP_* of linux/capability.h) of those now permitted, in the
/// permitted, effective and inheritable and ambient sets (ambient: so that a program started by
/// exec has them too, if `for_children`), and empties the bounding set of all others where allowed.
/// Call it before any thread is started.
Result<void> keep_only(const std::vector<int>& capabilities, bool for_children = false);

/// True if `capability` is effective now.
[[nodiscard]] bool has_capability(int capability);

/// The effective capability set as a bit mask (CapEff of /proc/self/status).
[[nodiscard]] std::uint64_t effective_capabilities();

/// prctl(PR_SET_NO_NEW_PRIVS): no exec gains privileges from here on.
Result<void> forbid_new_privileges();

}  // namespace adit::os
