// Which processes are the relay: not what it says of itself, but the supervisor that the kernel
// knows, everything that it started, and every other process of its user that runs the same file.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>
#include <tl/expected.hpp>

#include "controller/cli/check.hpp"

namespace adit::cli {

/// What the controller reports.
struct ReportedPids {
  pid_t supervisor = 0;  ///< the kernel's word (SO_PEERCRED)
  pid_t data = 0;        ///< the relay's word
};

/// A process as /proc shows it.
struct Process {
  pid_t pid = 0;
  pid_t parent = 0;
  uid_t uid = 0;             ///< effective
  std::string program;       ///< the link /proc/PID/exe; empty: we may not look
  std::uint64_t device = 0;  ///< of the file that it runs
  std::uint64_t inode = 0;   ///<

  bool operator==(const Process&) const = default;
};

/// All processes that run a program; kernel threads and those that have just ended are left out.
std::vector<Process> read_processes();

/// One process that has to be looked at.
struct RelayProcess {
  pid_t pid = 0;
  uid_t uid = 0;
  pid_t head = 0;  ///< the supervisor that it descends from; itself if it is one

  [[nodiscard]] bool is_head() const { return pid == head; }

  bool operator==(const RelayProcess&) const = default;
};

struct Relay {
  std::vector<RelayProcess> processes;  ///< supervisor, data process, then the others by pid
  Check check;  ///< "relay_processes": do they run what they should, and is the data process one?
};

/// Finds the relay among `all`. Or why nothing can be said of it ("not checked (…)"): there is
/// none, it runs where we cannot see it, or we may not look. PURE.
tl::expected<Relay, std::string> relay_among(const std::vector<Process>& all,
                                             const ReportedPids& reported);

/// What `look` says of one process; nothing: there is nothing to say against it.
using Verdict = std::optional<Check>;

/// One check over all processes of `relay`: what fails at any of them, else what could not be
/// checked at any, else `passed`. That a process could not be looked at which has ended meanwhile
/// does not count, unless the relay cannot be without it.
Check over_all(const Relay& relay, Check passed,
               const std::function<Verdict(const RelayProcess&)>& look);

}  // namespace adit::cli
