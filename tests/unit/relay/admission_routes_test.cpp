#include "relay/admission.hpp"
#include "tests/support/catch.hpp"

namespace adit::relay {
namespace {

constexpr TimePoint kStart{Seconds(1'000)};

IpAddress ip(const char* text) {
  return IpAddress::parse(text).value();
}

struct Fixture {
  Admission admission{control::Limits{}};
  int first = 0;
  int second = 0;
};

TEST_CASE("admission: connections of one client to one route", "[relay]") {
  Fixture f;
  const ClientLimits limits{.connections = 2, .rate = 0};
  const IpAddress client = ip("192.0.2.1");
  CHECK(f.admission.enter(&f.first, client, limits, kStart) == AdmitResult::Admitted);
  CHECK(f.admission.enter(&f.first, client, limits, kStart) == AdmitResult::Admitted);
  CHECK(f.admission.enter(&f.first, client, limits, kStart) == AdmitResult::OverClient);
  CHECK(f.admission.enter(&f.second, client, limits, kStart) == AdmitResult::Admitted);
  CHECK(f.admission.enter(&f.first, ip("192.0.2.2"), limits, kStart) == AdmitResult::Admitted);
  CHECK(f.admission.admit(client, kStart) ==
        AdmitResult::Admitted);  // of all routes: another count
  CHECK(f.admission.active() == 1);
  f.admission.leave(&f.first, client);
  CHECK(f.admission.enter(&f.first, client, limits, kStart) == AdmitResult::Admitted);
}

TEST_CASE("admission: an IPv6 client of a route is its /64", "[relay]") {
  Fixture f;
  const ClientLimits limits{.connections = 1, .rate = 0};
  CHECK(f.admission.enter(&f.first, ip("2001:db8::1"), limits, kStart) == AdmitResult::Admitted);
  CHECK(f.admission.enter(&f.first, ip("2001:db8::2"), limits, kStart) == AdmitResult::OverClient);
  CHECK(f.admission.enter(&f.first, ip("2001:db8:0:1::1"), limits, kStart) ==
        AdmitResult::Admitted);
}

TEST_CASE("admission: new connections per second of one client to one route", "[relay]") {
  Fixture f;
  const ClientLimits limits{.connections = 0, .rate = 5};
  const IpAddress client = ip("192.0.2.1");
  for (int i = 0; i < 5; ++i) {
    CHECK(f.admission.enter(&f.first, client, limits, kStart) == AdmitResult::Admitted);
  }
  CHECK(f.admission.enter(&f.first, client, limits, kStart) == AdmitResult::OverClientRate);
  CHECK(f.admission.enter(&f.second, client, limits, kStart) == AdmitResult::Admitted);
  CHECK(f.admission.enter(&f.first, client, limits, kStart + Milliseconds(199)) ==
        AdmitResult::OverClientRate);
  CHECK(f.admission.enter(&f.first, client, limits, kStart + Milliseconds(200)) ==
        AdmitResult::Admitted);
}

TEST_CASE("admission: the lines of a client of a route are shared and outlive a short absence",
          "[relay]") {
  Fixture f;
  const IpAddress client = ip("192.0.2.1");
  CHECK(f.admission.enter(&f.first, client, {}, kStart) == AdmitResult::Admitted);
  CHECK(f.admission.enter(&f.first, client, {}, kStart) == AdmitResult::Admitted);
  const auto lines = f.admission.lines_of(&f.first, client);
  REQUIRE(lines != nullptr);
  CHECK(f.admission.lines_of(&f.first, client) == lines);
  static_cast<void>(lines->at(Way::ToClient).reserve(1'000'000, 8'000'000, kStart));  // a second
  f.admission.leave(&f.first, client);
  f.admission.leave(&f.first, client);
  f.admission.forget_idle(kStart + Milliseconds(900));
  CHECK(f.admission.clients() == 1);
  CHECK(f.admission.enter(&f.first, client, {}, kStart + Milliseconds(900)) ==
        AdmitResult::Admitted);
  CHECK(f.admission.lines_of(&f.first, client) == lines);
  f.admission.leave(&f.first, client);
  f.admission.forget_idle(kStart + Milliseconds(1'100));
  CHECK(f.admission.clients() == 0);
}

TEST_CASE("admission: who comes from another process counts at its route, whatever the limits are",
          "[relay]") {
  Fixture f;
  const IpAddress client = ip("192.0.2.1");
  const ClientLimits limits{.connections = 1, .rate = 0};
  for (int i = 0; i < 2; ++i) f.admission.adopt(client, &f.first);
  REQUIRE(f.admission.lines_of(&f.first, client) != nullptr);
  CHECK(f.admission.enter(&f.first, client, limits, kStart) == AdmitResult::OverClient);
  CHECK(f.admission.enter(&f.second, client, limits, kStart) == AdmitResult::Admitted);
  for (int i = 0; i < 2; ++i) f.admission.leave(&f.first, client);
  CHECK(f.admission.enter(&f.first, client, limits, kStart) == AdmitResult::Admitted);
  CHECK(f.admission.active() == 0);  // over all it is counted apart
}

TEST_CASE("admission: strangers with many addresses cost a bounded amount at a route too",
          "[relay]") {
  Fixture f;
  const ClientLimits limits{.connections = 10, .rate = 1};
  IpAddress client = ip("198.18.0.0");
  for (std::uint32_t i = 0; i < 3 * kMaxIdleClients; ++i) {
    const IpAddress each = client.plus(i);
    REQUIRE(f.admission.enter(&f.first, each, limits, kStart) == AdmitResult::Admitted);
    f.admission.leave(&f.first, each);
  }
  CHECK(f.admission.clients() <= kMaxIdleClients + 64);
  f.admission.forget_idle(kStart + Seconds(2));
  CHECK(f.admission.clients() == 0);
}

}  // namespace
}  // namespace adit::relay
