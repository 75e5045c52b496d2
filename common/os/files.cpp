#include "common/os/files.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace adit::os {

Result<std::vector<std::uint8_t>> read_file(const std::string& path, std::size_t limit) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) return fail_sys("open " + path, errno);
  std::vector<std::uint8_t> content;

  struct stat status {};

  // A hint only: the file may be none of the kind that has a size, or grow.
  if (::fstat(fd.get(), &status) == 0 && status.st_size > 0) {
    content.reserve(std::min(static_cast<std::size_t>(status.st_size), limit));
  }
  std::array<std::uint8_t, 65536> chunk{};
  while (true) {
    const ssize_t count = ::read(fd.get(), chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_sys("read " + path, errno);
    if (count == 0) return content;
    content.insert(content.end(), chunk.begin(), chunk.begin() + count);
    if (content.size() > limit) {
      return fail(Errc::Invalid, fmt::format("{} is larger than {} bytes", path, limit));
    }
  }
}

Result<void> write_all(int fd, std::span<const std::uint8_t> data) {
  while (!data.empty()) {
    const ssize_t count = ::write(fd, data.data(), data.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_sys("write", errno);
    data = data.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

namespace {

Result<void> fill(const std::string& path, std::span<const std::uint8_t> content, mode_t mode) {
  const UniqueFd fd(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd.is_open()) return fail_sys("create " + path, errno);
  if (::fchmod(fd.get(), mode) != 0) return fail_sys("set the mode of " + path, errno);
  if (auto written = write_all(fd.get(), content); !written) {
    return fail(written.error().within(path));
  }
  if (::fsync(fd.get()) != 0) return fail_sys("sync " + path, errno);
  return {};
}

}  // namespace

Result<void> write_file_atomically(const std::string& path, std::span<const std::uint8_t> content,
                                   mode_t mode) {
  const std::string fresh = path + ".new";
  if (auto filled = fill(fresh, content, mode); !filled) {
    ::unlink(fresh.c_str());
    return filled;
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) {
    const int cause = errno;
    ::unlink(fresh.c_str());
    return fail_sys("replace " + path, cause);
  }
  const std::string folder = std::filesystem::path(path).parent_path();
  const UniqueFd directory(
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.is_open()) ::fsync(directory.get());
  return {};
}

Result<void> make_directories(const std::string& path, mode_t mode) {
  std::filesystem::path built;
  for (const auto& part : std::filesystem::path(path)) {
    built /= part;
    if (::mkdir(built.c_str(), mode) == 0 || errno == EEXIST) continue;
    const int cause = errno;
    std::error_code ignored;
    if (!std::filesystem::is_directory(built, ignored)) {
      return fail_sys("make " + built.string(), cause);
    }
  }
  return {};
}

namespace {

bool is_unwritable(int cause) {
  return cause == EROFS || cause == ENOSPC || cause == EDQUOT;
}

/// Where nothing can be written, the lock that is there, or the folder itself: flock(2) needs no
/// right to write.
UniqueFd open_lock(const std::string& directory, const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (fd.is_open() || !is_unwritable(errno)) return fd;
  fd.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (fd.is_open() || errno != ENOENT) return fd;
  fd.reset(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return fd;
}

}  // namespace

Result<UniqueFd> lock_directory(const std::string& directory) {
  const std::string path = directory + "/lock";
  UniqueFd fd = open_lock(directory, path);
  if (!fd.is_open()) return fail_sys("open " + path, errno);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail_sys("lock " + path, errno);
    std::array<char, 16> pid{};
    const ssize_t count = ::pread(fd.get(), pid.data(), pid.size() - 1, 0);
    return fail(
        Errc::Conflict,
        fmt::format("{} is in use by another process{}", directory,
                    count > 0 ? fmt::format(" (pid {})", std::string_view(pid.data())) : ""));
  }
  // For people only: a disk that takes no pid does not keep us from working.
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(fd.get(), 0) == 0) {
    [[maybe_unused]] const ssize_t count = ::pwrite(fd.get(), pid.data(), pid.size(), 0);
  }
  return fd;
}

std::optional<Error> write_hindrance(const std::string& directory, std::size_t bytes) {
  const std::string path = directory + "/write-test";
  const UniqueFd fd(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  const int cause = fd.is_open() ? 0 : errno;
  std::optional<Error> hindrance;
  if (!fd.is_open()) {
    if (is_unwritable(cause)) hindrance = sys_error(directory + " cannot be written", cause);
    return hindrance;
  }
  const auto written = write_all(fd.get(), std::vector<std::uint8_t>(bytes));
  ::unlink(path.c_str());
  if (!written && is_unwritable(written.error().sys_errno)) {
    hindrance = sys_error(directory + " cannot be written", written.error().sys_errno);
  }
  return hindrance;
}

}  // namespace adit::os
