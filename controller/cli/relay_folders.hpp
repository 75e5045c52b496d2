// The folders of a relay, from the command line that its supervisor was started with, as it sees
// them itself: its root may be another than ours.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

namespace adit::cli {

struct RelayFolder {
  std::string path;   ///< how we reach it
  std::string shown;  ///< how the relay calls it: absolute
};

/// The name under which the kernel shows us what a process holds open in `folder`: links are
/// followed, and a process with another root or mount namespace has a name of ours in front.
/// `folder.shown` where we may not look.
std::string kernel_name(const RelayFolder& folder);

struct RelayFolders {
  RelayFolder state;    ///< --state-dir
  RelayFolder runtime;  ///< where its control socket is
};

/// `supervisor`: its pid. The defaults of adit-relay where its command line cannot be read.
RelayFolders folders_of(pid_t supervisor);

/// True unless others use `folder` too, as in a build tree: it belongs to the relay's user `owner`,
/// not everybody may write there, and no one of the controller's `places` is below it.
bool is_its_own(const RelayFolder& folder, uid_t owner, const std::vector<std::string>& places);

}  // namespace adit::cli
