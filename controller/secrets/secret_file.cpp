#include "controller/secrets/secret_file.hpp"

#include <cerrno>
#include <cstdlib>
#include <span>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/os/files.hpp"
#include "common/unique_fd.hpp"
#include "controller/secrets/wipe.hpp"

namespace adit::secrets {
namespace {

Result<void> check_private(const std::string& path, const struct stat& status) {
  if (!S_ISREG(status.st_mode)) return fail(Errc::Invalid, path + " is not a regular file");
  if (status.st_uid != ::geteuid() && status.st_uid != 0) {
    return fail(Errc::Denied,
                fmt::format("{} belongs to uid {}, who could read or change it: chown "
                            "{} {}",
                            path, status.st_uid, ::geteuid(), path));
  }
  if ((status.st_mode & 0077U) != 0) {
    return fail(Errc::Denied, fmt::format("{} has mode {:04o}, so others can get at the secret in "
                                          "it: chmod 600 {}",
                                          path, status.st_mode & 07777U, path));
  }
  return {};
}

Result<std::string> read_all(int fd, const std::string& path, std::size_t limit) {
  std::string content(limit + 1, '\0');  // one allocation: growing would leave copies behind
  std::size_t size = 0;
  while (size < content.size()) {
    const ssize_t got = ::read(fd, content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_sys("read " + path, errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > limit) {
    wipe(content);
    return fail(Errc::Invalid, fmt::format("{} is larger than {} bytes", path, limit));
  }
  content.resize(size);
  return content;
}

/// fsync of the folder: without it the name may be gone after a power cut.
Result<void> sync_folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.is_open()) return fail_sys("open " + folder, errno);
  if (::fsync(fd.get()) != 0) return fail_sys("fsync " + folder, errno);
  return {};
}

Result<void> write_synced(int fd, const std::string& path, std::string_view content) {
  const std::span bytes(reinterpret_cast<const std::uint8_t*>(content.data()), content.size());
  if (auto written = os::write_all(fd, bytes); !written) {
    return fail(written.error().within("write " + path));
  }
  if (::fsync(fd) != 0) return fail_sys("fsync " + path, errno);
  return {};
}

}  // namespace

Result<std::string> read_secret_file(const std::string& path, std::size_t limit) {
  // O_NONBLOCK: opening a FIFO with that name must not hang.
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!fd.is_open()) {
    if (errno == ELOOP) {
      return fail(Errc::Invalid, path + " is a symbolic link; put the file itself there");
    }
    return fail_sys("open " + path, errno);
  }

  struct stat status {};

  if (::fstat(fd.get(), &status) != 0) return fail_sys("stat " + path, errno);
  if (auto is_private = check_private(path, status); !is_private) return fail(is_private.error());
  return read_all(fd.get(), path, limit);
}

Result<void> create_secret_file(const std::string& path, std::string_view content) {
  std::string temporary = path + ".XXXXXX";
  const UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));  // mode 0600, O_EXCL
  if (!fd.is_open()) return fail_sys("create " + temporary, errno);
  auto made = write_synced(fd.get(), temporary, content);
  // link(2) fails where rename(2) would replace: a key that exists is never lost.
  if (made && ::link(temporary.c_str(), path.c_str()) != 0) {
    made = errno == EEXIST ? fail(Errc::Conflict, path + " exists already")
                           : fail_sys("link " + path, errno);
  }
  ::unlink(temporary.c_str());
  if (!made) return made;
  return sync_folder_of(path);
}

}  // namespace adit::secrets
