// The whole command line: words in, exit status out. main.cpp adds nothing but argv.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace adit::cli {

/// Runs one command. `words`: argv without the program's name; ADIT_SOCKET and NO_COLOR are read
/// from the environment. Never throws.
int run(const std::vector<std::string>& words, std::ostream& out, std::ostream& err);

}  // namespace adit::cli
