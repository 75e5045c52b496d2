#include "common/net/own_addresses.hpp"

#include <algorithm>

#include "tests/support/catch.hpp"

namespace adit {

TEST_CASE("own_addresses: which addresses others can reach", "[common]") {
  const auto [text, wanted] = GENERATE(table<const char*, bool>({{"203.0.113.10", true},
                                                                 {"2001:db8::1", true},
                                                                 {"10.0.0.5", false},
                                                                 {"172.16.0.1", false},
                                                                 {"172.32.0.1", true},
                                                                 {"192.168.1.1", false},
                                                                 {"100.64.0.1", false},
                                                                 {"100.128.0.1", true},
                                                                 {"169.254.1.1", false},
                                                                 {"fe80::1", false},
                                                                 {"fd00::1", false},
                                                                 {"127.0.0.1", false},
                                                                 {"0.0.0.0", false},
                                                                 {"::1", false}}));
  CAPTURE(text);
  CHECK(is_public(IpAddress::parse(text).value()) == wanted);
}

TEST_CASE("own_addresses: the loopback address is among this machine's", "[common]") {
  const auto all = own_addresses();
  const OwnAddress loopback{"lo", IpAddress::parse("127.0.0.1").value(), 8};
  CHECK(std::find(all.begin(), all.end(), loopback) != all.end());
}

}  // namespace adit
