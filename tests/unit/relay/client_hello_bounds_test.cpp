// The bounds of ClientHelloReader: what is too much is refused by what it claims, not after it has
// been waited for, and kMaxBufferedBytes is enough for every answer.
#include <algorithm>
#include <span>

#include "common/bytes/byte_writer.hpp"
#include "relay/client_hello.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/client_hello_builder.hpp"
#include "tests/support/hello_reading.hpp"

namespace adit::relay {
namespace {

using namespace test;

/// A hello whose body has exactly `size` bytes.
Bytes message_of_body(std::size_t size) {
  ClientHelloBuilder hello;
  hello.server_name("foo.test");
  const std::size_t missing = size - hello.body().size();
  return hello.extension(kPadding, Bytes(missing - 4)).message();
}

TEST_CASE("client_hello: a record over 2^14 bytes is refused by its header", "[relay]") {
  const auto length = GENERATE(as<std::uint16_t>(), 16'385, 16'640, 16'641, 18'433, 0xffff);
  CAPTURE(length);
  const Bytes header{22, 3, 1, static_cast<std::uint8_t>(length >> 8),
                     static_cast<std::uint8_t>(length & 0xff)};
  HelloResult result = read_every_way(header);
  CHECK(result.status == ParseStatus::Malformed);
  CHECK(result.alert == Alert::RecordOverflow);
  const Bytes later = join({record(prefix(browser_hello("foo").message(), 50)), header});
  result = read_every_way(later);
  CHECK(result.status == ParseStatus::Malformed);
  CHECK(result.alert == Alert::RecordOverflow);
}

TEST_CASE("client_hello: a record of 2^14 bytes is read", "[relay]") {
  const Bytes stream = record(message_of_body(kMaxRecordBytes - kHandshakeHeaderBytes));
  REQUIRE(stream.size() == kRecordHeaderBytes + kMaxRecordBytes);
  CHECK(name_in(read_whole(stream)) == "foo.test");
}

TEST_CASE("client_hello: a length of 2^24 - 1 is refused once it is claimed", "[relay]") {
  const Bytes stream{22, 3, 1, 0, 100, 1, 0xff, 0xff, 0xff};
  const HelloResult result = read_every_way(stream);
  CHECK(result.status == ParseStatus::TooLarge);
  CHECK(result.alert == Alert::IllegalParameter);
  CHECK(read_byte_by_byte(stream).bytes == 9);
  const Bytes split{22, 3, 1, 0, 2, 1, 0xff, 22, 3, 1, 0, 2, 0xff, 0xff};
  CHECK(read_every_way(split).status == ParseStatus::TooLarge);
}

TEST_CASE("client_hello: hellos of 6 KB, 15.9 KB, 17 KB and 21.5 KB are read", "[relay]") {
  const std::size_t size = GENERATE(5'476U, 6'000U, 8'192U, 15'900U, 17'000U, 21'500U, 65'000U);
  CAPTURE(size);
  const Bytes message = message_of_body(size);
  CHECK(name_in(read_whole(records_of(message, kMaxRecordBytes))) == "foo.test");
  CHECK(name_in(read_whole(records_of(message, 1'400))) == "foo.test");
}

TEST_CASE("client_hello: 64 KiB is the longest hello", "[relay]") {
  // The extension block cannot hold more than 64 KiB itself, so the rest is cipher suites.
  const auto message_of = [](std::size_t size) {
    ClientHelloBuilder hello;
    hello.server_name("foo.test").extension(kPadding, Bytes(60'000));
    const std::size_t more = size - hello.body().size() + 4;
    return hello.cipher_suites(Bytes(more, 0x13)).message();
  };
  const Bytes longest = message_of(kMaxHelloBytes);
  REQUIRE(longest.size() == kHandshakeHeaderBytes + kMaxHelloBytes);
  CHECK(name_in(read_whole(records_of(longest, kMaxRecordBytes))) == "foo.test");
  const HelloResult over = read_whole(records_of(message_of(kMaxHelloBytes + 2), kMaxRecordBytes));
  CHECK(over.status == ParseStatus::TooLarge);
}

TEST_CASE("client_hello: 4096 records are read, one more is too many", "[relay]") {
  const Bytes passes = records_of(message_of_body(kMaxHelloRecords - 4), 1);
  CHECK(name_in(read_whole(passes)) == "foo.test");
  const Bytes too_many = records_of(message_of_body(kMaxHelloRecords - 3), 1);
  const HelloResult result = read_byte_by_byte(too_many);
  CHECK(result.status == ParseStatus::TooLarge);
  CHECK(result.bytes == kMaxHelloRecords * 6 + 1);
}

TEST_CASE("client_hello: 128 extensions are read, one more is too many", "[relay]") {
  const auto with_extensions = [](std::size_t count) {
    ClientHelloBuilder hello;
    hello.server_name("foo.test");
    // Falling types: the worst order for the list that finds duplicates.
    for (std::size_t i = 1; i < count; ++i) {
      hello.extension(static_cast<std::uint16_t>(0x9000 - i), {});
    }
    return hello.record();
  };
  CHECK(name_in(read_every_way(with_extensions(kMaxExtensions))) == "foo.test");
  const HelloResult result = read_every_way(with_extensions(kMaxExtensions + 1));
  CHECK(result.status == ParseStatus::TooLarge);
  CHECK_FALSE(result.hello.server_name);
}

TEST_CASE("client_hello: 1 KiB of ALPN is kept, more is too much", "[relay]") {
  const auto with_alpn = [](std::size_t bytes) {
    ByteWriter names;
    for (std::size_t i = 0; i < bytes / 2; ++i) names.bytes(Bytes{1, 'x'});
    return ClientHelloBuilder().server_name("a").extension(kAlpn, vector16(names.take())).record();
  };
  const HelloResult result = read_every_way(with_alpn(kMaxAlpnBytes));
  CHECK(result.status == ParseStatus::Complete);
  CHECK(result.hello.alpn.names().size() == kMaxAlpnBytes / 2);
  CHECK(read_every_way(with_alpn(kMaxAlpnBytes + 2)).status == ParseStatus::TooLarge);
}

TEST_CASE("client_hello: kMaxBufferedBytes is enough for every answer", "[relay]") {
  // The most bytes for the least progress: 4096 records, as small as they may be to hold it all.
  const Bytes header = handshake(1, Bytes(kMaxHelloBytes));
  const std::size_t fragment = GENERATE(1U, 15U, 16U, 17U, 100U, 16'384U);
  CAPTURE(fragment);
  Bytes stream = records_of(header, fragment);
  const std::size_t size = std::min(stream.size(), kMaxBufferedBytes);
  ClientHelloReader reader;
  CHECK(reader.feed(std::span(stream).first(size)) != ParseStatus::NeedMore);
}

TEST_CASE("client_hello: a reader is small and its work linear", "[relay]") {
  CHECK(sizeof(ClientHelloReader) <= 128);
  // 86 KB byte by byte: with work per call that grew with the buffer this would be 3.7 GB of it.
  const Bytes message = message_of_body(65'000);
  const Bytes stream = records_of(message, 16);
  ClientHelloReader reader;
  ParseStatus status = ParseStatus::NeedMore;
  std::size_t size = 0;
  while (status == ParseStatus::NeedMore && size < stream.size()) {
    status = reader.feed(std::span(stream).first(++size));
  }
  CHECK(status == ParseStatus::Complete);
  CHECK(size == stream.size());
}

}  // namespace
}  // namespace adit::relay
