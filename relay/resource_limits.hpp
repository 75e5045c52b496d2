// What RLIMIT_NOFILE allows: how many pipes, how many connections. PURE but for the first function.
#pragma once

#include <cstdint>

#include "common/control/messages.hpp"

namespace adit::relay {

/// Raises the soft limit of descriptors to the hard one; what it is then.
std::uint64_t raise_descriptor_limit();

/// How many pipes may exist at once with `descriptors`.
unsigned pipe_cap(std::uint64_t descriptors);

/// `configured` with no more connections than descriptors allow, two each:
/// (0.8 × descriptors − 2 × pipes) / 2.
control::Limits effective_limits(const control::Limits& configured, std::uint64_t descriptors,
                                 unsigned pipes);

}  // namespace adit::relay
