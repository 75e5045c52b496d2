#include "common/control/frame.hpp"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "tests/support/bytes.hpp"
#include "tests/support/catch.hpp"

namespace adit::control {
namespace {

using test::Bytes;
using test::bytes_of;
using test::join;

TEST_CASE("frame: a body with its length in front", "[common]") {
  CHECK(frame(bytes_of("abc")) == Bytes{0, 0, 0, 3, 'a', 'b', 'c'});
  CHECK(frame({}) == Bytes{0, 0, 0, 0});
}

TEST_CASE("frame_reader: whole bodies however the stream is cut", "[common]") {
  const Bytes large(70'000, 0x42);
  const Bytes stream =
      join({frame(bytes_of("one")), frame({}), frame(large), frame(bytes_of("x"))});
  const std::size_t chunk = GENERATE(1U, 2U, 3U, 5U, 4096U, 1'000'000U);
  CAPTURE(chunk);
  FrameReader reader;
  std::vector<Bytes> bodies;
  for (std::size_t at = 0; at < stream.size(); at += chunk) {
    reader.feed(std::span(stream).subspan(at, std::min(chunk, stream.size() - at)));
    while (true) {
      auto body = reader.next();
      REQUIRE(body);
      if (!*body) break;
      bodies.push_back(std::move(**body));
    }
  }
  CHECK(bodies == std::vector<Bytes>{bytes_of("one"), {}, large, bytes_of("x")});
}

TEST_CASE("frame_reader: nothing before the last byte of a frame", "[common]") {
  const Bytes whole = frame(bytes_of("abcdef"));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    FrameReader reader;
    reader.feed(std::span(whole).first(size));
    const auto body = reader.next();
    REQUIRE(body);
    CHECK_FALSE(*body);
  }
}

TEST_CASE("frame_reader: room for what came, not for what is announced", "[common]") {
  const std::size_t announced = GENERATE(1'000U, 1'000'000U);
  const Bytes stream = frame(Bytes(announced, 0x42));
  FrameReader reader;
  for (std::size_t at = 0; at < stream.size(); at += 600) {
    reader.feed(std::span(stream).subspan(at, std::min<std::size_t>(600, stream.size() - at)));
    CHECK(reader.room() <= 2 * (at + 600));
    CHECK(reader.room() <= announced);
  }
  const auto body = reader.next();
  REQUIRE(body);
  CHECK((*body)->size() == announced);
  CHECK(reader.room() == 0);
}

TEST_CASE("frame_reader: a frame over the limit is refused by its length alone", "[common]") {
  FrameReader reader(10);
  reader.feed(frame(bytes_of("1234567890")));
  CHECK(reader.next().value());
  reader.feed(Bytes{0, 0, 0, 11});
  const auto refused = reader.next();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::Protocol);
}

}  // namespace
}  // namespace adit::control
