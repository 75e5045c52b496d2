#include "controller/cli/process_memory.hpp"

#include <algorithm>
#include <cerrno>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/os/files.hpp"
#include "common/unique_fd.hpp"
#include "controller/cli/proc_text.hpp"

namespace adit::cli {

namespace {

constexpr std::size_t kChunkBytes = std::size_t{1} << 20;
constexpr std::size_t kLargestMaps = std::size_t{256} << 20;
/// AddressSanitizer's shadow is 14 TB of address space; no real mapping comes near this.
constexpr std::uint64_t kLargestMapping = std::uint64_t{64} << 30;

std::size_t page_bytes() {
  static const auto bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

/// True if the page of this entry of /proc/PID/pagemap is in memory (bit 63) or swapped out (62)
/// and no guard region (58, see madvise(2) MADV_GUARD_INSTALL), which holds nothing.
bool exists(std::uint64_t entry) {
  return (entry >> 62) != 0 && ((entry >> 58) & 1) == 0;
}

/// How many bytes of [begin, end) lie in one of `mappings`.
std::uint64_t overlap(std::uint64_t begin, std::uint64_t end,
                      const std::vector<Mapping>& mappings) {
  std::uint64_t bytes = 0;
  for (const Mapping& mapping : mappings) {
    const std::uint64_t from = std::max(begin, mapping.begin);
    const std::uint64_t to = std::min(end, mapping.end);
    if (from < to) bytes += to - from;
  }
  return bytes;
}

/// One pass over the memory of a process.
class Scan {
 public:
  Scan(pid_t pid, KeySearch& search) : pid_(pid), search_(search), buffer_(kChunkBytes) {}

  ~Scan() { explicit_bzero(buffer_.data(), buffer_.size()); }

  Scan(const Scan&) = delete;
  Scan& operator=(const Scan&) = delete;
  Scan(Scan&&) = delete;
  Scan& operator=(Scan&&) = delete;

  Result<MemoryScan> run() {
    const std::string folder = fmt::format("/proc/{}", pid_);
    memory_.reset(::open((folder + "/mem").c_str(), O_RDONLY | O_CLOEXEC));
    if (!memory_.is_open()) return fail_sys(folder + "/mem", errno);
    page_map_.reset(::open((folder + "/pagemap").c_str(), O_RDONLY | O_CLOEXEC));
    auto text = os::read_file(folder + "/smaps", kLargestMaps);
    if (!text) return fail(std::move(text).error());
    const auto mappings = parse_maps({reinterpret_cast<const char*>(text->data()), text->size()});
    const std::uint64_t before = search_.searched_bytes();
    for (const Mapping& mapping : mappings) look_at(mapping, mappings);
    result_.searched_bytes = search_.searched_bytes() - before;
    if (auto counted = count_gaps(folder); !counted) return fail(std::move(counted).error());
    return std::move(result_);
  }

 private:
  /// What refused to be read.
  struct Gap {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::string place;  ///< its mapping's name or address
  };

  /// Counts the gaps that are mapped still. What the process has given back since the pass began
  /// refuses too, and was nothing that a second look could find.
  Result<void> count_gaps(const std::string& folder) {
    result_.has_gaps = !gaps_.empty();
    if (gaps_.empty()) return {};
    auto text = os::read_file(folder + "/maps", kLargestMaps);
    if (!text) return fail(std::move(text).error());
    const auto mapped = parse_maps({reinterpret_cast<const char*>(text->data()), text->size()});
    if (mapped.empty()) return fail(Errc::NotFound, folder + ": ended while it was looked at");
    for (const Gap& gap : gaps_) {
      const std::uint64_t bytes = overlap(gap.begin, gap.end, mapped);
      result_.unread_bytes += bytes;
      if (bytes != 0 && result_.unread_at.empty()) result_.unread_at = gap.place;
    }
    return {};
  }

  void look_at(const Mapping& mapping, const std::vector<Mapping>& all) {
    // A page of a file can be mapped in later; anonymous memory that was never touched is nothing.
    const bool is_empty = !mapping.is_file && mapping.held_bytes == 0;
    if (is_empty || is_kernels_own(mapping)) return;
    const std::uint64_t end = mapping.is_file ? end_of_file(mapping) : mapping.end;
    if (end - mapping.begin <= kLargestMapping) {
      for (std::uint64_t at = mapping.begin; at < end; at += kChunkBytes) {
        read(mapping, at, std::min<std::uint64_t>(kChunkBytes, end - at));
      }
    } else if (is_sanitizer_shadow(mapping, all)) {
      result_.shadow_bytes += mapping.size();
    } else {
      miss(mapping, mapping.begin, end);
    }
  }

  /// Where the pages of a mapped file end: beyond its last one nobody can read, the process
  /// neither.
  [[nodiscard]] std::uint64_t end_of_file(const Mapping& mapping) const {
    struct stat file {};

    const std::string link =
        fmt::format("/proc/{}/map_files/{:x}-{:x}", pid_, mapping.begin, mapping.end);
    if (::stat(link.c_str(), &file) != 0 || !S_ISREG(file.st_mode)) return mapping.end;
    const auto size = static_cast<std::uint64_t>(file.st_size) + page_bytes() - 1;
    const std::uint64_t whole = size / page_bytes() * page_bytes();
    if (whole <= mapping.offset) return mapping.begin;
    return std::min(mapping.end, mapping.begin + (whole - mapping.offset));
  }

  /// Which of the `pages` from `begin` on exist. All of them where that cannot be told.
  [[nodiscard]] std::vector<bool> existing_pages(const Mapping& mapping, std::uint64_t begin,
                                                 std::size_t pages) const {
    std::vector<bool> existing(pages, true);
    if (mapping.is_file || !page_map_.is_open()) return existing;
    std::vector<std::uint64_t> entries(pages);
    const std::size_t wanted = pages * sizeof entries[0];
    const auto offset = static_cast<off_t>(begin / page_bytes() * sizeof entries[0]);
    const ssize_t count = ::pread(page_map_.get(), entries.data(), wanted, offset);
    if (count != static_cast<ssize_t>(wanted)) return existing;
    std::transform(entries.begin(), entries.end(), existing.begin(), exists);
    return existing;
  }

  /// Reads `length` bytes from `begin` on, at most one chunk, and feeds what exists, run by run.
  void read(const Mapping& mapping, std::uint64_t begin, std::size_t length) {
    const std::size_t pages = length / page_bytes();
    const std::vector<bool> existing = existing_pages(mapping, begin, pages);
    std::size_t page = 0;
    while (page < pages) {
      std::size_t run = page;
      while (run < pages && existing[run]) ++run;
      page += run == page ? 1 : read_run(mapping, begin + page * page_bytes(), run - page);
    }
  }

  /// Returns how many of the `pages` at `address` are dealt with; at least one.
  std::size_t read_run(const Mapping& mapping, std::uint64_t address, std::size_t pages) {
    const std::size_t wanted = pages * page_bytes();
    const ssize_t count =
        ::pread(memory_.get(), buffer_.data(), wanted, static_cast<off_t>(address));
    if (count > 0) search_.feed(address, std::span(buffer_).first(static_cast<std::size_t>(count)));
    const std::size_t done = count > 0 ? static_cast<std::size_t>(count) / page_bytes() : 0;
    if (done == pages) return done;
    // This page refuses; those behind it may not.
    miss(mapping, address + done * page_bytes(), address + (done + 1) * page_bytes());
    return done + 1;
  }

  void miss(const Mapping& mapping, std::uint64_t begin, std::uint64_t end) {
    if (!gaps_.empty() && gaps_.back().end == begin) {
      gaps_.back().end = end;
    } else {
      gaps_.push_back(
          {begin, end, mapping.path.empty() ? fmt::format("{:#x}", mapping.begin) : mapping.path});
    }
  }

  pid_t pid_;
  KeySearch& search_;
  UniqueFd memory_;
  UniqueFd page_map_;  ///< may be missing: then every page is read
  std::vector<std::uint8_t> buffer_;
  std::vector<Gap> gaps_;  ///< by address
  MemoryScan result_;
};

}  // namespace

Result<MemoryScan> scan_memory(pid_t pid, KeySearch& search) {
  auto scan = Scan(pid, search).run();
  // What refused may have been given back and mapped anew, there or elsewhere, which only a second
  // pass can search.
  if (scan && scan->has_gaps) scan = Scan(pid, search).run();
  return scan;
}

Result<bool> proves_itself(std::span<const Needle> needles) {
  KeySearch search(needles);
  auto scan = scan_memory(::getpid(), search);
  if (!scan) return fail(std::move(scan).error());
  return search.hits().size() == needles.size();
}

}  // namespace adit::cli
