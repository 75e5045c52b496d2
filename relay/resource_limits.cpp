#include "relay/resource_limits.hpp"

#include <algorithm>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/unique_fd.hpp"
#include "relay/pipe_pool.hpp"

namespace adit::relay {

std::uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  const rlimit raised{limit.rlim_max, limit.rlim_max};
  return ::setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
}

void enlarge_descriptor_table(std::uint64_t descriptors) {
  constexpr std::uint64_t kLargest = 65'536;
  const auto last = static_cast<int>(std::min(descriptors, kLargest)) - 1;
  UniqueFd(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, last)).reset();
}

unsigned pipe_cap(std::uint64_t descriptors) {
  // A small process keeps most of its descriptors for connections.
  return static_cast<unsigned>(std::clamp<std::uint64_t>(descriptors / 16, 1, kMaxPipes));
}

control::Limits effective_limits(const control::Limits& configured, std::uint64_t descriptors,
                                 unsigned pipes) {
  const std::uint64_t usable = descriptors / 10 * 8;
  const std::uint64_t for_connections = usable > 2 * pipes ? (usable - 2 * pipes) / 2 : 0;
  control::Limits limits = configured;
  limits.connections = static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(for_connections, 1, configured.connections));
  return limits;
}

}  // namespace adit::relay
