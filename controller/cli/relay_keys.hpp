// Does the relay have a key? In its memory, in the files that it holds open, in its folders.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "controller/cli/check.hpp"
#include "controller/cli/key_search.hpp"
#include "controller/cli/relay_processes.hpp"

namespace adit::cli {

/// "relay_memory": none of `needles`, which are of `keys` keys besides the markers of PEM files, in
/// any memory. Unchecked unless all of it was read and the same search finds them in our own.
Check relay_memory_check(const Relay& relay, std::span<const Needle> needles, std::size_t keys);

/// "relay_contents": nor in a regular file that is open, in the state folders, or in the runtime
/// folder unless that is the controller's too, whose `places` these are.
Check relay_contents_check(const Relay& relay, std::span<const Needle> needles, std::size_t keys,
                           const std::vector<std::string>& places);

}  // namespace adit::cli
