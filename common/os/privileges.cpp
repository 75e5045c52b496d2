#include "common/os/privileges.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace adit::os {

namespace {

using CapabilityData = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

// libcap is not needed for two system calls; see capget(2).
Result<CapabilityData> read_sets() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  CapabilityData data{};
  if (syscall(SYS_capget, &header, data.data()) != 0) return fail_sys("read capabilities", errno);
  return data;
}

/// A service manager may forbid capset(2) (systemd's @privileged): where it has given us no more
/// than we keep, nothing is to be done.
Result<void> write_sets(const CapabilityData& wanted) {
  const auto now = read_sets();
  if (!now) return fail(now.error());
  bool is_so_already = true;
  for (std::size_t word = 0; word < wanted.size(); ++word) {
    is_so_already = is_so_already && (*now)[word].permitted == wanted[word].permitted &&
                    (*now)[word].effective == wanted[word].effective &&
                    (*now)[word].inheritable == wanted[word].inheritable;
  }
  if (is_so_already) return {};
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  CapabilityData data = wanted;
  if (syscall(SYS_capset, &header, data.data()) != 0) return fail_sys("drop capabilities", errno);
  return {};
}

std::uint64_t join(std::uint32_t low, std::uint32_t high) {
  return (static_cast<std::uint64_t>(high) << 32) | low;
}

}  // namespace

Result<void> keep_only(const std::vector<int>& capabilities, bool for_children) {
  auto sets = read_sets();
  if (!sets) return fail(std::move(sets).error());
  std::uint64_t wanted = 0;
  for (const int capability : capabilities) wanted |= std::uint64_t{1} << capability;
  const std::uint64_t kept = wanted & join((*sets)[0].permitted, (*sets)[1].permitted);

  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  // Needs CAP_SETPCAP; without it the permitted set below is what counts.
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
    if ((kept >> capability & 1) == 0) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  }
  for (std::size_t word = 0; word < sets->size(); ++word) {
    const auto half = static_cast<std::uint32_t>(kept >> (32 * word));
    (*sets)[word].permitted = half;
    (*sets)[word].effective = half;
    (*sets)[word].inheritable = for_children ? half : 0;
  }
  if (auto set = write_sets(*sets); !set) return set;
  if (for_children) {
    for (const int capability : capabilities) {
      if ((kept >> capability & 1) == 0) continue;
      if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) != 0) {
        return fail_sys("keep a capability for child processes", errno);
      }
    }
  }
  return {};
}

bool has_capability(int capability) {
  return (effective_capabilities() >> capability & 1) != 0;
}

std::uint64_t effective_capabilities() {
  const auto sets = read_sets();
  return sets ? join((*sets)[0].effective, (*sets)[1].effective) : 0;
}

Result<void> forbid_new_privileges() {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail_sys("forbid new privileges", errno);
  return {};
}

}  // namespace adit::os
