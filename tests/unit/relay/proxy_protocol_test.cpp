#include "relay/proxy_protocol.hpp"

#include <string>

#include "relay/crc32c.hpp"
#include "tests/support/bytes.hpp"
#include "tests/support/catch.hpp"

namespace adit::relay {
namespace {

using test::Bytes;
using test::bytes_of;
using test::join;

ProxyAddresses between(const char* source, const char* destination) {
  return {*Endpoint::parse(source), *Endpoint::parse(destination)};
}

const Bytes kSignature{0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
const Bytes kV4Block{192,  0,    2,    7,      // source
                     203,  0,    113,  10,     // destination
                     0xdc, 0x04, 0x01, 0xbb};  // ports 56324 and 443

/// The header without its last four bytes, the checksum, which is compared on its own.
void check_v2(const Bytes& header, const Bytes& without_sum) {
  REQUIRE(header.size() == without_sum.size() + 4);
  CHECK(test::prefix(header, without_sum.size()) == without_sum);
  const Bytes zeroed = join({without_sum, {0, 0, 0, 0}});
  const std::uint32_t sum = crc32c(zeroed);
  const Bytes wanted{static_cast<std::uint8_t>(sum >> 24), static_cast<std::uint8_t>(sum >> 16),
                     static_cast<std::uint8_t>(sum >> 8), static_cast<std::uint8_t>(sum)};
  CHECK(Bytes(header.end() - 4, header.end()) == wanted);
}

TEST_CASE("crc32c: known values", "[relay]") {
  CHECK(crc32c({}) == 0);
  CHECK(crc32c(bytes_of("123456789")) == 0xe3069283);
  // RFC 3720 B.4: 32 bytes of zeros, of ones, 0 to 31.
  CHECK(crc32c(Bytes(32, 0)) == 0x8a9136aa);
  CHECK(crc32c(Bytes(32, 0xff)) == 0x62a8ab43);
  Bytes ascending;
  for (std::uint8_t i = 0; i < 32; ++i) ascending.push_back(i);
  CHECK(crc32c(ascending) == 0x46dd794e);
  CHECK(crc32c(bytes_of("6789"), crc32c(bytes_of("12345"))) == 0xe3069283);
}

TEST_CASE("proxy_protocol: version 1", "[relay]") {
  CHECK(proxy_line(between("192.0.2.7:56324", "203.0.113.10:443")) ==
        "PROXY TCP4 192.0.2.7 203.0.113.10 56324 443\r\n");
  CHECK(proxy_line(between("[2001:db8::7]:56324", "[2001:db8:1::10]:443")) ==
        "PROXY TCP6 2001:db8::7 2001:db8:1::10 56324 443\r\n");
  CHECK(proxy_line(between("255.255.255.255:65535", "255.255.255.255:65535")).size() == 56);
  const char* longest = "[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535";
  CHECK(proxy_line(between(longest, longest)).size() <= kMaxProxyLineBytes);
}

TEST_CASE("proxy_protocol: version 1 knows no dotted quad inside of IPv6", "[relay]") {
  CHECK(proxy_line(between("192.0.2.7:1", "[2001:db8::1]:443")) ==
        "PROXY TCP6 0:0:0:0:0:ffff:c000:207 2001:db8::1 1 443\r\n");
  CHECK(proxy_line(between("[2001:db8::1]:1", "192.0.2.7:443")) ==
        "PROXY TCP6 2001:db8::1 0:0:0:0:0:ffff:c000:207 1 443\r\n");
  CHECK(proxy_line(between("[::192.0.2.7]:1", "[2001:db8::1]:443")) ==
        "PROXY TCP6 0:0:0:0:0:0:c000:207 2001:db8::1 1 443\r\n");
}

TEST_CASE("proxy_protocol: a mapped client is an IPv4 one", "[relay]") {
  CHECK(proxy_line(between("[::ffff:192.0.2.7]:1", "[::ffff:203.0.113.10]:443")) ==
        "PROXY TCP4 192.0.2.7 203.0.113.10 1 443\r\n");
}

TEST_CASE("proxy_protocol: version 2 over IPv4, with nothing but its checksum", "[relay]") {
  const Bytes header = proxy_header_v2(between("192.0.2.7:56324", "203.0.113.10:443"), {});
  check_v2(header, join({kSignature,
                         {0x21,         // version 2, PROXY
                          0x11,         // TCP over IPv4
                          0x00, 0x13},  // 19 bytes follow
                         kV4Block,
                         {0x03, 0x00, 0x04}}));  // CRC32C, 4 bytes
  // Worked out by another program, bit by bit.
  CHECK(Bytes(header.end() - 4, header.end()) == Bytes{0xbd, 0x99, 0xbf, 0xb6});
}

TEST_CASE("proxy_protocol: version 2 over IPv6", "[relay]") {
  const Bytes header = proxy_header_v2(between("[2001:db8::7]:1", "[2001:db8::a]:443"), {});
  check_v2(header, join({kSignature,
                         {0x21, 0x21,   // version 2, PROXY; TCP over IPv6
                          0x00, 0x2b},  // 43 bytes follow
                         {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x07},
                         {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0a},
                         {0x00, 0x01, 0x01, 0xbb, 0x03, 0x00, 0x04}}));
}

TEST_CASE("proxy_protocol: version 2 of two families is IPv6, one mapped", "[relay]") {
  const Bytes header = proxy_header_v2(between("192.0.2.7:1", "[2001:db8::a]:443"), {});
  check_v2(header, join({kSignature,
                         {0x21, 0x21, 0x00, 0x2b},
                         {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7},
                         {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0a},
                         {0x00, 0x01, 0x01, 0xbb, 0x03, 0x00, 0x04}}));
}

TEST_CASE("proxy_protocol: version 2 with every value", "[relay]") {
  const ProxyDetails details{"\x02h2\x08http/1.1", "app.example.com", "18c-42"};
  const Bytes header = proxy_header_v2(between("192.0.2.7:56324", "203.0.113.10:443"), details);
  check_v2(header, join({kSignature,
                         {0x21, 0x11, 0x00, 0x3f},  // 63 bytes follow
                         kV4Block,                  // 12
                         {0x01, 0x00, 0x0e},        // ALPN, 14 bytes: the extension's body
                         {0x00, 0x0c, 0x02, 'h', '2', 0x08},  // 12 bytes of names
                         bytes_of("http/1.1"),
                         {0x02, 0x00, 0x0f},  // AUTHORITY, 15 bytes
                         bytes_of("app.example.com"),
                         {0x05, 0x00, 0x06},  // UNIQUE_ID, 6 bytes
                         bytes_of("18c-42"),
                         {0x03, 0x00, 0x04}}));
}

TEST_CASE("proxy_protocol: an ALPN list that is too long is left out", "[relay]") {
  const auto addresses = between("[2001:db8::7]:1", "[2001:db8::a]:443");
  const std::string authority(255, 'a');
  const std::string unique_id(kMaxUniqueIdBytes, 'b');
  const std::string fits(kMaxSentAlpnBytes, 'c');
  const std::string too_long(kMaxSentAlpnBytes + 1, 'c');
  const auto size_with = [&](const std::string& alpn) {
    return proxy_header_v2(addresses, {alpn, authority, unique_id}).size();
  };
  CHECK(size_with(fits) == size_with("") + 3 + 2 + kMaxSentAlpnBytes);
  CHECK(size_with(fits) < 800);
  CHECK(size_with(too_long) == size_with(""));
}

TEST_CASE("proxy_protocol: by version", "[relay]") {
  const auto addresses = between("192.0.2.7:1", "203.0.113.10:443");
  using control::ProxyProtocol;
  CHECK(proxy_header(ProxyProtocol::None, addresses, {}).empty());
  CHECK(proxy_header(ProxyProtocol::V1, addresses, {}) == bytes_of(proxy_line(addresses)));
  CHECK(proxy_header(ProxyProtocol::V2, addresses, {}) == proxy_header_v2(addresses, {}));
}

}  // namespace
}  // namespace adit::relay
