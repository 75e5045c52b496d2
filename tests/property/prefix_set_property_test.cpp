// The prefix set says of every address what a list that is gone through one by one says.
#include <optional>
#include <vector>

#include "relay/prefix_set.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/random.hpp"

namespace adit::relay {
namespace {

using test::Random;

/// In a small corner of the address space, so that networks nest and touch.
IpAddress near_address(Random& random, bool is_v4) {
  std::vector<std::uint8_t> bytes(is_v4 ? 4 : 16, 0);
  bytes[0] = is_v4 ? 10 : 0x20;
  for (std::size_t i = 1; i < bytes.size(); ++i) {
    if (random.one_in(2))
      bytes[i] = static_cast<std::uint8_t>(random.one_in(2) ? 255 : random.below(4));
  }
  if (random.one_in(20)) bytes.assign(bytes.size(), 255);
  return IpAddress(bytes);
}

IpPrefix near_prefix(Random& random) {
  const IpAddress address = near_address(random, random.one_in(2));
  return {address, static_cast<unsigned>(random.number(0, address.bits()))};
}

std::optional<unsigned> longest_by_hand(const std::vector<IpPrefix>& prefixes,
                                        const IpAddress& address) {
  std::optional<unsigned> longest;
  for (const IpPrefix& prefix : prefixes) {
    if (!prefix.contains(address)) continue;
    if (!longest || prefix.length() > *longest) longest = prefix.length();
  }
  return longest;
}

TEST_CASE("prefix_set: finds what a naive list finds", "[property]") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    std::vector<IpPrefix> prefixes;
    for (std::size_t count = random.below(60); count > 0; --count) {
      prefixes.push_back(near_prefix(random));
    }
    const PrefixSet set(prefixes);
    CHECK(set.is_empty() == prefixes.empty());
    for (int i = 0; i < 200; ++i) {
      // Also right at the edges of the networks.
      const bool is_edge = !prefixes.empty() && random.one_in(2);
      IpAddress address = near_address(random, random.one_in(2));
      if (is_edge) {
        const IpPrefix& prefix = random.pick(prefixes);
        address = prefix.address();
        const unsigned host_bits = address.bits() - prefix.length();
        if (host_bits < 31)
          address = address.plus(static_cast<std::uint32_t>((1ULL << host_bits) - random.below(2)));
      }
      if (set.longest(address) != longest_by_hand(prefixes, address)) {
        FAIL("differs for " << address.to_string());
      }
    }
  }
}

}  // namespace
}  // namespace adit::relay
