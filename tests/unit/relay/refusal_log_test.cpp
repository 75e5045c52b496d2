#include "relay/refusal_log.hpp"

#include <array>
#include <string>

#include <fmt/format.h>

#include "tests/support/catch.hpp"

namespace adit::relay {

namespace {

using Counts = std::vector<RefusalLog::Count>;

constexpr auto kTarget = CloseReason::TargetRefused;
constexpr auto kNotTls = CloseReason::RefusedNotTls;
const TimePoint kStart = TimePoint{} + Seconds{1000};

IpAddress ip(std::string_view text) {
  return IpAddress::parse(text).value();
}

}  // namespace

TEST_CASE("refusal_log: the first of each reason and client network in a minute", "[relay]") {
  RefusalLog log;
  CHECK(log.allows(kTarget, ip("192.0.2.1"), kStart));
  CHECK_FALSE(log.allows(kTarget, ip("192.0.2.1"), kStart));
  CHECK_FALSE(log.allows(kTarget, ip("192.0.2.255"), kStart));  // the same /24
  CHECK(log.allows(kNotTls, ip("192.0.2.1"), kStart));
  CHECK(log.allows(kTarget, ip("192.0.3.1"), kStart));
  CHECK(log.allows(kTarget, ip("2001:db8:1::1"), kStart));
  CHECK_FALSE(log.allows(kTarget, ip("2001:db8:1:ffff::1"), kStart));  // the same /48
  CHECK(log.allows(kTarget, ip("2001:db8:2::1"), kStart));
  CHECK_FALSE(log.allows(kTarget, ip("192.0.2.1"), kStart + Milliseconds{59'999}));
  CHECK(log.allows(kTarget, ip("192.0.2.1"), kStart + Seconds{60}));
  CHECK(log.take_counts() == Counts{{kTarget, 4, 2, false}});
}

TEST_CASE("refusal_log: counts by reason, of refusals and of networks", "[relay]") {
  RefusalLog log;
  CHECK(log.take_counts().empty());
  for (int i = 0; i < 600; ++i) {
    CHECK(log.allows(kTarget, ip("192.0.2.1"), kStart) == (i == 0));
    CHECK(log.allows(kNotTls, ip(fmt::format("198.51.{}.1", i % 3)), kStart) == (i < 3));
  }
  CHECK(log.take_counts() == Counts{{kNotTls, 597, 3, false}, {kTarget, 599, 1, false}});
  CHECK(log.take_counts().empty());
  CHECK_FALSE(log.allows(kNotTls, ip("198.51.0.1"), kStart));
  CHECK(log.take_counts() == Counts{{kNotTls, 1, 1, false}});
}

TEST_CASE("refusal_log: many networks get no more lines than it has room for", "[relay]") {
  RefusalLog log;
  std::size_t lines = 0;
  std::array<std::uint8_t, 16> address{0x20, 0x01, 0x0d, 0xb8};
  for (unsigned i = 0; i < 20'000; ++i) {
    address[4] = static_cast<std::uint8_t>(i >> 8);
    address[5] = static_cast<std::uint8_t>(i);
    lines += log.allows(kTarget, IpAddress(address), kStart) ? 1 : 0;
  }
  CHECK(lines == RefusalLog::kMaxLines);
  CHECK(log.take_counts() == Counts{{kTarget, 20'000 - RefusalLog::kMaxLines, 0, true}});
  CHECK(log.allows(kTarget, IpAddress(address), kStart + Seconds{60}));
}

}  // namespace adit::relay
