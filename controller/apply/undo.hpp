// The command line that undoes a change. PURE.
#pragma once

#include <string>

#include "controller/apply/requests.hpp"

namespace adit::apply {

struct Undo {
  std::string command;  ///< a shell's command line; empty: there is none
  std::string note;     ///< what it leaves as it is, and what takes that away; mostly empty
};

/// For `request`, which made `changes` of `before` (the resources of `previous_revision`) to
/// `after`. A rollback keeps the keys of sites, so a key that changed has a command of its own; the
/// first key of a site has none, and the note says so.
Undo undo_of(const ChangeRequest& request, const std::vector<config::Change>& changes,
             const config::Resources& before, const config::Resources& after,
             std::uint64_t previous_revision);

/// `word` as one word of a shell's command line.
std::string shell_word(const std::string& word);

}  // namespace adit::apply
