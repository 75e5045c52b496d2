// The command line that undoes a change. PURE.
#pragma once

#include <string>

#include "controller/apply/requests.hpp"

namespace adit::apply {

/// For `request`, which made `changes` to `before`, the resources of `previous_revision`. Empty if
/// there is no such command: the first key of a site cannot be taken back, only replaced.
std::string undo_of(const ChangeRequest& request, const std::vector<config::Change>& changes,
                    const config::Resources& before, std::uint64_t previous_revision);

/// `word` as one word of a shell's command line.
std::string shell_word(const std::string& word);

}  // namespace adit::apply
