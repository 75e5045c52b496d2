// The command line of adit-relay. Parsing is pure but for the two questions that defaults need (the
// number of CPUs, a user's id); what it refuses is wrong usage (exit status 2).
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <sys/types.h>

#include "common/result.hpp"

namespace adit::relay {

inline constexpr unsigned kMaxWorkers = 64;

struct Options {
  std::string control_path = "/run/adit-relay/relay.sock";  ///< absolute and normal, as state_dir:
  std::string state_dir = "/var/lib/adit-relay";  ///< no ".", "..", "//", no "/" at the end
  unsigned workers = 1;                  ///< 1..kMaxWorkers; default: the CPUs this process may use
  std::optional<uid_t> controller_user;  ///< may use the control socket besides root and ourselves
  bool has_sandbox = true;               ///< else nothing of it, whatever stands in the next two
  bool has_seccomp = true;
  bool has_landlock = true;
  bool may_splice = true;        ///< else streams are copied, too
  bool is_check = false;         ///< only say whether this program would start with these options
  bool is_data_process = false;  ///< how the supervisor starts the other process; hidden
};

/// What was asked for: to run, or to print a text and end with status 0.
struct PrintText {
  std::string text;
};

using Command = std::variant<Options, PrintText>;

/// `arguments` without the program's name. Errc::Invalid says what is wrong and what would be
/// right.
Result<Command> parse_options(const std::vector<std::string>& arguments);

/// The arguments that start a data process with the same options.
std::vector<std::string> data_process_arguments(const Options& options);

}  // namespace adit::relay
