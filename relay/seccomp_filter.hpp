// The seccomp filter of the data process (libseccomp).
#pragma once

#include "common/control/messages.hpp"
#include "common/result.hpp"

namespace adit::relay {

/// Allows what serving connections needs, for the calling process (its pid is written into the
/// filter: a process that it forks could not even abort). What takes a system over (execve, ptrace,
/// …) kills the process; everything else is answered with EPERM, or ENOSYS where a library falls
/// back on that. On, or Missing (and a warning in the log) in a kernel without seccomp filters.
Result<control::Protection> install_seccomp_filter();

}  // namespace adit::relay
