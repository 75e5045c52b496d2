// Files that hold a secret: read only if nobody else can read them, made with mode 0600 and never
// written over.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.hpp"

namespace adit::secrets {

/// The whole of `path`, at most `limit` bytes; the caller wipes it. Refused with the fix in the
/// text: a symbolic link or no regular file (Invalid), another owner than this user or root, or a
/// mode that lets group or others in (Denied). Errc::NotFound if there is no such file.
Result<std::string> read_secret_file(const std::string& path, std::size_t limit);

/// Where secrets that a configuration names may lie: /etc/adit/secrets, and $CREDENTIALS_DIRECTORY
/// where the service manager gives one (systemd.exec(5), LoadCredential=).
std::vector<std::string> secret_folders();

/// A secret that a configuration names (`token_file:`), at most `limit` bytes; the caller wipes it.
/// Whoever may write a configuration may name files here, so nothing but what lies below one of
/// `folders` is opened: no "..", no symbolic link on the way (openat2(2)). Invalid for another
/// place, Denied where group or others get at it (0640 with this process's group is the most), with
/// the fix in both; Errc::NotFound if there is no such file.
Result<std::string> read_named_secret(const std::string& path, std::size_t limit,
                                      const std::vector<std::string>& folders = secret_folders());

/// Makes `path` with mode 0600 and `content`, synced to disk before it has its name.
/// Errc::Conflict if something has that name already: a secret is never replaced.
Result<void> create_secret_file(const std::string& path, std::string_view content);

}  // namespace adit::secrets
