#include "controller/cli/file_search.hpp"

#include <cerrno>
#include <filesystem>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/unique_fd.hpp"

namespace adit::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kChunkBytes = std::size_t{1} << 20;
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30;

/// Files, processes and folders end and go while one looks at them.
bool is_gone(int sys_errno) {
  return sys_errno == ENOENT || sys_errno == ENOTDIR || sys_errno == ESRCH;
}

}  // namespace

Result<void> FileSearch::open_files_of(pid_t pid) {
  const std::string folder = fmt::format("/proc/{}/fd", pid);
  std::error_code cause;
  auto at = fs::directory_iterator(folder, cause);
  for (const fs::directory_iterator end; !cause && at != end; at.increment(cause)) {
    std::error_code gone;
    const std::string link = fs::read_symlink(at->path(), gone).string();
    if (auto looked = look_at(at->path().string(), link); !looked) return looked;
  }
  return cause ? fail_sys(folder, cause.value()) : Result<void>{};
}

Result<void> FileSearch::below(const std::string& folder, const std::string& shown) {
  std::error_code cause;
  auto at = fs::recursive_directory_iterator(folder, cause);
  if (is_gone(cause.value())) return {};
  for (const fs::recursive_directory_iterator end; !cause && at != end; at.increment(cause)) {
    const std::string path = at->path().string();
    std::error_code unknown;
    if (at->is_symlink(unknown)) continue;
    if (auto looked = look_at(path, shown + path.substr(folder.size())); !looked) return looked;
  }
  return cause ? fail_sys(shown, cause.value()) : Result<void>{};
}

/// Opens `path` only if it is a regular file: what opening does to a device or a pipe is unknown.
Result<void> FileSearch::look_at(const std::string& path, const std::string& shown) {
  struct stat file {};

  if (::stat(path.c_str(), &file) != 0) {
    return is_gone(errno) ? Result<void>{} : fail_sys(shown, errno);
  }
  if (!S_ISREG(file.st_mode) || !seen_.emplace(file.st_dev, file.st_ino).second) return {};
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (fd.is_open()) {
    read(fd.get(), shown);
  } else if (errno == EACCES || errno == EPERM) {
    return fail_sys(shown, errno);
  } else if (!is_gone(errno)) {
    miss(shown, sys_error("open", errno).what);
  }
  return {};
}

void FileSearch::read(int fd, const std::string& shown) {
  ++result_.files;
  KeySearch search(needles_);
  std::vector<std::uint8_t> buffer(kChunkBytes);
  std::uint64_t offset = 0;
  while (true) {
    if (result_.searched_bytes > kMostBytes) {
      miss(shown, "it is too long");
      break;
    }
    const ssize_t count = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) miss(shown, sys_error("read", errno).what);
    if (count <= 0) break;
    search.feed(offset, std::span(buffer).first(static_cast<std::size_t>(count)));
    offset += static_cast<std::uint64_t>(count);
    result_.searched_bytes += static_cast<std::uint64_t>(count);
  }
  explicit_bzero(buffer.data(), buffer.size());
  if (search.hits().empty() || !result_.found.empty()) return;
  result_.found = fmt::format("{} has {}", shown, needles_[search.hits().front().needle].label());
}

void FileSearch::miss(const std::string& shown, const std::string& why) {
  if (result_.unread.empty()) result_.unread = fmt::format("{}: {}", shown, why);
}

}  // namespace adit::cli
