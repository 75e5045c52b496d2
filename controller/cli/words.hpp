// Arguments that take one of a few words, with "did you mean".
#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "controller/cli/spelling.hpp"

namespace adit::cli {

/// Accepts one of `words`; anything else is an error that names the nearest of them, or them all.
inline CLI::Validator one_of(std::vector<std::string> words) {
  return CLI::Validator(
      [words = std::move(words)](const std::string& typed) -> std::string {
        for (const std::string& word : words) {
          if (word == typed) return {};
        }
        const std::string near = nearest_word(typed, words);
        if (!near.empty())
          return fmt::format("\"{}\" is not known; did you mean \"{}\"?", typed, near);
        return fmt::format("\"{}\" is not known in this version; it may be {}", typed,
                           fmt::join(words, ", "));
      },
      "");
}

}  // namespace adit::cli
