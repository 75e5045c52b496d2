#include "relay/resource_limits.hpp"

#include <algorithm>
#include <fstream>
#include <string>

#include <fcntl.h>

#include "relay/log_limiter.hpp"
#include "relay/pipe_pool.hpp"
#include "tests/support/catch.hpp"

namespace adit::relay {

TEST_CASE("resource_limits: the table of descriptors is as large as it may have to be", "[relay]") {
  const std::uint64_t descriptors = std::min<std::uint64_t>(raise_descriptor_limit(), 8'192);
  enlarge_descriptor_table(descriptors);
  std::ifstream status("/proc/self/status");
  std::uint64_t size = 0;
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("FDSize:")) size = std::stoull(line.substr(7));
  }
  CHECK(size >= descriptors);
  CHECK(::fcntl(static_cast<int>(descriptors) - 1, F_GETFD) == -1);  // nothing is left open there
}

TEST_CASE("resource_limits: connections are what descriptors leave", "[relay]") {
  struct Case {
    std::uint64_t descriptors;
    std::uint32_t configured;
    unsigned pipes;
    std::uint32_t connections;
  };

  // (0.8 × descriptors − 2 × pipes) / 2
  const auto each = GENERATE(Case{20'000, 20'000, 256, 7'744}, Case{1'048'576, 20'000, 256, 20'000},
                             Case{20'000, 100, 256, 100}, Case{1'024, 20'000, 64, 344},
                             Case{64, 20'000, 4, 20}, Case{8, 20'000, 1, 1});
  CAPTURE(each.descriptors, each.configured);
  CHECK(pipe_cap(each.descriptors) == each.pipes);
  const control::Limits limits = effective_limits(
      {.connections = each.configured, .connections_per_client = 9, .rate_per_client = 8},
      each.descriptors, each.pipes);
  CHECK(limits.connections == each.connections);
  CHECK(limits.connections_per_client == 9);
  CHECK(limits.rate_per_client == 8);
}

TEST_CASE("log_limiter: so many lines in a period, the others are counted", "[relay]") {
  LogLimiter limiter(3, Seconds{1});
  const TimePoint start = TimePoint{} + Seconds{100};
  int written = 0;
  for (int i = 0; i < 10; ++i) written += limiter.allows(start + Milliseconds{i}) ? 1 : 0;
  CHECK(written == 3);
  CHECK(limiter.take_suppressed() == 7);
  CHECK(limiter.take_suppressed() == 0);
  CHECK(limiter.allows(start + Seconds{1}));
}

}  // namespace adit::relay
