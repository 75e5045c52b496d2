// Many throttles on one line, by a fake clock: together they never pass more than the rate and the
// burst allow, waste next to nothing while there is something to send, and get equal shares.
#include <algorithm>
#include <vector>

#include "relay/throttle.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/random.hpp"

namespace adit::relay {
namespace {

using test::Random;

constexpr TimePoint kStart{Seconds(1'000)};

struct Stream {
  Throttle throttle;
  std::uint64_t sent = 0;
  TimePoint wakes{};
};

/// What one stream does when it is woken: one portion. True: it would go on at once.
bool run(Stream& stream, const LinePair& lines, TimePoint now, Random& random, bool has_pauses) {
  const std::uint64_t allowed = stream.throttle.allowed(lines, now);
  if (allowed == 0) {
    // One timer serves all, up to two ticks late.
    constexpr Milliseconds kTick{20};
    const auto due = std::chrono::ceil<Milliseconds>(stream.throttle.resume_at() - kStart);
    stream.wakes = kStart + (due + kTick) / kTick * kTick;
    return false;
  }
  // Sometimes there is less to read than allowed: then the rest is given back.
  const bool is_short = has_pauses && random.one_in(4);
  const std::uint64_t bytes = is_short ? random.number(0, allowed) : allowed;
  stream.throttle.spend(bytes);
  stream.sent += bytes;
  if (!is_short) return true;
  stream.throttle.give_back(lines);
  stream.wakes = now + Milliseconds(random.number(1, 30));
  return false;
}

std::uint64_t total(const std::vector<Stream>& streams) {
  std::uint64_t sum = 0;
  for (const Stream& stream : streams) sum += stream.sent;
  return sum;
}

void simulate(std::vector<Stream>& streams, const LinePair& lines, Milliseconds time,
              Random& random, bool has_pauses) {
  for (Stream& stream : streams) stream.wakes = kStart;
  for (TimePoint now = kStart; now < kStart + time; now += Milliseconds(1)) {
    for (bool goes_on = true; goes_on;) {
      goes_on = false;
      for (Stream& stream : streams) {
        if (stream.wakes <= now && run(stream, lines, now, random, has_pauses)) goes_on = true;
      }
    }
  }
}

TEST_CASE("throttle: a busy line passes its rate, in equal shares", "[property]") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    const std::uint64_t rate = random.number(2'000'000, 400'000'000);
    std::vector<Stream> streams(random.number(1, 16));
    CAPTURE(rate, streams.size());
    TokenBucket bucket;
    simulate(streams, {Line{}, Line{&bucket, rate}}, Seconds(5), random, false);
    const auto wanted = static_cast<double>(rate) / 8 * 5;
    const auto sent = static_cast<double>(total(streams));
    CHECK(sent <= wanted * 1.017 + static_cast<double>(Throttle::portion(rate)));
    CHECK(sent >= wanted * 0.97);
    const double share = sent / static_cast<double>(streams.size());
    for (const Stream& stream : streams) {
      CHECK(static_cast<double>(stream.sent) > share * 0.9);
      CHECK(static_cast<double>(stream.sent) < share * 1.1);
    }
  }
}

TEST_CASE("throttle: never more than rate and burst, however they come and go", "[property]") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    const std::uint64_t rate = random.number(8'000, 100'000'000);
    std::vector<Stream> streams(random.number(1, 30));
    CAPTURE(rate, streams.size());
    TokenBucket bucket;
    simulate(streams, {Line{}, Line{&bucket, rate}}, Seconds(3), random, true);
    const auto bytes_per_ms = static_cast<double>(rate) / 8'000;
    // Who gives back lets the next one go before the line is free: by a portion for each at most.
    const double slack =
        static_cast<double>(Throttle::portion(rate)) * static_cast<double>(streams.size() + 1);
    CHECK(static_cast<double>(total(streams)) <= bytes_per_ms * 3'080 + slack);
  }
}

}  // namespace
}  // namespace adit::relay
