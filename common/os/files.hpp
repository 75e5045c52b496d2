// Files that must survive a crash, and the lock that keeps a second process off a state folder.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <sys/types.h>

#include "common/result.hpp"
#include "common/unique_fd.hpp"

namespace adit::os {

/// The whole of `path`, at most `limit` bytes (more is Errc::Invalid). Errc::NotFound if it is
/// missing.
Result<std::vector<std::uint8_t>> read_file(const std::string& path, std::size_t limit);

/// Replaces `path` whole or not at all: temporary file in the same folder, fsync, rename, fsync of
/// the folder. `mode` is that of the new file.
Result<void> write_file_atomically(const std::string& path, std::span<const std::uint8_t> content,
                                   mode_t mode);

/// Makes `path` and its parents where missing, with `mode`.
Result<void> make_directories(const std::string& path, mode_t mode);

/// flock(2) on `directory`/lock, held as long as the descriptor lives; also where nothing can be
/// written (a read-only or full file system). Errc::Conflict names the other holder's pid if it is
/// known.
Result<UniqueFd> lock_directory(const std::string& directory);

/// Why a file of `bytes` cannot be written in `directory` because of its file system: it is
/// read-only (EROFS), full (ENOSPC) or the quota is used up (EDQUOT). Nothing for every other
/// reason, and where it can.
std::optional<Error> write_hindrance(const std::string& directory, std::size_t bytes);

/// All of `data` into `fd`; retries EINTR and short writes.
Result<void> write_all(int fd, std::span<const std::uint8_t> data);

}  // namespace adit::os
