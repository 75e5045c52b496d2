#include "relay/health_record.hpp"

#include "tests/support/catch.hpp"

namespace adit::relay {
namespace {

using control::HealthCheck;
using control::TargetState;

constexpr Milliseconds kConnect{5000};

TimePoint at(int ms) {
  return TimePoint(std::chrono::hours(1)) + Milliseconds(ms);
}

Endpoint target() {
  return *Endpoint::parse("10.30.0.200:443");
}

void fail_at(HealthRecord& record, int ms, int times) {
  for (int i = 0; i < times; ++i) record.failed(at(ms), "target_refused");
}

TEST_CASE("health_record: three failed connections in a row put a target back", "[relay]") {
  HealthRecord record(target(), HealthCheck::None);
  CHECK(record.report(at(0)).state == TargetState::Untested);
  CHECK(record.failed(at(0), "target_refused") == Turn::None);
  CHECK(record.failed(at(0), "target_refused") == Turn::None);
  CHECK(record.report(at(5)).state == TargetState::Failing);
  CHECK(record.connected(at(10), std::chrono::microseconds(250)) == Turn::None);
  CHECK(record.standing(at(10)) == Standing::Preferred);
  fail_at(record, 20, 2);
  CHECK(record.standing(at(20)) == Standing::Preferred);  // counted anew
  CHECK(record.failed(at(20), "target_timeout") == Turn::WentDown);
  CHECK(record.standing(at(20)) == Standing::Down);
  const auto report = record.report(at(520));
  CHECK(report.target == target());
  CHECK(report.state == TargetState::Down);
  CHECK(report.since == Milliseconds(500));
  CHECK(report.failures == 3);
  CHECK(report.last_error == "target_timeout");
  CHECK(report.last_connected == Milliseconds(510));
  CHECK(report.connect_us == 250);
  CHECK(record.connected(at(600), std::chrono::microseconds(90)) == Turn::CameBack);
  CHECK(record.report(at(700)).state == TargetState::Healthy);
  CHECK(record.standing(at(600)) == Standing::Preferred);
}

TEST_CASE("health_record: one connection at a time tries it, after pauses that grow to a minute",
          "[relay]") {
  HealthRecord record(target(), HealthCheck::None);
  fail_at(record, 0, 500);  // under way together: one pause
  CHECK(record.standing(at(999)) == Standing::Down);
  CHECK_FALSE(record.claim_trial(at(999), kConnect));
  int now = 1000;
  for (const int pause : {2000, 4000, 8000, 16'000, 32'000, 60'000, 60'000}) {
    CAPTURE(pause);
    REQUIRE(record.standing(at(now)) == Standing::Trial);
    REQUIRE(record.claim_trial(at(now), kConnect));
    REQUIRE_FALSE(record.claim_trial(at(now + 1), kConnect));
    REQUIRE(record.standing(at(now + 1)) == Standing::Down);
    now += 100;
    REQUIRE(record.failed(at(now), "target_refused") == Turn::None);
    REQUIRE(record.standing(at(now + pause - 1)) == Standing::Down);
    now += pause;
  }
  REQUIRE(record.claim_trial(at(now), kConnect));
  CHECK(record.connected(at(now), {}) == Turn::CameBack);
  fail_at(record, now, 3);
  CHECK(record.standing(at(now + 1000)) == Standing::Trial);  // the pause began anew
}

TEST_CASE("health_record: a trial whose client left is tried again after its time", "[relay]") {
  HealthRecord record(target(), HealthCheck::None);
  fail_at(record, 0, 3);
  REQUIRE(record.claim_trial(at(1000), kConnect));
  CHECK(record.standing(at(5999)) == Standing::Down);
  CHECK(record.standing(at(6000)) == Standing::Trial);
}

TEST_CASE("health_record: two failed checks take it out, one that passes brings it back",
          "[relay]") {
  HealthRecord record(target(), HealthCheck::Tls);
  CHECK(record.check_passed(at(0)) == Turn::None);
  CHECK(record.report(at(10)).state == TargetState::Healthy);
  CHECK(record.check_failed(at(20), "no_tls_answer") == Turn::None);
  CHECK(record.standing(at(20)) == Standing::Preferred);
  CHECK(record.check_failed(at(30), "no_tls_answer") == Turn::WentDown);
  CHECK(record.check_failed(at(40), "no_tls_answer") == Turn::None);
  CHECK(record.standing(at(3'600'000)) == Standing::Down);  // clients do not try it
  CHECK(record.connected(at(50), {}) == Turn::None);        // accepted, but still no TLS
  CHECK(record.standing(at(50)) == Standing::Down);
  CHECK(record.check_passed(at(60)) == Turn::CameBack);
  fail_at(record, 70, 3);
  CHECK(record.standing(at(70)) == Standing::Down);
  CHECK(record.check_passed(at(80)) == Turn::CameBack);
}

TEST_CASE("health_record: how the targets of a route stand", "[relay]") {
  HealthRecords records;
  for (int i = 0; i < 3; ++i) {
    records.push_back(std::make_shared<HealthRecord>(target(), HealthCheck::None));
  }
  CHECK((standings_of(records, at(0)).preferred & 0b111) == 0b111);
  fail_at(*records[1], 0, 3);
  CHECK((standings_of(records, at(0)).preferred & 0b111) == 0b101);
  CHECK(standings_of(records, at(0)).trials == 0);
  CHECK((standings_of(records, at(1000)).preferred & 0b111) == 0b111);
  CHECK(standings_of(records, at(1000)).trials == 0b010);
}

}  // namespace
}  // namespace adit::relay
