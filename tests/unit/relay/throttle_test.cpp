#include "relay/throttle.hpp"

#include <vector>

#include "tests/support/catch.hpp"

namespace adit::relay {
namespace {

constexpr std::uint64_t kRate = 8'000'000;  // bits: one byte takes a microsecond
constexpr TimePoint kStart{Seconds(1'000)};

std::chrono::microseconds us(std::int64_t count) {
  return std::chrono::microseconds(count);
}

TEST_CASE("token_bucket: one behind the other, a burst after silence", "[relay]") {
  TokenBucket bucket;
  // 80 ms of silence are there to be used: 80 000 bytes at once.
  CHECK(bucket.reserve(80'000, kRate, kStart) == kStart);
  CHECK(bucket.reserve(1'000, kRate, kStart) == kStart);
  CHECK(bucket.reserve(2'000, kRate, kStart) == kStart + us(1'000));
  CHECK(bucket.reserve(1, kRate, kStart) == kStart + us(3'000));
  CHECK(bucket.free_at() == kStart + us(3'001));
  // However long the silence, the burst stays the same.
  const TimePoint later = kStart + Seconds(100);
  CHECK(bucket.reserve(80'000, kRate, later) == later);
  CHECK(bucket.reserve(1, kRate, later) == later);
  CHECK(bucket.reserve(1, kRate, later) == later + us(1));
}

TEST_CASE("token_bucket: what is given back is there for others", "[relay]") {
  TokenBucket bucket;
  static_cast<void>(bucket.reserve(90'000, kRate, kStart));
  CHECK(bucket.free_at() == kStart + us(10'000));
  bucket.give_back(4'000, kRate);
  CHECK(bucket.free_at() == kStart + us(6'000));
  bucket.give_back(4'000, kRate + 1);  // of another rate: its time is not this one's
  CHECK(bucket.free_at() == kStart + us(6'000));
}

TEST_CASE("token_bucket: another rate forgets who waits", "[relay]") {
  TokenBucket bucket;
  static_cast<void>(bucket.reserve(60'000'000, kRate, kStart));
  CHECK(bucket.reserve(1'000, kRate * 8, kStart) == kStart);
  CHECK(bucket.reserve(1'000, kRate * 8, kStart) == kStart + us(125));
}

TEST_CASE("throttle: one that waited elsewhere waits on, then asks as a new one", "[relay]") {
  TokenBucket bucket;
  const LinePair lines{Line{}, Line{&bucket, kRate}};
  Throttle throttle;
  throttle.wait_until(kStart + Milliseconds(20));
  CHECK(throttle.is_waiting());
  CHECK(throttle.resume_at() == kStart + Milliseconds(20));
  CHECK(throttle.allowed(lines, kStart + Milliseconds(20)) == Throttle::portion(kRate));
  CHECK(!throttle.is_waiting());
}

TEST_CASE("throttle: reads its portion, waits, goes on", "[relay]") {
  TokenBucket bucket;
  const LinePair lines{Line{}, Line{&bucket, kRate}};
  const std::uint64_t portion = Throttle::portion(kRate);
  CHECK(portion == 20'000);
  Throttle throttle;
  std::uint64_t total = 0;
  TimePoint now = kStart;
  while (const std::uint64_t allowed = throttle.allowed(lines, now)) {
    CHECK(allowed == portion);
    CHECK(throttle.allowed(lines, now) == portion);  // asked twice is reserved once
    throttle.spend(allowed);
    total += allowed;
  }
  CHECK(total == 5 * portion);  // the burst, and what was begun
  CHECK(throttle.is_waiting());
  CHECK(throttle.resume_at() == now + us(20'000));
  CHECK(throttle.allowed(lines, now + us(19'999)) == 0);
  CHECK(throttle.allowed(lines, now + us(20'000)) == portion);
  CHECK_FALSE(throttle.is_waiting());
}

TEST_CASE("throttle: without a limit nothing is counted", "[relay]") {
  Throttle throttle;
  CHECK(throttle.allowed({}, kStart) == Throttle::kUnlimited);
  throttle.spend(1'000'000'000);
  CHECK(throttle.allowed({}, kStart) == Throttle::kUnlimited);
  throttle.give_back({});
  CHECK_FALSE(throttle.is_waiting());
}

TEST_CASE(
    "throttle: the narrower of two lines decides, and takes nothing of the other while it waits",
    "[relay]") {
  TokenBucket client;
  TokenBucket route;
  const LinePair lines{Line{&client, kRate}, Line{&route, kRate * 10}};
  Throttle throttle;
  while (const std::uint64_t allowed = throttle.allowed(lines, kStart)) throttle.spend(allowed);
  const TimePoint free_at = route.free_at();
  CHECK(throttle.allowed(lines, kStart) == 0);
  CHECK(route.free_at() == free_at);
  CHECK(free_at < kStart);
}

TEST_CASE("throttle: what was not needed goes back", "[relay]") {
  TokenBucket bucket;
  const LinePair lines{Line{}, Line{&bucket, kRate}};
  Throttle throttle;
  REQUIRE(throttle.allowed(lines, kStart) == 20'000);
  throttle.spend(100);
  throttle.give_back(lines);
  CHECK(bucket.free_at() == kStart - TokenBucket::kBurst + us(100));
}

TEST_CASE("throttle: another rate is noticed by who waits", "[relay]") {
  TokenBucket bucket;
  Throttle throttle;
  const LinePair slow{Line{}, Line{&bucket, 8'000}};  // a portion takes two seconds
  while (const std::uint64_t allowed = throttle.allowed(slow, kStart)) throttle.spend(allowed);
  CHECK(throttle.resume_at() == kStart + Throttle::kLongestWait);
  const LinePair fast{Line{}, Line{&bucket, kRate}};
  CHECK(throttle.allowed(fast, kStart + Throttle::kLongestWait) > 0);
  const LinePair none{Line{}, Line{&bucket, 0}};
  CHECK(throttle.allowed(none, kStart + Throttle::kLongestWait) == Throttle::kUnlimited);
}

TEST_CASE("throttle: portions are bounded", "[relay]") {
  CHECK(Throttle::portion(8'000) == 2'048);
  CHECK(Throttle::portion(50'000'000) == 125'000);
  CHECK(Throttle::portion(1'000'000'000'000'000) == 1 << 20);
}

}  // namespace
}  // namespace adit::relay
