// What RLIMIT_NOFILE allows: how many pipes, how many connections. PURE but for the first two
// functions.
#pragma once

#include <cstdint>

#include "common/control/messages.hpp"

namespace adit::relay {

/// Raises the soft limit of descriptors to the hard one; what it is then.
std::uint64_t raise_descriptor_limit();

/// Makes the kernel's table of this process's descriptors as large as it may have to be (up to
/// 65 536 of `descriptors`: 512 KiB). It grows by doubling, for which a process with threads waits
/// 10 to 50 ms each time (synchronize_rcu in fs/file.c), be it in accept(2) or in a take-over. To
/// be called before there is a second thread; where it fails, the table grows as it always did.
void enlarge_descriptor_table(std::uint64_t descriptors);

/// How many pipes may exist at once with `descriptors`.
unsigned pipe_cap(std::uint64_t descriptors);

/// `configured` with no more connections than descriptors allow, two each:
/// (0.8 × descriptors − 2 × pipes) / 2.
control::Limits effective_limits(const control::Limits& configured, std::uint64_t descriptors,
                                 unsigned pipes);

}  // namespace adit::relay
