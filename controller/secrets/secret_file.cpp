#include "controller/secrets/secret_file.hpp"

#include <cerrno>
#include <cstdlib>
#include <span>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
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

/// The folder of `folders` that `path` lies below, without "..": what is left of the path is behind
/// it. Empty if there is none.
std::string folder_above(const std::string& path, const std::vector<std::string>& folders) {
  for (std::size_t at = path.find(".."); at != std::string::npos; at = path.find("..", at + 1)) {
    const bool is_whole =
        (at == 0 || path[at - 1] == '/') && (at + 2 == path.size() || path[at + 2] == '/');
    if (is_whole) return {};
  }
  for (const std::string& folder : folders) {
    if (path.starts_with(folder + "/") && path.size() > folder.size() + 1) return folder;
  }
  return {};
}

/// `name` below `folder`, as openat2(2) resolves it without any link and without leaving it.
Result<UniqueFd> open_below(const std::string& folder, const std::string& name) {
  const UniqueFd base(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!base.is_open()) return fail_sys("open " + folder, errno);
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const long fd = ::syscall(SYS_openat2, base.get(), name.c_str(), &how, sizeof how);
  if (fd >= 0) return UniqueFd(static_cast<int>(fd));
  const int cause = errno;
  const std::string path = folder + "/" + name;
  if (cause == ELOOP || cause == EXDEV) {
    return fail(Errc::Invalid,
                path + ": there is a symbolic link on the way; put the file itself there");
  }
  return fail_sys("open " + path, cause);
}

/// Root's or our own; readable by our group at most.
Result<void> check_shared(const std::string& path, const struct stat& status) {
  if (!S_ISREG(status.st_mode)) return fail(Errc::Invalid, path + " is not a regular file");
  const bool is_owned = status.st_uid == 0 || status.st_uid == ::geteuid();
  const bool is_groups = status.st_gid == 0 || status.st_gid == ::getegid();
  const mode_t open_to = status.st_mode & (is_groups ? 0037U : 0077U);
  if (is_owned && open_to == 0) return {};
  return fail(Errc::Denied,
              fmt::format("{} belongs to uid {} and gid {} with mode {:04o}, so others get at the "
                          "secret in it: chown root:adit-controller {} && chmod 640 {}",
                          path, status.st_uid, status.st_gid, status.st_mode & 07777U, path, path));
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

std::vector<std::string> secret_folders() {
  std::vector<std::string> folders = {"/etc/adit/secrets"};
  const char* given = std::getenv("CREDENTIALS_DIRECTORY");
  if (given != nullptr && *given == '/') folders.emplace_back(given);
  return folders;
}

Result<std::string> read_named_secret(const std::string& path, std::size_t limit,
                                      const std::vector<std::string>& folders) {
  const std::string folder = folder_above(path, folders);
  if (folder.empty()) {
    return fail(Errc::Invalid, fmt::format("{}: a secret must lie below {}, without \"..\"", path,
                                           fmt::join(folders, " or ")));
  }
  const auto fd = open_below(folder, path.substr(folder.size() + 1));
  if (!fd) return fail(fd.error());

  struct stat status {};

  if (::fstat(fd->get(), &status) != 0) return fail_sys("stat " + path, errno);
  if (auto is_private = check_shared(path, status); !is_private) return fail(is_private.error());
  return read_all(fd->get(), path, limit);
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
