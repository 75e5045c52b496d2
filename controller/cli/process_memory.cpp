#include "controller/cli/process_memory.hpp"

#include <algorithm>
#include <cerrno>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <unistd.h>

#include "common/os/files.hpp"
#include "common/unique_fd.hpp"
#include "controller/cli/proc_text.hpp"

namespace adit::cli {

namespace {

constexpr std::size_t kChunkBytes = std::size_t{1} << 20;
constexpr std::size_t kLargestMaps = std::size_t{64} << 20;
/// AddressSanitizer's shadow is 16 TB of address space; no real mapping comes near this.
constexpr std::uint64_t kLargestMapping = std::uint64_t{64} << 30;

/// The two open files of a process that a scan reads from.
struct ProcessFiles {
  UniqueFd memory;
  UniqueFd page_map;  ///< may be missing: then every page is read
};

Result<ProcessFiles> open_files(pid_t pid) {
  const std::string folder = fmt::format("/proc/{}", pid);
  ProcessFiles files;
  files.memory.reset(::open((folder + "/mem").c_str(), O_RDONLY | O_CLOEXEC));
  if (!files.memory.is_open()) return fail_sys(folder + "/mem", errno);
  files.page_map.reset(::open((folder + "/pagemap").c_str(), O_RDONLY | O_CLOEXEC));
  return files;
}

/// Which of the pages from `begin` on exist (in memory or swapped out): bits 63 and 62 of their
/// entries in /proc/PID/pagemap. All of them where that cannot be read.
std::vector<bool> existing_pages(const ProcessFiles& files, std::uint64_t begin, std::size_t pages,
                                 std::size_t page_bytes) {
  std::vector<std::uint64_t> entries(pages);
  const std::size_t wanted = pages * sizeof entries[0];
  const auto offset = static_cast<off_t>(begin / page_bytes * sizeof entries[0]);
  const ssize_t count =
      files.page_map.is_open() ? ::pread(files.page_map.get(), entries.data(), wanted, offset) : -1;
  std::vector<bool> exists(pages, true);
  if (count != static_cast<ssize_t>(wanted)) return exists;
  for (std::size_t i = 0; i < pages; ++i) exists[i] = (entries[i] >> 62) != 0;
  return exists;
}

/// Reads [begin, end), at most one chunk, and feeds what can be read, run by run.
void scan_chunk(const ProcessFiles& files, const Mapping& mapping, std::uint64_t begin,
                std::span<std::uint8_t> buffer, KeySearch& search, MemoryScan& scan) {
  const auto page_bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t pages = buffer.size() / page_bytes;
  // A page of a file that is not in memory can still be mapped in, so files are read whole.
  const std::vector<bool> exists = mapping.is_file
                                       ? std::vector<bool>(pages, true)
                                       : existing_pages(files, begin, pages, page_bytes);
  std::size_t page = 0;
  while (page < pages) {
    std::size_t run = page;
    while (run < pages && exists[run]) ++run;
    if (run == page) {
      ++page;
      continue;
    }
    const std::uint64_t at = begin + page * page_bytes;
    const std::size_t length = (run - page) * page_bytes;
    const ssize_t count =
        ::pread(files.memory.get(), buffer.data(), length, static_cast<off_t>(at));
    if (count > 0) search.feed(at, buffer.first(static_cast<std::size_t>(count)));
    // Past a page that refuses (beyond a file's end, or unmapped meanwhile) the rest goes on.
    const std::size_t done = count > 0 ? static_cast<std::size_t>(count) / page_bytes : 0;
    if (done < run - page) scan.unread_bytes += page_bytes;
    page += std::max(done + (done < run - page ? 1 : 0), std::size_t{1});
  }
}

bool is_kernels_own(const Mapping& mapping) {
  return mapping.path == "[vvar]" || mapping.path == "[vvar_vclock]" ||
         mapping.path == "[vsyscall]";
}

}  // namespace

Result<MemoryScan> scan_memory(pid_t pid, KeySearch& search) {
  auto files = open_files(pid);
  if (!files) return fail(std::move(files).error());
  auto text = os::read_file(fmt::format("/proc/{}/maps", pid), kLargestMaps);
  if (!text) return fail(std::move(text).error());
  MemoryScan scan;
  std::vector<std::uint8_t> buffer(kChunkBytes);
  for (const Mapping& mapping :
       parse_maps({reinterpret_cast<const char*>(text->data()), text->size()})) {
    if (!mapping.is_readable || is_kernels_own(mapping)) continue;
    if (mapping.size() > kLargestMapping) {
      scan.skipped_bytes += mapping.size();
      continue;
    }
    for (std::uint64_t at = mapping.begin; at < mapping.end; at += kChunkBytes) {
      const auto length = std::min<std::uint64_t>(kChunkBytes, mapping.end - at);
      scan_chunk(*files, mapping, at, std::span(buffer).first(length), search, scan);
    }
  }
  explicit_bzero(buffer.data(), buffer.size());
  scan.searched_bytes = search.searched_bytes();
  return scan;
}

Result<bool> proves_itself(std::span<const Needle> needles) {
  KeySearch search(needles);
  auto scan = scan_memory(::getpid(), search);
  if (!scan) return fail(std::move(scan).error());
  return search.hits().size() == needles.size();
}

}  // namespace adit::cli
