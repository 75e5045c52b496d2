// Landlock (raw system calls; glibc has no wrappers): what of the file system and of TCP binding is
// left to this process.
#pragma once

#include <string>

#include "common/result.hpp"

namespace adit::relay {

/// Leaves only `writable_dir`, and no bind(2) of TCP ports but port 0, as far as the kernel's
/// Landlock can express it. A kernel without Landlock: a warning in the log.
Result<void> restrict_file_system(const std::string& writable_dir);

}  // namespace adit::relay
