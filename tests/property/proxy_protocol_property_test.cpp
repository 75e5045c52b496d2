// What is written is read again as the same connection, whole and in parts; whatever else comes,
// nothing is read past its end and no more than the bound is waited for.
#include <string>
#include <vector>

#include "relay/proxy_header_reader.hpp"
#include "relay/proxy_protocol.hpp"
#include "tests/support/bytes.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/random.hpp"

namespace adit::relay {
namespace {

using test::Bytes;
using test::Random;

Endpoint random_endpoint(Random& random) {
  const auto port = static_cast<std::uint16_t>(random.number(0, 65535));
  std::vector<std::uint8_t> bytes = random.bytes(random.one_in(2) ? 4 : 16);
  if (random.one_in(3)) std::fill(bytes.begin(), bytes.end() - 2, std::uint8_t{0});
  return {IpAddress(bytes), port};
}

std::string random_text(Random& random, std::size_t longest) {
  const auto bytes = random.bytes(random.below(longest + 1));
  return {bytes.begin(), bytes.end()};
}

TEST_CASE("proxy_protocol: what is written is read again", "[property]") {
  const std::uint64_t seed = GENERATE(1, 2, 3, 4);
  Random random(seed);
  CAPTURE(seed);
  for (int i = 0; i < 2000; ++i) {
    const ProxyAddresses addresses{random_endpoint(random), random_endpoint(random)};
    const std::string alpn = random_text(random, 300);
    const std::string authority = random_text(random, 255);
    const std::string unique_id = random_text(random, kMaxUniqueIdBytes);
    const auto version = random.one_in(2) ? control::ProxyProtocol::V1 : control::ProxyProtocol::V2;
    const Bytes header = proxy_header(version, addresses, {alpn, authority, unique_id});
    Bytes stream = header;
    const Bytes payload = random.bytes(random.below(40));
    stream.insert(stream.end(), payload.begin(), payload.end());
    ProxyHeaderReader reader;
    // A prefix first, in an allocation of its own.
    const ProxyStatus before = reader.feed(test::prefix(header, random.below(header.size())));
    CHECK(before == ProxyStatus::NeedMore);
    REQUIRE(reader.feed(stream) == ProxyStatus::Complete);
    CHECK(reader.addresses() == addresses);
    CHECK(reader.size_bytes() == header.size());
  }
}

TEST_CASE("proxy_protocol: damage is never read past the end", "[property]") {
  const std::uint64_t seed = GENERATE(5, 6, 7, 8);
  Random random(seed);
  CAPTURE(seed);
  for (int i = 0; i < 2000; ++i) {
    const ProxyAddresses addresses{random_endpoint(random), random_endpoint(random)};
    const auto version = random.one_in(2) ? control::ProxyProtocol::V1 : control::ProxyProtocol::V2;
    Bytes header = proxy_header(version, addresses, {random_text(random, 30), "a.test", "x"});
    for (std::size_t n = random.number(1, 4); n > 0; --n) {
      header[random.below(header.size())] = random.byte();
    }
    ProxyHeaderReader reader;
    const ProxyStatus status = reader.feed(test::prefix(header, header.size()));
    if (status == ProxyStatus::Complete) CHECK(reader.size_bytes() <= header.size());
    Bytes filled = header;
    filled.resize(kMaxProxyHeaderBytes, 'x');
    ProxyHeaderReader bounded;
    CHECK(bounded.feed(filled) != ProxyStatus::NeedMore);
  }
}

}  // namespace
}  // namespace adit::relay
