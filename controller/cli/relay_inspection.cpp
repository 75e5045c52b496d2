#include "controller/cli/relay_inspection.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <iterator>
#include <optional>

#include <fmt/format.h>

#include "common/os/files.hpp"
#include "controller/cli/proc_text.hpp"
#include "controller/cli/process_memory.hpp"
#include "controller/cli/text.hpp"

namespace adit::cli {

namespace {

namespace fs = std::filesystem;

constexpr const char* kProgram = "adit-relay";
constexpr std::size_t kLargestProcText = std::size_t{16} << 20;

std::string proc_path(pid_t pid, const char* name) {
  return fmt::format("/proc/{}/{}", pid, name);
}

Result<std::string> proc_text(pid_t pid, const char* name) {
  auto bytes = os::read_file(proc_path(pid, name), kLargestProcText);
  if (!bytes) return fail(std::move(bytes).error());
  return std::string(bytes->begin(), bytes->end());
}

/// Why a check could not be made: always with what would make it possible.
std::string unchecked_because(const Error& error) {
  if (error.code == Errc::Denied) return "not checked (run as root)";
  return "not checked (" + error.what + ")";
}

/// Why `pid` cannot be looked at at all; empty if it is a relay's process.
std::string not_a_relay(pid_t pid) {
  if (pid <= 0) return "not checked (the controller has no relay)";
  const auto cmdline = proc_text(pid, "cmdline");
  if (cmdline && program_in(*cmdline) == kProgram) return {};
  return fmt::format("not checked (pid {} is no {} here; is it in another pid namespace?)", pid,
                     kProgram);
}

Check libraries_check(const std::array<pid_t, 2>& pids) {
  Check check{"relay_libraries", CheckState::Passed, {}};
  for (const pid_t pid : pids) {
    const auto maps = proc_text(pid, "maps");
    if (!maps) return {check.name, CheckState::Unchecked, unchecked_because(maps.error())};
    const auto mappings = parse_maps(*maps);
    // Without the right to trace, the kernel shows an empty file instead of refusing.
    if (mappings.empty()) return {check.name, CheckState::Unchecked, "not checked (run as root)"};
    for (const Mapping& mapping : mappings) {
      if (const auto library = tls_library(mapping.path); !library.empty()) {
        return {check.name, CheckState::Failed, fmt::format("process {} maps {}", pid, library)};
      }
    }
  }
  check.detail = fmt::format("processes {} and {} map no TLS or crypto library", pids[0], pids[1]);
  return check;
}

/// The open files of `pid` that a relay has no use for.
Result<std::vector<std::string>> odd_files(pid_t pid, const std::string& state_dir) {
  std::error_code cause;
  std::vector<std::string> odd;
  auto at = fs::directory_iterator(proc_path(pid, "fd"), cause);
  if (cause) return fail_sys(proc_path(pid, "fd"), cause.value());
  for (const fs::directory_iterator end; at != end; at.increment(cause)) {
    const std::string name = at->path().filename();
    int fd = -1;
    std::from_chars(name.data(), name.data() + name.size(), fd);
    std::error_code gone;
    const std::string link = fs::read_symlink(at->path(), gone).string();
    if (gone.value() == EACCES) return fail_sys(at->path().string(), EACCES);
    if (!gone && !is_expected_file(fd, link, state_dir)) odd.push_back(link);
    if (cause) break;
  }
  return odd;
}

Check files_check(const std::array<pid_t, 2>& pids) {
  Check check{"relay_files", CheckState::Passed, {}};
  const auto cmdline = proc_text(pids[0], "cmdline");
  const std::string state_dir = state_dir_in(cmdline ? *cmdline : "", "/var/lib/adit-relay");
  for (const pid_t pid : pids) {
    const auto odd = odd_files(pid, state_dir);
    if (!odd) return {check.name, CheckState::Unchecked, unchecked_because(odd.error())};
    if (!odd->empty()) {
      return {check.name, CheckState::Failed,
              fmt::format("process {} holds {} open", pid, fmt::join(*odd, ", "))};
    }
  }
  check.detail = fmt::format("open files are sockets, pipes and what is in {}", state_dir);
  return check;
}

Check capabilities_check(pid_t data) {
  const auto status = proc_text(data, "status");
  if (!status)
    return {"relay_capabilities", CheckState::Unchecked, unchecked_because(status.error())};
  const auto effective = status_mask(*status, "CapEff");
  if (!effective) return {"relay_capabilities", CheckState::Unchecked, "not checked (no CapEff)"};
  if (*effective != 0) {
    return {"relay_capabilities", CheckState::Failed,
            fmt::format("the data process {} has capabilities {:#x}", data, *effective)};
  }
  return {"relay_capabilities", CheckState::Passed,
          fmt::format("the data process {} has no capability", data)};
}

Check memory_check(const std::array<pid_t, 2>& pids, const std::vector<Needle>& needles,
                   std::size_t keys) {
  constexpr const char* kName = "relay_memory";
  const auto proven = proves_itself(needles);
  if (!proven) return {kName, CheckState::Unchecked, unchecked_because(proven.error())};
  if (!*proven) {
    return {kName, CheckState::Unchecked,
            "not checked (the search did not find the keys in its own memory)"};
  }
  MemoryScan total;
  for (const pid_t pid : pids) {
    KeySearch search(needles);
    const auto scan = scan_memory(pid, search);
    if (!scan) return {kName, CheckState::Unchecked, unchecked_because(scan.error())};
    if (!search.hits().empty()) {
      const Hit& hit = search.hits().front();
      return {
          kName, CheckState::Failed,
          fmt::format("process {} has {} at {:#x}", pid, needles[hit.needle].label(), hit.address)};
    }
    total.searched_bytes += scan->searched_bytes;
    total.skipped_bytes += scan->skipped_bytes;
    total.unread_bytes += scan->unread_bytes;
  }
  if (total.searched_bytes == 0)
    return {kName, CheckState::Unchecked, "not checked (nothing could be read)"};
  std::string detail = fmt::format(
      "no key in {} of memory of both processes: PEM private keys{} "
      "(the same search finds them in its own memory)",
      bytes_text(total.searched_bytes),
      keys == 0 ? "" : fmt::format(" and the bytes of {} key{}", keys, keys == 1 ? "" : "s"));
  if (total.skipped_bytes != 0) {
    detail +=
        fmt::format("; {} of reserved addresses not searched", bytes_text(total.skipped_bytes));
  }
  return {kName, CheckState::Passed, std::move(detail)};
}

}  // namespace

std::vector<Check> inspect_relay(const RelayProcesses& relay, std::vector<Needle> keys,
                                 std::size_t key_count) {
  constexpr std::array kNames = {"relay_libraries", "relay_files", "relay_capabilities",
                                 "relay_memory"};
  const std::array<pid_t, 2> pids = {relay.supervisor, relay.data};
  for (const pid_t pid : pids) {
    const std::string why = not_a_relay(pid);
    if (why.empty()) continue;
    std::vector<Check> checks;
    for (const char* name : kNames) checks.push_back({name, CheckState::Unchecked, why});
    return checks;
  }
  std::vector<Needle> needles = pem_markers();
  needles.insert(needles.end(), std::make_move_iterator(keys.begin()),
                 std::make_move_iterator(keys.end()));
  return {libraries_check(pids), files_check(pids), capabilities_check(relay.data),
          memory_check(pids, needles, key_count)};
}

}  // namespace adit::cli
