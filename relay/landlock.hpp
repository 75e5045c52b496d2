// Landlock (raw system calls; glibc has no wrappers): what of the file system and of TCP binding is
// left to this process.
#pragma once

#include <string>

#include "common/control/messages.hpp"
#include "common/result.hpp"

namespace adit::relay {

/// Leaves only `writable_dir`, and no bind(2) of TCP ports but port 0, as far as the kernel's
/// Landlock can express it. On, or Missing
/// (and a warning in the log) in a kernel without Landlock.
Result<control::Protection> restrict_file_system(const std::string& writable_dir);

}  // namespace adit::relay
