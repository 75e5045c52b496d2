// Files that hold a secret: read only if nobody else can read them, made with mode 0600 and never
// written over.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/result.hpp"

namespace adit::secrets {

/// The whole of `path`, at most `limit` bytes; the caller wipes it. Refused with the fix in the
/// text: a symbolic link or no regular file (Invalid), another owner than this user or root, or a
/// mode that lets group or others in (Denied). Errc::NotFound if there is no such file.
Result<std::string> read_secret_file(const std::string& path, std::size_t limit);

/// Makes `path` with mode 0600 and `content`, synced to disk before it has its name.
/// Errc::Conflict if something has that name already: a secret is never replaced.
Result<void> create_secret_file(const std::string& path, std::string_view content);

}  // namespace adit::secrets
