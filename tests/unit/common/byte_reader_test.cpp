#include "common/bytes/byte_reader.hpp"

#include "common/bytes/byte_writer.hpp"
#include "tests/support/bytes.hpp"
#include "tests/support/catch.hpp"

namespace adit {
namespace {

using test::Bytes;

TEST_CASE("byte_reader: integers are read in network order", "[common]") {
  const Bytes bytes{0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09,
                    0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12};
  ByteReader in(bytes);
  CHECK(in.u8() == 0x01);
  CHECK(in.u16() == 0x0203);
  CHECK(in.u24() == 0x040506);
  CHECK(in.u32() == 0x0708090aU);
  CHECK(in.u64() == 0x0b0c0d0e0f101112ULL);
  CHECK(in.is_at_end());
}

TEST_CASE("byte_reader: a read past the end gives nothing and moves nothing", "[common]") {
  const Bytes bytes{0xaa, 0xbb, 0xcc};
  ByteReader in(bytes);
  CHECK_FALSE(in.u32());
  CHECK_FALSE(in.u64());
  CHECK_FALSE(in.bytes(4));
  CHECK(in.remaining() == 3);
  CHECK(in.u24() == 0xaabbccU);
  CHECK_FALSE(in.u8());
  CHECK_FALSE(in.u16());
  CHECK(in.bytes(0)->empty());
}

TEST_CASE("byte_reader: TLS vectors with lengths of 1, 2 and 3 bytes", "[common]") {
  const Bytes bytes{1, 0x61, 0, 2, 0x62, 0x63, 0, 0, 3, 0x64, 0x65, 0x66, 0};
  ByteReader in(bytes);
  const auto content = [](auto vector) {
    REQUIRE(vector);
    return Bytes(vector->begin(), vector->end());
  };
  CHECK(content(in.vector8()) == Bytes{0x61});
  CHECK(content(in.vector16()) == Bytes{0x62, 0x63});
  CHECK(content(in.vector24()) == Bytes{0x64, 0x65, 0x66});
  CHECK(content(in.vector8()).empty());
  CHECK(in.is_at_end());
}

TEST_CASE("byte_reader: a vector longer than its span leaves the cursor before its length",
          "[common]") {
  const Bytes bytes{5, 1, 2, 3};
  ByteReader in(bytes);
  CHECK_FALSE(in.vector8());
  CHECK_FALSE(in.vector16());
  CHECK_FALSE(in.vector24());
  CHECK(in.remaining() == 4);
  CHECK(in.u8() == 5);
}

TEST_CASE("byte_writer: what it writes the reader reads", "[common]") {
  ByteWriter out;
  out.u8(0xfe);
  out.u16(0xfedc);
  out.u24(0xfedcba);
  const std::size_t length_at = out.size();
  out.u32(0);
  out.u64(0xfedcba9876543210ULL);
  out.text("ab");
  out.bytes(Bytes{9, 8});
  out.patch_u32(length_at, 0x01020304);
  const Bytes written = out.take();
  CHECK(out.size() == 0);
  ByteReader in(written);
  CHECK(in.u8() == 0xfe);
  CHECK(in.u16() == 0xfedc);
  CHECK(in.u24() == 0xfedcba);
  CHECK(in.u32() == 0x01020304U);
  CHECK(in.u64() == 0xfedcba9876543210ULL);
  const auto rest = in.bytes(4);
  REQUIRE(rest);
  CHECK(Bytes(rest->begin(), rest->end()) == Bytes{'a', 'b', 9, 8});
}

}  // namespace
}  // namespace adit
