#include "relay/table_cache.hpp"

#include "common/control/codec.hpp"
#include "relay/route_table.hpp"
#include "tests/support/bytes.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/tables.hpp"

namespace adit::relay {
namespace {

using test::Bytes;
using test::make_route;
using test::make_table;

constexpr std::uint64_t kDigest = 0x0123456789abcdef;

control::Table sample() {
  return make_table({make_route("host/a", "a.example.com"), make_route("host/*", "*", 8443)}, 12);
}

/// Errc::Protocol, and a sentence that says what it is about.
void check_refused(const Bytes& file) {
  const auto table = decode_table_cache(file);
  REQUIRE_FALSE(table);
  CHECK(table.error().code == Errc::Protocol);
  CHECK(table.error().what.starts_with("the cached route table"));
}

TEST_CASE("table_cache: what was written is read", "[relay]") {
  const Bytes file = encode_table_cache(sample(), kDigest);
  const auto table = decode_table_cache(file);
  REQUIRE(table);
  CHECK(control::decode_table(table->table).value() == sample());
  CHECK(table->digest == kDigest);
  const Bytes empty = encode_table_cache(control::Table{}, 1);
  CHECK(control::decode_table(decode_table_cache(empty).value().table).value() == control::Table{});
}

TEST_CASE("table_cache: the header, byte by byte", "[relay]") {
  const Bytes file = encode_table_cache(sample(), kDigest);
  const Bytes body = control::encode_table(sample());
  const std::size_t length = body.size();
  CHECK(test::prefix(file, 11) == test::bytes_of("adit-table\n"));
  CHECK(Bytes(file.begin() + 11, file.begin() + 29) ==
        Bytes{0, 4,                                                      // format
              0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,            // digest
              0, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(length >> 8),  // length of the table
              static_cast<std::uint8_t>(length & 0xff)});
  CHECK(Bytes(file.begin() + 29, file.end() - 8) == body);
}

TEST_CASE("table_cache: a file that is cut off or goes on is refused", "[relay]") {
  Bytes file = encode_table_cache(sample(), kDigest);
  for (std::size_t size = 0; size < file.size(); ++size) {
    CAPTURE(size);
    check_refused(test::prefix(file, size));
  }
  file.push_back(0);
  check_refused(file);
}

TEST_CASE("table_cache: a single bit flipped anywhere is refused", "[relay]") {
  const Bytes file = encode_table_cache(sample(), kDigest);
  for (std::size_t bit = 0; bit < file.size() * 8; ++bit) {
    CAPTURE(bit);
    Bytes damaged = file;
    damaged[bit / 8] = static_cast<std::uint8_t>(damaged[bit / 8] ^ (1U << (bit % 8)));
    check_refused(damaged);
  }
}

TEST_CASE("table_cache: a good checksum does not make a bad table good", "[relay]") {
  // tag 3 (a route) of length 0: no pattern. The checksum is right.
  const Bytes body{0, 3, 0, 0, 0, 0};
  Bytes file = test::bytes_of("adit-table\n");
  for (const int byte : {0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 6}) {
    file.push_back(static_cast<std::uint8_t>(byte));
  }
  file.insert(file.end(), body.begin(), body.end());
  const std::uint64_t hash = control::checksum(file);
  for (int shift = 56; shift >= 0; shift -= 8) {
    file.push_back(static_cast<std::uint8_t>(hash >> shift));
  }
  const auto cached = decode_table_cache(file);
  REQUIRE(cached);
  CHECK(check_table(cached->table).error().code == Errc::Protocol);
}

}  // namespace
}  // namespace adit::relay
