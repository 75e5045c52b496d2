// A fault in what was written: where, what, and what would be right. All faults of a set are
// reported at once.
#pragma once

#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "common/error.hpp"

namespace adit::config {

struct Problem {
  std::string file;  ///< empty: it came by the API, not from a file
  int line = 0;      ///< from 1; 0: unknown
  int column = 0;
  std::string path;  ///< "hosts.app.example.com.site"
  std::string what;  ///< "unknown key \"targt\"; did you mean \"target\"?"
  /// Conflict: another owner's resource, or one that is still used; NotFound: no such resource.
  Errc code = Errc::Invalid;

  bool operator==(const Problem&) const = default;
};

using Problems = std::vector<Problem>;

/// "adit.yaml:4:11: hosts.app.example.com.site: no site \"hme\"; did you mean \"home\"?"
std::string to_string(const Problem& problem);

/// What they all are, or Errc::Invalid when they differ: the status of the whole answer.
Errc code_of(const Problems& problems);

/// By file, line, column and path; the same problem twice becomes one.
void sort_problems(Problems& problems);

/// A value, or every fault that was found.
template <class T>
using Checked = tl::expected<T, Problems>;

}  // namespace adit::config
