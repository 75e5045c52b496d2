// The error value of every layer outside the hot path: a small code that decides exit status and
// retry, a sentence for people, and the errno where one was the cause. Each layer adds one noun
// phrase with `within`, so the top prints `apply: peer ab12…: set endpoint: EPERM`.
#pragma once

#include <string>
#include <string_view>

namespace adit {

enum class Errc {
  Invalid,      ///< the input is wrong; nothing was changed
  NotFound,     ///< the named thing does not exist
  Denied,       ///< a privilege or permission is missing
  Unavailable,  ///< may work later; worth a retry
  Conflict,     ///< clashes with what exists (owner, revision, lock)
  Protocol,     ///< the other side does not speak as it should
  System,       ///< the operating system refused
  Internal,     ///< a bug of ours
};

/// The stable lower-case word of `code`, as it stands in API answers ("not_found").
std::string_view to_string(Errc code);

struct Error {
  Errc code = Errc::Internal;
  std::string what;   ///< one sentence part, no trailing dot
  int sys_errno = 0;  ///< errno of the cause, 0 if there was none

  /// This error with "`noun`: " before its text.
  [[nodiscard]] Error within(std::string_view noun) const;
};

/// The only place where errno becomes an Error: "`what`: Permission denied (EACCES)".
/// EPERM and EACCES are Denied, ENOENT is NotFound, EAGAIN, ECONNREFUSED and ETIMEDOUT are
/// Unavailable, all others System.
Error sys_error(std::string_view what, int sys_errno);

}  // namespace adit
