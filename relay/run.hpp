// Everything that adit-relay does, as a library: a program of the tests is the same with one thing
// more.
#pragma once

namespace adit::relay {

/// Runs as supervisor or data process, whichever the arguments ask for, until it is told to end.
/// Exit status: 0 ended as asked, 1 could not work, 2 wrong usage (both are said on stderr).
int run(int argc, char** argv);

}  // namespace adit::relay
