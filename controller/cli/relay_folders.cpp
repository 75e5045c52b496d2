#include "controller/cli/relay_folders.hpp"

#include <algorithm>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "common/os/files.hpp"
#include "common/unique_fd.hpp"
#include "controller/cli/proc_text.hpp"

namespace adit::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargestCommandLine = std::size_t{1} << 20;

RelayFolder folder_of(pid_t pid, const fs::path& named) {
  if (named.is_absolute()) {
    return {fmt::format("/proc/{}/root{}", pid, named.string()), named.lexically_normal().string()};
  }
  const std::string here = fmt::format("/proc/{}/cwd", pid);
  std::error_code unknown;
  const fs::path base = fs::read_symlink(here, unknown);
  return {(here / named).string(), (base / named).lexically_normal().string()};
}

}  // namespace

std::string kernel_name(const RelayFolder& folder) {
  const UniqueFd fd(::open(folder.path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd.is_open()) return folder.shown;
  std::error_code unknown;
  const auto name = fs::read_symlink(fmt::format("/proc/self/fd/{}", fd.get()), unknown);
  return unknown ? folder.shown : name.string();
}

RelayFolders folders_of(pid_t supervisor) {
  const auto bytes =
      os::read_file(fmt::format("/proc/{}/cmdline", supervisor), kLargestCommandLine);
  const std::string cmdline = bytes ? std::string(bytes->begin(), bytes->end()) : std::string();
  const fs::path state = option_in(cmdline, "--state-dir", "/var/lib/adit-relay");
  const fs::path control = option_in(cmdline, "--control", "/run/adit-relay/relay.sock");
  return {folder_of(supervisor, state), folder_of(supervisor, control.parent_path())};
}

bool is_its_own(const RelayFolder& folder, uid_t owner, const std::vector<std::string>& places) {
  struct stat about {};

  if (::stat(folder.path.c_str(), &about) != 0) return false;
  if (about.st_uid != owner || (about.st_mode & S_IWOTH) != 0) return false;
  std::error_code unknown;
  const std::string whole = fs::weakly_canonical(folder.shown, unknown).string();
  return std::none_of(places.begin(), places.end(), [&](const std::string& place) {
    return !place.empty() && is_at_or_below(fs::weakly_canonical(place, unknown).string(), whole);
  });
}

}  // namespace adit::cli
