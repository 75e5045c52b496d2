// "did you mean": the valid word nearest to what was typed. PURE.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace adit::cli {

/// The nearest of `words` by edit distance (a swap of neighbours counts once); empty if none is
/// near enough to be meant (at most a third of the longer word, at least one).
std::string nearest_word(std::string_view typed, const std::vector<std::string>& words);

}  // namespace adit::cli
