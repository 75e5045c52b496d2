// The nearest known word to a misspelt one. PURE.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace adit::config {

/// `; did you mean "target"?` for the nearest of `known` within a third of its letters (at most 3
/// edits: insert, drop, replace, swap neighbours), else "".
std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace adit::config
