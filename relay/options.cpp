#include "relay/options.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string_view>

#include <fmt/format.h>
#include <pwd.h>
#include <sched.h>

#include "common/version.hpp"

namespace adit::relay {

namespace {

constexpr std::string_view kUsage =
    R"(usage: adit-relay [--control PATH] [--state-dir DIR] [--workers N]
                  [--controller-user NAME|UID] [--no-splice]
                  [--no-seccomp] [--no-landlock] [--no-sandbox] [--check]

Takes TLS connections from the internet and passes their bytes, unread, to the target that the
route table names for the server name. The table comes over the control socket.

  --control PATH            Unix socket for the controller (default /run/adit-relay/relay.sock)
  --state-dir DIR           holds the cached route table (default /var/lib/adit-relay)
  --workers N               threads that serve connections, 1 to 64 (default: one per CPU)
  --controller-user USER    name or uid that may use the control socket, besides root and our own
  --no-splice               pass bytes on by read and write alone, in portions of 256 KiB: slower, and
                            what to compare with when splice(2) is under suspicion
  --no-seccomp              no seccomp filter for the data process
  --no-landlock             no Landlock ruleset for it
  --no-sandbox              neither, and it keeps what else it would give up (capabilities, being
                            traced): for debuggers and sanitizers
  --check                   only check the options (and, in a reload, what would be taken over)
  --help, --version         print this text, the version

Paths are absolute. The folder of the control socket must exist.

SIGTERM ends it, SIGHUP starts the program file anew without losing a connection.
)";

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

unsigned usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::clamp(static_cast<unsigned>(CPU_COUNT(&set)), 1U, kMaxWorkers);
}

Result<void> set_workers(Options& options, const std::string& value) {
  const auto count = parse_number<unsigned>(value);
  if (!count || *count < 1 || *count > kMaxWorkers) {
    return fail(Errc::Invalid,
                fmt::format("--workers {}: must be a number from 1 to {}", value, kMaxWorkers));
  }
  options.workers = *count;
  return {};
}

Result<void> set_controller_user(Options& options, const std::string& value) {
  if (const auto uid = parse_number<uid_t>(value)) {
    options.controller_user = *uid;
    return {};
  }
  const passwd* entry = getpwnam(value.c_str());  // NOLINT(concurrency-mt-unsafe): no thread yet
  if (entry == nullptr) {
    return fail(Errc::Invalid, fmt::format("--controller-user {}: there is no such user", value));
  }
  options.controller_user = entry->pw_uid;
  return {};
}

/// Absolute, as what runs for months must not depend on where it was started; without "..", whose
/// meaning a symbolic link changes.
Result<void> set_path(std::string& option, std::string_view name, const std::string& value) {
  const std::filesystem::path path(value);
  if (!path.is_absolute()) {
    return fail(Errc::Invalid,
                fmt::format("{} {}: is not an absolute path; begin it with /", name, value));
  }
  if (std::ranges::find(path, "..") != path.end()) {
    return fail(Errc::Invalid, fmt::format("{} {}: write the path without ..", name, value));
  }
  option = path.lexically_normal().string();
  if (option.size() > 1 && option.ends_with('/')) option.pop_back();
  return {};
}

/// Options that take a value.
Result<void> set_value(Options& options, std::string_view name, const std::string& value) {
  if (value.empty()) return fail(Errc::Invalid, fmt::format("{} needs a value", name));
  if (name == "--control") return set_path(options.control_path, name, value);
  if (name == "--state-dir") return set_path(options.state_dir, name, value);
  if (name == "--workers") return set_workers(options, value);
  return set_controller_user(options, value);
}

bool takes_value(std::string_view name) {
  return name == "--control" || name == "--state-dir" || name == "--workers" ||
         name == "--controller-user";
}

/// Options without a value; false if `name` is none of them.
bool set_flag(Options& options, std::string_view name) {
  if (name == "--no-sandbox") {
    options.has_sandbox = false;
  } else if (name == "--no-seccomp") {
    options.has_seccomp = false;
  } else if (name == "--no-landlock") {
    options.has_landlock = false;
  } else if (name == "--no-splice") {
    options.may_splice = false;
  } else if (name == "--data-process") {
    options.is_data_process = true;
  } else if (name == "--check") {
    options.is_check = true;
  } else {
    return false;
  }
  return true;
}

}  // namespace

Result<Command> parse_options(const std::vector<std::string>& arguments) {
  Options options;
  options.workers = usable_cpus();
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const std::size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    if (argument == "--help" || argument == "-h") return PrintText{std::string(kUsage)};
    if (argument == "--version") return PrintText{fmt::format("adit-relay {}\n", kVersion)};
    if (set_flag(options, argument)) continue;
    if (!takes_value(name)) {
      return fail(Errc::Invalid, fmt::format("{}: no such option; see --help", argument));
    }
    std::string value;
    if (equals != std::string::npos) {
      value = argument.substr(equals + 1);
    } else if (i + 1 < arguments.size()) {
      value = arguments[++i];
    }
    if (auto set = set_value(options, name, value); !set) return fail(std::move(set).error());
  }
  return options;
}

std::vector<std::string> data_process_arguments(const Options& options) {
  std::vector<std::string> arguments{
      "--data-process",  "--control", options.control_path,           "--state-dir",
      options.state_dir, "--workers", std::to_string(options.workers)};
  if (options.controller_user) {
    arguments.emplace_back("--controller-user");
    arguments.push_back(std::to_string(*options.controller_user));
  }
  if (!options.may_splice) arguments.emplace_back("--no-splice");
  if (!options.has_sandbox) arguments.emplace_back("--no-sandbox");
  if (!options.has_seccomp) arguments.emplace_back("--no-seccomp");
  if (!options.has_landlock) arguments.emplace_back("--no-landlock");
  return arguments;
}

}  // namespace adit::relay
