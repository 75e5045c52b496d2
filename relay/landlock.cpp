#include "relay/landlock.hpp"

#include <cerrno>
#include <cstdint>

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/log.hpp"
#include "common/unique_fd.hpp"

namespace adit::relay {

namespace {

// Debian 12's header is of ABI 2; later rights are spelled here as linux/landlock.h numbers them.
constexpr std::uint64_t kRightsAbi1 = (1ULL << 13) - 1;
constexpr std::uint64_t kRefer = 1ULL << 13;                  // ABI 2
constexpr std::uint64_t kTruncate = 1ULL << 14;               // ABI 3
constexpr std::uint64_t kIoctlDev = 1ULL << 15;               // ABI 5
constexpr std::uint64_t kBindTcp = 1ULL << 0;                 // ABI 4
constexpr std::uint64_t kScopeAbstractSocketsAndSignals = 3;  // ABI 6
constexpr int kRuleNetPort = 2;

/// struct landlock_ruleset_attr as of ABI 6.
struct RulesetAttributes {
  std::uint64_t handled_fs = 0;
  std::uint64_t handled_net = 0;
  std::uint64_t scoped = 0;
};

struct NetPortRule {
  std::uint64_t allowed = 0;
  std::uint64_t port = 0;
};

std::size_t size_for(long abi) {
  if (abi >= 6) return 24;
  return abi >= 4 ? 16 : 8;
}

RulesetAttributes attributes_for(long abi) {
  RulesetAttributes attributes{kRightsAbi1, 0, 0};
  if (abi >= 2) attributes.handled_fs |= kRefer;
  if (abi >= 3) attributes.handled_fs |= kTruncate;
  if (abi >= 4) attributes.handled_net = kBindTcp;
  if (abi >= 5) attributes.handled_fs |= kIoctlDev;
  if (abi >= 6) attributes.scoped = kScopeAbstractSocketsAndSignals;
  return attributes;
}

/// Reading and writing of plain files in `directory`, nothing else.
Result<void> allow_files(int ruleset, const std::string& directory, std::uint64_t handled) {
  const UniqueFd parent(::open(directory.c_str(), O_PATH | O_CLOEXEC | O_DIRECTORY));
  if (!parent.is_open()) return fail_sys("open " + directory, errno);
  landlock_path_beneath_attr rule{};
  rule.allowed_access = handled & (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                   LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                                   LANDLOCK_ACCESS_FS_MAKE_REG | kTruncate);
  rule.parent_fd = parent.get();
  if (::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
    return fail_sys("Landlock: allow " + directory, errno);
  }
  return {};
}

}  // namespace

Result<control::Protection> restrict_file_system(const std::string& writable_dir) {
  const long abi =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < 0) {
    if (errno != ENOSYS && errno != EOPNOTSUPP) return fail_sys("ask for Landlock", errno);
    log::warning("relay: this kernel has no Landlock; continuing without it");
    return control::Protection::Missing;
  }
  const RulesetAttributes attributes = attributes_for(abi);
  const UniqueFd ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size_for(abi), 0)));
  if (!ruleset.is_open()) return fail_sys("make a Landlock ruleset", errno);
  if (auto allowed = allow_files(ruleset.get(), writable_dir, attributes.handled_fs); !allowed) {
    return fail(std::move(allowed).error());
  }
  if (abi >= 4) {
    const NetPortRule any_port{kBindTcp, 0};  // the kernel chooses: a source address, no service
    if (::syscall(SYS_landlock_add_rule, ruleset.get(), kRuleNetPort, &any_port, 0) != 0) {
      return fail_sys("Landlock: allow source ports", errno);
    }
  }
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) {
    return fail_sys("enter the Landlock ruleset", errno);
  }
  return control::Protection::On;
}

}  // namespace adit::relay
