// Keys in files: those that a process has open, and all below a folder.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <utility>

#include <sys/types.h>

#include "common/result.hpp"
#include "controller/cli/key_search.hpp"

namespace adit::cli {

struct FileScan {
  std::size_t files = 0;
  std::uint64_t searched_bytes = 0;
  std::string found;   ///< "/path has home.key: private scalar": the first; empty: none
  std::string unread;  ///< the first that was not read whole, and why; empty: none
};

/// Searches regular files, each once however it is reached, and no more than 1 GiB altogether.
class FileSearch {
 public:
  /// `needles` must outlive this object.
  explicit FileSearch(std::span<const Needle> needles) : needles_(needles) {}

  /// The files that `pid` has open now. Errc::Denied without the right, NotFound without the
  /// process.
  Result<void> open_files_of(pid_t pid);
  /// Every file below `folder`, through no symbolic link; it is called `shown` in what is said of
  /// it. A folder that is not there has none. Errc::Denied where we may not look.
  Result<void> below(const std::string& folder, const std::string& shown);

  [[nodiscard]] const FileScan& result() const { return result_; }

 private:
  Result<void> look_at(const std::string& path, const std::string& shown);
  void read(int fd, const std::string& shown);
  void miss(const std::string& shown, const std::string& why);

  std::span<const Needle> needles_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen_;  ///< device and inode
  FileScan result_;
};

}  // namespace adit::cli
