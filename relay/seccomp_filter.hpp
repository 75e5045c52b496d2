// The seccomp filter of the data process (libseccomp).
#pragma once

#include "common/result.hpp"

namespace adit::relay {

/// Allows what serving connections needs. What takes a system over (execve, ptrace, …) kills the
/// process; everything else is answered with EPERM, or ENOSYS where a library falls back on that.
Result<void> install_seccomp_filter();

}  // namespace adit::relay
