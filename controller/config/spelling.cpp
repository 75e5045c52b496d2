#include "controller/config/spelling.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace adit::config {

namespace {

constexpr std::size_t kMaxWord = 64;

/// Optimal string alignment distance (Damerau-Levenshtein without overlapping swaps).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replace});
      const bool is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (is_swap) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& known) {
  if (word.size() > kMaxWord) return {};  // no one's typing error, and the work stays bounded
  std::string_view nearest;
  std::size_t least = 4;
  for (const std::string_view candidate : known) {
    if (candidate.size() > kMaxWord) continue;
    const std::size_t length = std::max(word.size(), candidate.size());
    const std::size_t edits = distance(word, candidate);
    if (edits < least && edits <= std::max<std::size_t>(1, length / 3)) {
      least = edits;
      nearest = candidate;
    }
  }
  return nearest.empty() ? std::string{} : fmt::format("; did you mean \"{}\"?", nearest);
}

}  // namespace adit::config
