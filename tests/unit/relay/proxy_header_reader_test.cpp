#include "relay/proxy_header_reader.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "relay/crc32c.hpp"
#include "tests/support/bytes.hpp"
#include "tests/support/catch.hpp"

namespace adit::relay {
namespace {

using test::Bytes;
using test::bytes_of;
using test::join;

/// "SOURCE -> DESTINATION, SIZE bytes", "none, SIZE bytes", or the status.
std::string text_of(const ProxyHeaderReader& reader, ProxyStatus status) {
  switch (status) {
    case ProxyStatus::NeedMore:
      return "more";
    case ProxyStatus::Missing:
      return "missing";
    case ProxyStatus::Malformed:
      return "malformed";
    case ProxyStatus::TooLong:
      return "too long";
    case ProxyStatus::Complete:
      break;
  }
  const auto& found = reader.addresses();
  if (!found) return fmt::format("none, {} bytes", reader.size_bytes());
  return fmt::format("{} -> {}, {} bytes", found->source, found->destination, reader.size_bytes());
}

/// What it comes to in one piece, having required that byte by byte and at every cut in two it is
/// the same; each prefix lies in an allocation of its own.
std::string read(const Bytes& stream) {
  ProxyHeaderReader whole;
  const ProxyStatus status = whole.feed(stream);
  const std::string text = text_of(whole, status);
  ProxyHeaderReader drip;
  ProxyStatus so_far = drip.feed({});
  for (std::size_t size = 1; size <= stream.size(); ++size) {
    so_far = drip.feed(test::prefix(stream, size));
    ProxyHeaderReader cut;
    (void)cut.feed(test::prefix(stream, size));
    const ProxyStatus after_cut = cut.feed(stream);
    CAPTURE(size);
    CHECK(text_of(cut, after_cut) == text);
  }
  CHECK(text_of(drip, so_far) == text);
  return text;
}

std::string read_text(const std::string& text) {
  return read(bytes_of(text));
}

/// signature | command | family | length of `rest` | rest
Bytes binary(std::uint8_t command, std::uint8_t family, const Bytes& rest) {
  const auto size = static_cast<std::uint16_t>(rest.size());
  return join({Bytes(kProxySignature.begin(), kProxySignature.end()),
               {command, family, static_cast<std::uint8_t>(size >> 8),
                static_cast<std::uint8_t>(size & 0xff)},
               rest});
}

Bytes value(std::uint8_t type, const Bytes& content) {
  return join({{type, static_cast<std::uint8_t>(content.size() >> 8),
                static_cast<std::uint8_t>(content.size() & 0xff)},
               content});
}

/// The header with the right checksum in its last four bytes, which are a CRC32C value's.
Bytes with_checksum(Bytes header) {
  std::fill(header.end() - 4, header.end(), std::uint8_t{0});
  const std::uint32_t sum = crc32c(header);
  for (std::size_t i = 0; i < 4; ++i) {
    header[header.size() - 4 + i] = static_cast<std::uint8_t>(sum >> (8 * (3 - i)));
  }
  return header;
}

const Bytes kV4Block{192,  0,    2,    7,      // source
                     203,  0,    113,  10,     // destination
                     0xdc, 0x04, 0x01, 0xbb};  // ports 56324 and 443
const std::string kV4Text = "192.0.2.7:56324 -> 203.0.113.10:443";

TEST_CASE("proxy_header: version 1", "[relay]") {
  CHECK(read_text("PROXY TCP4 192.0.2.7 203.0.113.10 56324 443\r\n") == kV4Text + ", 45 bytes");
  CHECK(read_text("PROXY TCP4 192.0.2.7 203.0.113.10 56324 443\r\nGET / HTTP/1.1\r\n") ==
        kV4Text + ", 45 bytes");
  CHECK(read_text("PROXY TCP6 2001:db8::7 2001:DB8:0:0:0:0:0:A 0 65535\r\n") ==
        "[2001:db8::7]:0 -> [2001:db8::a]:65535, 53 bytes");
  CHECK(read_text("PROXY TCP6 ::ffff:192.0.2.7 2001:db8::a 1 2\r\n") ==
        "192.0.2.7:1 -> [2001:db8::a]:2, 45 bytes");
  CHECK(read_text("PROXY UNKNOWN\r\n") == "none, 15 bytes");
  CHECK(read_text("PROXY UNKNOWN what follows is ignored\r\n") == "none, 39 bytes");
  const std::string longest =
      "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
  REQUIRE(longest.size() == kMaxProxyLineBytes);
  CHECK(read_text(longest) == "none, 107 bytes");
}

TEST_CASE("proxy_header: version 1 that is none", "[relay]") {
  for (const char* bad : {"PROXY \r\n",
                          "PROXY  TCP4 192.0.2.7 203.0.113.10 1 2\r\n",
                          "PROXY TCP5 a b 1 2\r\n",
                          "PROXY UNKNOWNX\r\n",
                          "PROXY unknown\r\n",
                          "PROXY TCP4 192.0.2.7 203.0.113.10 1\r\n",
                          "PROXY TCP4 192.0.2.7 203.0.113.10 1 \r\n",
                          "PROXY TCP4 192.0.2.7 203.0.113.10 1 2 \r\n",
                          "PROXY TCP4 192.0.2.7 203.0.113.10 1 2 3\r\n",
                          "PROXY TCP4 192.0.2.7  203.0.113.10 1 2\r\n",
                          "PROXY TCP4 192.0.2.07 203.0.113.10 1 2\r\n",
                          "PROXY TCP4 192.0.2 203.0.113.10 1 2\r\n",
                          "PROXY TCP4 192.0.2.256 203.0.113.10 1 2\r\n",
                          "PROXY TCP4 a.example.com 192.0.2.1 1 2\r\n",
                          "PROXY TCP4 2001:db8::7 2001:db8::a 1 2\r\n",
                          "PROXY TCP6 192.0.2.7 203.0.113.10 1 2\r\n",
                          "PROXY TCP4 ::ffff:192.0.2.7 203.0.113.10 1 2\r\n",
                          "PROXY TCP6 2001:db8::g :: 1 2\r\n",
                          "PROXY TCP6 fe80::1%eth0 2001:db8::a 1 2\r\n",
                          "PROXY TCP6 1::2::3 2001:db8::a 1 2\r\n",
                          "PROXY TCP4 192.0.2.7 203.0.113.10 01 2\r\n",
                          "PROXY TCP4 192.0.2.7 203.0.113.10 1 65536\r\n",
                          "PROXY TCP4 192.0.2.7 203.0.113.10 -1 2\r\n",
                          "PROXY TCP4 192.0.2.7 203.0.113.10 1 2x\r\n",
                          "PROXY TCP4 192.0.2.7 203.0.113.10 1 2\n",
                          "PROXY TCP4 192.0.2.7 203.0.113.10 1 2\rX",
                          "PROXY TCP4\t192.0.2.7 203.0.113.10 1 2\r\n"}) {
    CAPTURE(bad);
    CHECK(read_text(bad) == "malformed");
  }
}

TEST_CASE("proxy_header: a line that does not end", "[relay]") {
  CHECK(read_text("PROXY " + std::string(100, 'x')) == "more");
  CHECK(read_text("PROXY " + std::string(101, 'x')) == "too long");
  CHECK(read_text("PROXY UNKNOWN " + std::string(92, 'x') + "\r\n") == "too long");
  CHECK(read_text("PROXY UNKNOWN " + std::string(91, 'x') + "\r\n") == "none, 107 bytes");
}

TEST_CASE("proxy_header: anything else is missing", "[relay]") {
  for (const char* other : {"GET / HTTP/1.1\r\n", "\x16\x03\x01", "PROXX", "PROXY\r\n",
                            "proxy TCP4", "\r\n\r\nX", "\r\n\rX", "SSH-2.0-x\r\n", "PUT"}) {
    CAPTURE(other);
    CHECK(read_text(other) == "missing");
  }
  CHECK(read(Bytes{0}) == "missing");
  for (const char* begun : {"", "P", "PROXY", "PROXY ", "\r", "\r\n\r\n"}) {
    CAPTURE(begun);
    CHECK(read_text(begun) == "more");
  }
}

TEST_CASE("proxy_header: version 2", "[relay]") {
  CHECK(read(binary(0x21, 0x11, kV4Block)) == kV4Text + ", 28 bytes");
  CHECK(read(join({binary(0x21, 0x11, kV4Block), {0x16, 0x03, 0x01}})) == kV4Text + ", 28 bytes");
  const Bytes v6_block{0x20, 0x01, 0x0d, 0xb8, 0,    0,    0,    0,    0,    0,    0,    0,
                       0,    0,    0,    0x07, 0x20, 0x01, 0x0d, 0xb8, 0,    0,    0,    0,
                       0,    0,    0,    0,    0,    0,    0,    0x0a, 0x00, 0x01, 0x01, 0xbb};
  CHECK(read(binary(0x21, 0x21, v6_block)) == "[2001:db8::7]:1 -> [2001:db8::a]:443, 52 bytes");
  Bytes mapped = v6_block;
  std::ranges::copy(Bytes{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7}, mapped.begin());
  CHECK(read(binary(0x21, 0x21, mapped)) == "192.0.2.7:1 -> [2001:db8::a]:443, 52 bytes");
}

TEST_CASE("proxy_header: version 2 of no TCP connection leaves the real addresses", "[relay]") {
  CHECK(read(binary(0x20, 0x00, {})) == "none, 16 bytes");              // LOCAL
  CHECK(read(binary(0x20, 0x11, kV4Block)) == "none, 28 bytes");        // LOCAL: all is discarded
  CHECK(read(binary(0x20, 0x00, {1, 2, 3, 4})) == "none, 20 bytes");    // whatever it is
  CHECK(read(binary(0x21, 0x00, {})) == "none, 16 bytes");              // UNSPEC
  CHECK(read(binary(0x21, 0x12, kV4Block)) == "none, 28 bytes");        // UDP
  CHECK(read(binary(0x21, 0x31, Bytes(216, 0))) == "none, 232 bytes");  // UNIX
}

TEST_CASE("proxy_header: version 2 that is none", "[relay]") {
  CHECK(read(binary(0x11, 0x11, kV4Block)) == "malformed");  // version 1 in binary
  CHECK(read(binary(0x22, 0x11, kV4Block)) == "malformed");  // no such command
  CHECK(read(binary(0x21, 0x41, kV4Block)) == "malformed");  // no such family
  CHECK(read(binary(0x21, 0x13, kV4Block)) == "malformed");  // no such transport
  CHECK(read(binary(0x20, 0xf1, {})) == "malformed");        // nor for LOCAL
  CHECK(read(binary(0x21, 0x11, Bytes(11, 0))) == "malformed");
  CHECK(read(binary(0x21, 0x21, Bytes(35, 0))) == "malformed");
  CHECK(read(binary(0x21, 0x31, Bytes(215, 0))) == "malformed");
  const Bytes cut_values[] = {{0x04}, {0x04, 0x00}, {0x04, 0x00, 0x01}, {0x04, 0xff, 0xff, 0x00}};
  for (const Bytes& cut : cut_values) {
    CAPTURE(cut);
    CHECK(read(binary(0x21, 0x11, join({kV4Block, cut}))) == "malformed");
  }
}

TEST_CASE("proxy_header: version 2 claims its length, and is refused when that is seen",
          "[relay]") {
  Bytes header = binary(0x21, 0x11, join({kV4Block, value(0x04, Bytes(4065, 0))}));
  REQUIRE(header.size() == kMaxProxyHeaderBytes);
  ProxyHeaderReader fits;
  const ProxyStatus status = fits.feed(header);
  CHECK(text_of(fits, status) == kV4Text + ", 4096 bytes");
  header[15] = static_cast<std::uint8_t>(header[15] + 1);
  CHECK(read(test::prefix(header, 16)) == "too long");
  CHECK(read(binary(0x21, 0x11, kV4Block)).find("28 bytes") != std::string::npos);
  Bytes longest = test::prefix(header, 16);
  longest[14] = longest[15] = 0xff;
  CHECK(read(longest) == "too long");
}

TEST_CASE("proxy_header: unknown values are skipped", "[relay]") {
  const Bytes values = join({value(0x01, bytes_of("h2")),               // ALPN
                             value(0x02, bytes_of("app.example.com")),  // AUTHORITY
                             value(0x04, {}),                           // NOOP
                             value(0x05, bytes_of("unique")),           // UNIQUE_ID
                             value(0x20, {1, 0, 0, 0, 0}),              // SSL
                             value(0xee, Bytes(300, 7))});              // somebody's own
  CHECK(read(binary(0x21, 0x11, join({kV4Block, values}))) == kV4Text + ", 374 bytes");
}

TEST_CASE("proxy_header: a checksum is right or the header malformed", "[relay]") {
  const Bytes zero(4, 0);
  const Bytes unchecked =
      binary(0x21, 0x11, join({kV4Block, value(0x02, bytes_of("a.test")), value(0x03, zero)}));
  const Bytes good = with_checksum(unchecked);
  CHECK(read(good) == kV4Text + ", 44 bytes");
  CHECK(read(unchecked) == "malformed");
  constexpr std::size_t kChecksumType = 16 + 12 + 9;   // changed, there is no checksum any more
  for (std::size_t at = 16; at < good.size(); ++at) {  // any byte behind the fixed ones
    Bytes damaged = good;
    damaged[at] ^= 0x01;
    ProxyHeaderReader reader;
    CAPTURE(at);
    const bool is_malformed = reader.feed(damaged) == ProxyStatus::Malformed;
    CHECK(is_malformed == (at != kChecksumType));
  }
  CHECK(read(binary(0x21, 0x11, join({kV4Block, value(0x03, {0, 0, 0})}))) == "malformed");
  const Bytes twice = binary(0x21, 0x11, join({kV4Block, value(0x03, zero), value(0x03, zero)}));
  CHECK(read(with_checksum(twice)) == "malformed");
}

TEST_CASE("proxy_header: a checksum need not be the last value", "[relay]") {
  Bytes header = binary(
      0x21, 0x11, join({kV4Block, value(0x03, Bytes(4, 0)), value(0x04, bytes_of("padding"))}));
  const std::uint32_t sum = crc32c(header);
  for (std::size_t i = 0; i < 4; ++i) {
    header[16 + 12 + 3 + i] = static_cast<std::uint8_t>(sum >> (8 * (3 - i)));
  }
  CHECK(read(header) == kV4Text + ", 45 bytes");
}

TEST_CASE("proxy_header: a reader takes the place of another", "[relay]") {
  const ProxyAddresses addresses{*Endpoint::parse("192.0.2.7:56324"),
                                 *Endpoint::parse("203.0.113.10:443")};
  ProxyHeaderReader reader;
  reader.restore(addresses);
  REQUIRE(reader.addresses());
  CHECK(*reader.addresses() == addresses);
}

}  // namespace
}  // namespace adit::relay
