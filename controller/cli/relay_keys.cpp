#include "controller/cli/relay_keys.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "controller/cli/file_search.hpp"
#include "controller/cli/process_memory.hpp"
#include "controller/cli/relay_folders.hpp"
#include "controller/cli/text.hpp"

namespace adit::cli {

namespace {

constexpr const char* kMemory = "relay_memory";
constexpr const char* kContents = "relay_contents";

std::string count_of(std::size_t count, const char* noun, const char* plural_end = "s") {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : plural_end);
}

/// "PEM private keys and the bytes of 2 keys"
std::string sought(std::size_t keys) {
  if (keys == 0) return "PEM private keys";
  return fmt::format("PEM private keys and the bytes of {}", count_of(keys, "key"));
}

/// Why the search itself cannot be trusted; empty if it can.
std::string search_problem(std::span<const Needle> needles) {
  const auto proven = proves_itself(needles);
  if (!proven) return unchecked_because(proven.error());
  return *proven ? "" : "not checked (the search did not find the keys in its own memory)";
}

void add(MemoryScan& total, const MemoryScan& scan, pid_t pid) {
  total.searched_bytes += scan.searched_bytes;
  total.shadow_bytes += scan.shadow_bytes;
  total.unread_bytes += scan.unread_bytes;
  if (scan.unread_bytes != 0 && total.unread_at.empty()) {
    total.unread_at = fmt::format("{} of process {}", scan.unread_at, pid);
  }
}

/// What can be said when no key was found.
Check memory_verdict(const MemoryScan& total, std::size_t processes, std::size_t keys) {
  if (total.searched_bytes == 0) {
    return {kMemory, CheckState::Unchecked, "not checked (nothing could be read)"};
  }
  if (total.unread_bytes != 0) {
    return {kMemory, CheckState::Unchecked,
            fmt::format("not checked whole (no key in {}, but {} could not be read: {})",
                        bytes_text(total.searched_bytes), bytes_text(total.unread_bytes),
                        total.unread_at)};
  }
  std::string detail = fmt::format(
      "no key in {} of memory of {}: {} (the same search finds them in its own memory)",
      bytes_text(total.searched_bytes), count_of(processes, "process", "es"), sought(keys));
  if (total.shadow_bytes != 0) {
    detail +=
        fmt::format("; {} of sanitizers' shadow not searched", bytes_text(total.shadow_bytes));
  }
  return {kMemory, CheckState::Passed, std::move(detail)};
}

/// The folders of `process` that are the relay's alone.
std::vector<RelayFolder> own_folders(const Relay& relay, const RelayProcess& process,
                                     const std::vector<std::string>& places) {
  if (!process.is_head()) return {};
  const RelayFolders folders = folders_of(process.pid);
  // Whose a twin's runtime folder is depends on a controller that we do not know.
  const bool is_ours = process == relay.processes.front();
  if (!is_ours || !is_its_own(folders.runtime, process.uid, places)) return {folders.state};
  return {folders.state, folders.runtime};
}

}  // namespace

Check relay_memory_check(const Relay& relay, std::span<const Needle> needles, std::size_t keys) {
  if (std::string problem = search_problem(needles); !problem.empty()) {
    return {kMemory, CheckState::Unchecked, std::move(problem)};
  }
  MemoryScan total;
  const Check check = over_all(
      relay, {kMemory, CheckState::Passed, ""}, [&](const RelayProcess& process) -> Verdict {
        KeySearch search(needles);
        const auto scan = scan_memory(process.pid, search);
        if (!scan) return Check{kMemory, CheckState::Unchecked, unchecked_because(scan.error())};
        add(total, *scan, process.pid);
        if (search.hits().empty()) return std::nullopt;
        const Hit& hit = search.hits().front();
        return Check{kMemory, CheckState::Failed,
                     fmt::format("process {} has {} at {:#x}", process.pid,
                                 needles[hit.needle].label(), hit.address)};
      });
  if (check.state != CheckState::Passed) return check;
  return memory_verdict(total, relay.processes.size(), keys);
}

Check relay_contents_check(const Relay& relay, std::span<const Needle> needles, std::size_t keys,
                           const std::vector<std::string>& places) {
  FileSearch search(needles);
  std::vector<std::string> searched;
  const auto look = [&](const RelayProcess& process) -> Verdict {
    auto looked = search.open_files_of(process.pid);
    for (const RelayFolder& folder : own_folders(relay, process, places)) {
      if (looked) looked = search.below(folder.path, folder.shown);
      searched.push_back(folder.shown);
    }
    if (!search.result().found.empty()) {
      return Check{kContents, CheckState::Failed, search.result().found};
    }
    if (looked) return std::nullopt;
    return Check{kContents, CheckState::Unchecked, unchecked_because(looked.error())};
  };
  Check check = over_all(relay, {kContents, CheckState::Passed, ""}, look);
  if (check.state != CheckState::Passed) return check;
  const FileScan& scan = search.result();
  if (!scan.unread.empty()) {
    return {kContents, CheckState::Unchecked, fmt::format("not checked whole ({})", scan.unread)};
  }
  check.detail = fmt::format("no key in the {} ({}) that it holds open or has below {}: {}",
                             count_of(scan.files, "file"), bytes_text(scan.searched_bytes),
                             fmt::join(searched, " and "), sought(keys));
  return check;
}

}  // namespace adit::cli
