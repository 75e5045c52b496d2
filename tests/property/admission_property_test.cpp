// Admission answers as a naive reference that keeps every client's tokens for ever: forgetting idle
// clients and sharding change nothing that a client could see.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "relay/admission.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/random.hpp"

namespace adit::relay {
namespace {

using test::Random;

/// A bucket in tokens instead of a time stamp. Rates divide a second and times are whole
/// milliseconds, so a double holds every value exactly enough.
class Reference {
 public:
  explicit Reference(const control::Limits& limits) : limits_(limits) {}

  AdmitResult admit(const std::string& client, TimePoint now) {
    if (active_ >= limits_.connections) return AdmitResult::OverGlobal;
    const double full = limits_.rate_per_client;
    auto [found, is_new] = clients_.try_emplace(client, Client{0, full, now});
    Client& known = found->second;
    const double seconds = std::chrono::duration<double>(now - known.at).count();
    known.tokens = std::min(full, known.tokens + seconds * full);
    known.at = now;
    if (known.connections >= limits_.connections_per_client) return AdmitResult::OverClient;
    if (known.tokens < 1.0 - 1e-6) return AdmitResult::OverClientRate;
    known.tokens -= 1.0;
    ++known.connections;
    ++active_;
    return AdmitResult::Admitted;
  }

  void release(const std::string& client) {
    --clients_[client].connections;
    --active_;
  }

 private:
  struct Client {
    std::uint32_t connections;
    double tokens;
    TimePoint at;
  };

  control::Limits limits_;
  std::uint32_t active_ = 0;
  std::map<std::string, Client> clients_;
};

struct Address {
  std::string text;
  std::string client;  // the same for addresses of one /64
};

std::vector<Address> some_addresses() {
  std::vector<Address> made;
  for (int i = 1; i <= 20; ++i) {
    const std::string number = std::to_string(i);
    made.push_back({"192.0.2." + number, "4/" + number});
    made.push_back({"2001:db8:0:" + number + "::1", "6/" + number});
    made.push_back({"2001:db8:0:" + number + ":ffff::2", "6/" + number});
  }
  return made;
}

TEST_CASE("admission property: equals a naive reference", "[property]") {
  const auto seed = GENERATE(range<std::uint64_t>(1, 17));
  CAPTURE(seed);
  Random random(seed);
  static const std::vector<std::uint32_t> rates{1, 2, 4, 5, 10, 50, 100};
  const control::Limits limits{static_cast<std::uint32_t>(random.number(5, 60)),
                               static_cast<std::uint32_t>(random.number(1, 8)), random.pick(rates)};
  CAPTURE(limits.connections, limits.connections_per_client, limits.rate_per_client);
  const auto addresses = some_addresses();
  Admission admission(limits);
  Reference reference(limits);
  std::vector<const Address*> open;
  TimePoint now{Seconds(500)};
  for (int step = 0; step < 5'000; ++step) {
    CAPTURE(step);
    now += Milliseconds(random.one_in(200) ? random.number(0, 3'000) : random.number(0, 20));
    if (random.one_in(100)) admission.forget_idle(now);
    if (!open.empty() && random.one_in(3)) {
      const std::size_t which = random.below(open.size());
      admission.release(IpAddress::parse(open[which]->text).value());
      reference.release(open[which]->client);
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(which));
      continue;
    }
    const Address& address = random.pick(addresses);
    const AdmitResult got = admission.admit(IpAddress::parse(address.text).value(), now);
    REQUIRE(got == reference.admit(address.client, now));
    if (got == AdmitResult::Admitted) open.push_back(&address);
    REQUIRE(admission.active() == open.size());
  }
}

}  // namespace
}  // namespace adit::relay
