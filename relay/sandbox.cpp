#include "relay/sandbox.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>

#include "common/log.hpp"
#include "common/os/privileges.hpp"
#include "relay/landlock.hpp"
#include "relay/seccomp_filter.hpp"

namespace adit::relay {

Result<void> enter_sandbox(const std::string& state_dir) {
  if (auto dropped = os::keep_only({}); !dropped) return dropped;
  if (auto forbidden = os::forbid_new_privileges(); !forbidden) return forbidden;
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0) return fail_sys("forbid core dumps", errno);
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) return fail_sys("forbid being traced", errno);
  if (auto restricted = restrict_file_system(state_dir); !restricted) return restricted;
  return install_seccomp_filter();
}

}  // namespace adit::relay
