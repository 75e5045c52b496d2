// Random hellos, right and damaged, in random fragmentations: the answer never depends on how the
// bytes came, no byte behind the span is read, and damage never silently becomes another name.
#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/client_hello_builder.hpp"
#include "tests/support/hello_reading.hpp"
#include "tests/support/random.hpp"

namespace adit::relay {
namespace {

using namespace test;

struct RandomHello {
  Bytes message;
  std::string name;  // "" for none
};

RandomHello random_hello(Random& random) {
  ClientHelloBuilder hello;
  RandomHello made;
  hello.version(static_cast<std::uint16_t>(0x0300 + random.below(5)))
      .session_id(random.below(33))
      .cipher_suites(random.bytes(2 * random.number(1, 40)));
  std::vector<std::uint16_t> types;
  const std::size_t count = random.below(20);
  const std::size_t name_at = random.below(count + 3);  // sometimes behind the end: no name
  for (std::size_t i = 0; i < count; ++i) {
    if (i == name_at) {
      made.name = random.label(63) + "." + random.label(30) + ".test";
      hello.server_name(made.name);
    }
    const auto type = static_cast<std::uint16_t>(random.number(17, 0xffff));
    if (std::ranges::find(types, type) != types.end()) continue;
    types.push_back(type);
    hello.extension(type, random.bytes(random.one_in(8) ? random.below(1'300) : random.below(60)));
  }
  made.message = hello.message();
  return made;
}

/// In records of random sizes.
Bytes cut_at_random(const Bytes& message, Random& random) {
  const std::size_t longest = random.one_in(3) ? 3 : message.size();
  Bytes stream;
  for (std::size_t at = 0; at < message.size();) {
    const std::size_t size = std::min(random.number(1, longest), message.size() - at);
    const auto from = message.begin() + static_cast<std::ptrdiff_t>(at);
    const Bytes one = record({from, from + static_cast<std::ptrdiff_t>(size)});
    stream.insert(stream.end(), one.begin(), one.end());
    at += size;
  }
  return stream;
}

/// Fed in pieces of random sizes, each prefix in an allocation of its own.
HelloResult read_in_pieces(const Bytes& stream, Random& random) {
  ClientHelloReader reader;
  ParseStatus status = ParseStatus::NeedMore;
  for (std::size_t size = 0; size < stream.size() && status == ParseStatus::NeedMore;) {
    size = std::min(size + random.number(1, 400), stream.size());
    status = reader.feed(prefix(stream, size));
  }
  return result_of(reader, status);
}

TEST_CASE("client_hello property: the name survives every fragmentation", "[property]") {
  const auto seed = GENERATE(range<std::uint64_t>(1, 9));
  CAPTURE(seed);
  Random random(seed);
  for (int i = 0; i < 150; ++i) {
    CAPTURE(i);
    const RandomHello made = random_hello(random);
    const Bytes stream = cut_at_random(made.message, random);
    const HelloResult result = read_in_pieces(stream, random);
    REQUIRE(result.status == ParseStatus::Complete);
    REQUIRE(name_in(result) == made.name);
    REQUIRE(read_whole(stream) == result);
  }
}

TEST_CASE("client_hello property: every proper prefix needs more", "[property]") {
  const auto seed = GENERATE(range<std::uint64_t>(1, 5));
  CAPTURE(seed);
  Random random(seed);
  for (int i = 0; i < 10; ++i) {
    const Bytes stream = cut_at_random(random_hello(random).message, random);
    for (std::size_t size = 0; size < stream.size(); size += random.number(1, 9)) {
      CAPTURE(i, size);
      REQUIRE(read_whole(prefix(stream, size)).status == ParseStatus::NeedMore);
    }
  }
}

TEST_CASE("client_hello property: damage is refused, or its bytes say what was read",
          "[property]") {
  const auto seed = GENERATE(range<std::uint64_t>(1, 9));
  CAPTURE(seed);
  Random random(seed);
  for (int i = 0; i < 400; ++i) {
    CAPTURE(i);
    const RandomHello made = random_hello(random);
    Bytes message = made.message;
    for (std::size_t hits = random.number(1, 3); hits > 0; --hits) {
      message[random.below(message.size())] = random.byte();
    }
    const Bytes stream = cut_at_random(message, random);
    const HelloResult result = read_in_pieces(stream, random);
    REQUIRE(read_whole(stream) == result);
    if (!result.hello.server_name) continue;
    // A name that was read stands in the bytes, letter by letter, behind its length.
    const std::string& name = result.hello.server_name->wire_text();
    Bytes wanted = vector16(bytes_of(name));
    const auto folded = [](std::uint8_t a, std::uint8_t b) {
      return a == b || (a >= 'A' && a <= 'Z' && a + 32 == b);
    };
    const bool stands = std::search(message.begin(), message.end(), wanted.begin(), wanted.end(),
                                    folded) != message.end();
    ++wanted[1];
    wanted.push_back('.');
    const bool stands_with_dot = std::search(message.begin(), message.end(), wanted.begin(),
                                             wanted.end(), folded) != message.end();
    REQUIRE((stands || stands_with_dot));
  }
}

TEST_CASE("client_hello property: damage outside the name never changes the name", "[property]") {
  // Only the answers "the same name", "refused" and "needs more" are left when the bytes of the
  // server_name extension (type, lengths, name) are whole.
  const auto seed = GENERATE(range<std::uint64_t>(1, 5));
  CAPTURE(seed);
  Random random(seed);
  const Bytes message = browser_hello("app.example.com").message();
  const Bytes extension = server_name_list({{0, "app.example.com"}});
  const auto at = std::search(message.begin(), message.end(), extension.begin(), extension.end());
  REQUIRE(at != message.end());
  const auto first = static_cast<std::size_t>(at - message.begin()) - 4;
  const std::size_t last = first + 4 + extension.size();
  for (int i = 0; i < 2'000; ++i) {
    Bytes damaged = message;
    const std::size_t place = random.below(message.size() - (last - first));
    const std::size_t hit = place < first ? place : place + (last - first);
    damaged[hit] = random.byte();
    CAPTURE(i, hit, static_cast<int>(damaged[hit]));
    const HelloResult result = read_whole(record(damaged));
    if (result.status == ParseStatus::Complete && result.hello.server_name) {
      REQUIRE(name_in(result) == "app.example.com");
    }
  }
}

TEST_CASE("client_hello property: any bytes get one answer, however they come", "[property]") {
  const auto seed = GENERATE(range<std::uint64_t>(1, 5));
  CAPTURE(seed);
  Random random(seed);
  for (int i = 0; i < 2'000; ++i) {
    CAPTURE(i);
    Bytes stream = random.bytes(random.below(200));
    const Bytes start{22, 3, 1, 0, 90, 1, 0, 0, 80};
    std::copy_n(start.begin(), std::min(random.below(10), stream.size()), stream.begin());
    REQUIRE(read_in_pieces(stream, random) == read_whole(stream));
  }
}

}  // namespace
}  // namespace adit::relay
