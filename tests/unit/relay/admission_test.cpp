#include "relay/admission.hpp"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/catch.hpp"

namespace adit::relay {
namespace {

constexpr TimePoint kNow{Seconds(1'000)};

IpAddress ip(const std::string& text) {
  return IpAddress::parse(text).value();
}

/// 198.18.0.0/15 and on: as many clients as wanted.
IpAddress client_number(std::uint32_t number) {
  return ip("198.18.0.0").plus(number);
}

TEST_CASE("admission: one client has only so many connections", "[relay]") {
  Admission admission({100, 3, 1000});
  for (int i = 0; i < 3; ++i)
    CHECK(admission.admit(ip("192.0.2.1"), kNow) == AdmitResult::Admitted);
  CHECK(admission.admit(ip("192.0.2.1"), kNow) == AdmitResult::OverClient);
  CHECK(admission.admit(ip("192.0.2.2"), kNow) == AdmitResult::Admitted);
  admission.release(ip("192.0.2.1"));
  CHECK(admission.admit(ip("192.0.2.1"), kNow) == AdmitResult::Admitted);
  CHECK(admission.admit(ip("192.0.2.1"), kNow) == AdmitResult::OverClient);
  CHECK(admission.active() == 4);
}

TEST_CASE("admission: an IPv6 client is a /64, a mapped address its IPv4 client", "[relay]") {
  Admission admission({100, 1, 1000});
  CHECK(admission.admit(ip("2001:db8:1:2::1"), kNow) == AdmitResult::Admitted);
  CHECK(admission.admit(ip("2001:db8:1:2:ffff::9"), kNow) == AdmitResult::OverClient);
  CHECK(admission.admit(ip("2001:db8:1:3::1"), kNow) == AdmitResult::Admitted);
  CHECK(admission.admit(ip("192.0.2.1"), kNow) == AdmitResult::Admitted);
  CHECK(admission.admit(ip("::ffff:192.0.2.1"), kNow) == AdmitResult::OverClient);
  // 0:0:c000:201::/64 has the number of 192.0.2.1, and is another client.
  CHECK(admission.admit(ip("0:0:c000:201::1"), kNow) == AdmitResult::Admitted);
  admission.release(ip("2001:db8:1:2:ffff::9"));  // any address of the /64 releases it
  CHECK(admission.admit(ip("2001:db8:1:2::7"), kNow) == AdmitResult::Admitted);
}

TEST_CASE("admission: what another process admitted counts, whatever the limits are", "[relay]") {
  Admission admission({3, 2, 1000});
  admission.reserve(3);
  CHECK(admission.admit(ip("192.0.2.9"), kNow) == AdmitResult::OverGlobal);
  for (int i = 0; i < 3; ++i) admission.adopt(ip("192.0.2.1"));
  CHECK(admission.active() == 3);
  admission.release(ip("192.0.2.1"));
  CHECK(admission.admit(ip("192.0.2.1"), kNow) == AdmitResult::OverClient);
  CHECK(admission.admit(ip("192.0.2.9"), kNow) == AdmitResult::Admitted);
  admission.reserve(5);
  admission.unreserve(5);
  CHECK(admission.active() == 3);
  for (int i = 0; i < 2; ++i) admission.release(ip("192.0.2.1"));
  admission.release(ip("192.0.2.9"));
  admission.reserve(1);
  admission.adopt(ip("192.0.2.1"));  // idle, not yet forgotten
  CHECK(admission.clients() == 2);
  admission.release(ip("192.0.2.1"));
  admission.forget_idle(kNow + Seconds(2));
  CHECK(admission.clients() == 0);
  CHECK(admission.active() == 0);
}

TEST_CASE("admission: all together have only so many connections", "[relay]") {
  Admission admission({5, 2, 1000});
  for (std::uint32_t i = 0; i < 5; ++i) {
    CHECK(admission.admit(client_number(i), kNow) == AdmitResult::Admitted);
  }
  CHECK(admission.admit(client_number(9), kNow) == AdmitResult::OverGlobal);
  CHECK(admission.active() == 5);
  CHECK(admission.clients() == 5);  // a refused stranger costs no memory
  admission.release(client_number(2));
  CHECK(admission.admit(client_number(9), kNow) == AdmitResult::Admitted);
}

TEST_CASE("admission: a connection of a load balancer counts over all, later for its client",
          "[relay]") {
  Admission admission({4, 1, 1000});
  for (int i = 0; i < 3; ++i) CHECK(admission.admit_unnamed() == AdmitResult::Admitted);
  CHECK(admission.active() == 3);
  CHECK(admission.clients() == 0);
  CHECK(admission.name(ip("192.0.2.1"), kNow) == AdmitResult::Admitted);
  CHECK(admission.name(ip("192.0.2.1"), kNow) == AdmitResult::OverClient);
  CHECK(admission.active() == 3);  // named or not, it is one connection
  CHECK(admission.admit(ip("192.0.2.1"), kNow) == AdmitResult::OverClient);
  CHECK(admission.admit(ip("192.0.2.2"), kNow) == AdmitResult::Admitted);
  CHECK(admission.admit_unnamed() == AdmitResult::OverGlobal);
  admission.release_unnamed();
  admission.release_unnamed();
  admission.release(ip("192.0.2.1"));
  admission.release(ip("192.0.2.2"));
  CHECK(admission.active() == 0);
}

TEST_CASE("admission: a second's worth of connections at once, then at the rate", "[relay]") {
  Admission admission({100'000, 100'000, 20});
  const auto admit_at = [&](Milliseconds after) {
    return admission.admit(ip("192.0.2.1"), kNow + after);
  };
  for (int i = 0; i < 20; ++i) CHECK(admit_at(Milliseconds(0)) == AdmitResult::Admitted);
  CHECK(admit_at(Milliseconds(0)) == AdmitResult::OverClientRate);
  CHECK(admit_at(Milliseconds(49)) == AdmitResult::OverClientRate);
  CHECK(admit_at(Milliseconds(50)) == AdmitResult::Admitted);  // a token each 50 ms
  CHECK(admit_at(Milliseconds(51)) == AdmitResult::OverClientRate);
  CHECK(admit_at(Milliseconds(200)) == AdmitResult::Admitted);
  CHECK(admit_at(Milliseconds(200)) == AdmitResult::Admitted);
  CHECK(admit_at(Milliseconds(200)) == AdmitResult::Admitted);
  CHECK(admit_at(Milliseconds(200)) == AdmitResult::OverClientRate);
  for (int i = 0; i < 20; ++i) CHECK(admit_at(Milliseconds(5'000)) == AdmitResult::Admitted);
  CHECK(admit_at(Milliseconds(5'000)) == AdmitResult::OverClientRate);
  CHECK(admission.active() == 44);
}

TEST_CASE("admission: the rate does not forget a client that hangs up", "[relay]") {
  Admission admission({100, 100, 5});
  for (int i = 0; i < 5; ++i) {
    CHECK(admission.admit(ip("192.0.2.1"), kNow) == AdmitResult::Admitted);
    admission.release(ip("192.0.2.1"));
  }
  CHECK(admission.admit(ip("192.0.2.1"), kNow) == AdmitResult::OverClientRate);
  CHECK(admission.active() == 0);
}

TEST_CASE("admission: a clock that differs between workers does no harm", "[relay]") {
  Admission admission({100, 100, 2});
  CHECK(admission.admit(ip("192.0.2.1"), kNow + Seconds(2)) == AdmitResult::Admitted);
  // A worker that had to wait two seconds for the processor must not take them from the client.
  CHECK(admission.admit(ip("192.0.2.1"), kNow) == AdmitResult::Admitted);
  CHECK(admission.admit(ip("192.0.2.1"), kNow) == AdmitResult::OverClientRate);
}

TEST_CASE("admission: limits change live; nobody is cut", "[relay]") {
  Admission admission({10, 5, 1000});
  for (int i = 0; i < 5; ++i)
    CHECK(admission.admit(ip("192.0.2.1"), kNow) == AdmitResult::Admitted);
  admission.set_limits({20, 2, 7});
  CHECK(admission.limits() == control::Limits{20, 2, 7});
  CHECK(admission.active() == 5);
  CHECK(admission.admit(ip("192.0.2.1"), kNow) == AdmitResult::OverClient);
  for (int i = 0; i < 4; ++i) admission.release(ip("192.0.2.1"));
  CHECK(admission.admit(ip("192.0.2.1"), kNow + Seconds(1)) == AdmitResult::Admitted);
  admission.set_limits({1, 100, 1000});
  CHECK(admission.admit(ip("192.0.2.2"), kNow) == AdmitResult::OverGlobal);
}

TEST_CASE("admission: idle clients are forgotten when their bucket is full", "[relay]") {
  Admission admission({1'000, 10, 10});
  for (std::uint32_t i = 0; i < 500; ++i) {
    REQUIRE(admission.admit(client_number(i), kNow) == AdmitResult::Admitted);
    if (i % 2 == 0) admission.release(client_number(i));
  }
  CHECK(admission.clients() == 500);
  admission.forget_idle(kNow + Milliseconds(99));
  CHECK(admission.clients() == 500);
  admission.forget_idle(kNow + Milliseconds(100));
  CHECK(admission.clients() == 250);  // those with a connection stay
}

TEST_CASE("admission: a flood of clients that come and go costs bounded memory", "[relay]") {
  Admission admission({20'000, 10, 1});  // a bucket needs a whole second
  for (std::uint32_t i = 0; i < 200'000; ++i) {
    REQUIRE(admission.admit(client_number(i), kNow) == AdmitResult::Admitted);
    admission.release(client_number(i));
  }
  CHECK(admission.clients() <= kMaxIdleClients + 64);
  CHECK(admission.clients() > kMaxIdleClients / 2);
  admission.forget_idle(kNow + Seconds(1));
  CHECK(admission.clients() == 0);
}

TEST_CASE("admission: workers together never pass a limit", "[relay]") {
  Admission admission({50, 20, 1'000'000});
  std::atomic<int> over{0};
  std::atomic<int> admitted{0};
  std::vector<std::thread> workers;
  for (std::uint32_t worker = 0; worker < 4; ++worker) {
    workers.emplace_back([&, worker] {
      for (std::uint32_t i = 0; i < 5'000; ++i) {
        const IpAddress client = client_number((i + worker) % 5);
        const TimePoint now = kNow + Milliseconds(i);
        if (admission.admit(client, now) != AdmitResult::Admitted) continue;
        ++admitted;
        if (admission.active() > 50 + 4) ++over;  // each worker may be about to give one back
        admission.release(client);
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  CHECK(over == 0);
  CHECK(admitted > 0);
  CHECK(admission.active() == 0);
  admission.forget_idle(kNow + Seconds(100));
  CHECK(admission.clients() == 0);
}

}  // namespace
}  // namespace adit::relay
