#include "controller/cli/relay_inspection.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/capability.h>

#include "common/os/files.hpp"
#include "controller/cli/proc_text.hpp"
#include "controller/cli/relay_folders.hpp"
#include "controller/cli/relay_keys.hpp"

namespace adit::cli {

namespace {

namespace fs = std::filesystem;

constexpr const char* kLibraries = "relay_libraries";
constexpr const char* kFiles = "relay_files";
constexpr const char* kCapabilities = "relay_capabilities";
constexpr std::size_t kLargestProcText = std::size_t{16} << 20;

std::string proc_path(pid_t pid, const char* name) {
  return fmt::format("/proc/{}/{}", pid, name);
}

Result<std::string> proc_text(pid_t pid, const char* name) {
  auto bytes = os::read_file(proc_path(pid, name), kLargestProcText);
  if (!bytes) return fail(std::move(bytes).error());
  return std::string(bytes->begin(), bytes->end());
}

Check libraries_check(const Relay& relay) {
  const auto look = [](const RelayProcess& process) -> Verdict {
    const auto maps = proc_text(process.pid, "maps");
    if (!maps) return Check{kLibraries, CheckState::Unchecked, unchecked_because(maps.error())};
    const auto mappings = parse_maps(*maps);
    // Without the right to trace, the kernel shows an empty file instead of refusing.
    if (mappings.empty()) {
      return Check{kLibraries, CheckState::Unchecked, "not checked (run as root)"};
    }
    for (const Mapping& mapping : mappings) {
      if (const auto library = tls_library(mapping.path); !library.empty()) {
        return Check{kLibraries, CheckState::Failed,
                     fmt::format("process {} maps {}", process.pid, library)};
      }
    }
    return std::nullopt;
  };
  std::vector<pid_t> pids;
  for (const RelayProcess& process : relay.processes) pids.push_back(process.pid);
  return over_all(
      relay,
      {kLibraries, CheckState::Passed,
       fmt::format("processes {} map no TLS or crypto library", fmt::join(pids, " and "))},
      look);
}

/// The open files of `pid` that a relay has no use for.
Result<std::vector<std::string>> odd_files(pid_t pid, const std::string& state_dir) {
  std::error_code cause;
  std::vector<std::string> odd;
  auto at = fs::directory_iterator(proc_path(pid, "fd"), cause);
  for (const fs::directory_iterator end; !cause && at != end; at.increment(cause)) {
    const std::string name = at->path().filename();
    int fd = -1;
    std::from_chars(name.data(), name.data() + name.size(), fd);
    std::error_code gone;
    const std::string link = fs::read_symlink(at->path(), gone).string();
    if (gone.value() == EACCES) return fail_sys(at->path().string(), EACCES);
    if (!gone && !is_expected_file(fd, link, state_dir)) odd.push_back(link);
  }
  if (cause) return fail_sys(proc_path(pid, "fd"), cause.value());
  return odd;
}

Check files_check(const Relay& relay) {
  const auto look = [](const RelayProcess& process) -> Verdict {
    const auto odd = odd_files(process.pid, kernel_name(folders_of(process.head).state));
    if (!odd) return Check{kFiles, CheckState::Unchecked, unchecked_because(odd.error())};
    if (odd->empty()) return std::nullopt;
    return Check{kFiles, CheckState::Failed,
                 fmt::format("process {} holds {} open", process.pid, fmt::join(*odd, ", "))};
  };
  return over_all(relay,
                  {kFiles, CheckState::Passed,
                   fmt::format("open files are sockets, pipes and what is in {}",
                               folders_of(relay.processes.front().head).state.shown)},
                  look);
}

/// A supervisor may bind ports below 1024, what it started may nothing.
Check capabilities_check(const Relay& relay) {
  constexpr std::uint64_t kMayBind = std::uint64_t{1} << CAP_NET_BIND_SERVICE;
  const auto look = [](const RelayProcess& process) -> Verdict {
    const auto status = proc_text(process.pid, "status");
    if (!status) {
      return Check{kCapabilities, CheckState::Unchecked, unchecked_because(status.error())};
    }
    const auto effective = status_mask(*status, "CapEff");
    const auto permitted = status_mask(*status, "CapPrm");
    if (!effective || !permitted) {
      return Check{kCapabilities, CheckState::Unchecked, "not checked (no CapEff and CapPrm)"};
    }
    const std::uint64_t held = *effective | *permitted;
    if ((held & ~(process.is_head() ? kMayBind : 0)) == 0) return std::nullopt;
    return Check{kCapabilities, CheckState::Failed,
                 fmt::format("the {} {} has capabilities {:#x}",
                             process.is_head() ? "supervisor" : "process", process.pid, held)};
  };
  return over_all(relay,
                  {kCapabilities, CheckState::Passed,
                   "a supervisor may at most bind ports below 1024, what it started has no "
                   "capability"},
                  look);
}

}  // namespace

std::vector<Check> inspect_relay(InspectionOrder order) {
  constexpr std::array kNames = {"relay_processes", kLibraries,     kFiles,
                                 kCapabilities,     "relay_memory", "relay_contents"};
  const auto relay = relay_among(read_processes(), order.pids);
  if (!relay) {
    std::vector<Check> checks;
    for (const char* name : kNames) checks.push_back({name, CheckState::Unchecked, relay.error()});
    return checks;
  }
  std::vector<Needle> needles = pem_markers();
  needles.insert(needles.end(), std::make_move_iterator(order.keys.begin()),
                 std::make_move_iterator(order.keys.end()));
  return {relay->check,
          libraries_check(*relay),
          files_check(*relay),
          capabilities_check(*relay),
          relay_memory_check(*relay, needles, order.key_count),
          relay_contents_check(*relay, needles, order.key_count, order.controllers_places)};
}

}  // namespace adit::cli
