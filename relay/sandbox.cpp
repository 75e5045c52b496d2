#include "relay/sandbox.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>

#include "common/log.hpp"
#include "common/os/privileges.hpp"
#include "relay/landlock.hpp"
#include "relay/seccomp_filter.hpp"

namespace adit::relay {

Result<control::Sandbox> enter_sandbox(const std::string& state_dir, SandboxParts parts) {
  if (auto dropped = os::keep_only({}); !dropped) return fail(std::move(dropped).error());
  if (auto forbidden = os::forbid_new_privileges(); !forbidden) {
    return fail(std::move(forbidden).error());
  }
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0) return fail_sys("forbid core dumps", errno);
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) return fail_sys("forbid being traced", errno);
  control::Sandbox sandbox{control::Protection::Off, control::Protection::Off};
  if (parts.landlock) {
    auto landlock = restrict_file_system(state_dir);
    if (!landlock) return fail(std::move(landlock).error());
    sandbox.landlock = *landlock;
  }
  if (parts.seccomp) {
    auto seccomp = install_seccomp_filter();
    if (!seccomp) return fail(std::move(seccomp).error());
    sandbox.seccomp = *seccomp;
  }
  return sandbox;
}

}  // namespace adit::relay
