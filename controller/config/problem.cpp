#include "controller/config/problem.hpp"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

namespace adit::config {

std::string to_string(const Problem& problem) {
  std::string out = problem.file;
  if (problem.line > 0) out += fmt::format(":{}:{}", problem.line, problem.column);
  for (const std::string* part : {&problem.path, &problem.what}) {
    if (!out.empty() && !part->empty()) out += ": ";
    out += *part;
  }
  return out;
}

Errc code_of(const Problems& problems) {
  if (problems.empty()) return Errc::Invalid;
  const Errc first = problems.front().code;
  const bool is_same =
      std::ranges::all_of(problems, [&](const Problem& problem) { return problem.code == first; });
  return is_same ? first : Errc::Invalid;
}

void sort_problems(Problems& problems) {
  std::ranges::sort(problems, [](const Problem& a, const Problem& b) {
    return std::tie(a.file, a.line, a.column, a.path, a.what) <
           std::tie(b.file, b.line, b.column, b.path, b.what);
  });
  problems.erase(std::unique(problems.begin(), problems.end()), problems.end());
}

}  // namespace adit::config
