#include "controller/cli/key_search.hpp"

#include <random>
#include <string_view>

#include "tests/support/catch.hpp"

using namespace adit::cli;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes random_bytes(std::mt19937_64& random, std::size_t size) {
  Bytes bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

std::vector<Needle> one_needle(const Bytes& bytes) {
  std::vector<Needle> needles;
  needles.emplace_back("key", bytes);
  return needles;
}

}  // namespace

TEST_CASE("key_search: finds a needle at every offset, however the memory is cut", "[cli]") {
  std::mt19937_64 random(7);
  const Bytes key = random_bytes(random, 32);
  const auto needles = one_needle(key);
  const auto piece = GENERATE(as<std::size_t>(), 1, 5, 31, 32, 33, 64, 200);
  for (std::size_t offset = 0; offset + key.size() <= 200; ++offset) {
    CAPTURE(piece, offset);
    Bytes memory = random_bytes(random, 200);
    std::copy(key.begin(), key.end(), memory.begin() + static_cast<std::ptrdiff_t>(offset));
    KeySearch search(needles);
    for (std::size_t at = 0; at < memory.size(); at += piece) {
      search.feed(0x1000 + at, std::span(memory).subspan(at, std::min(piece, memory.size() - at)));
    }
    REQUIRE(search.hits() == std::vector<Hit>{{0, 0x1000 + offset}});
    REQUIRE(search.searched_bytes() == 200);
  }
}

TEST_CASE("key_search: pieces that do not adjoin make no key", "[cli]") {
  std::mt19937_64 random(8);
  const Bytes key = random_bytes(random, 32);
  const auto needles = one_needle(key);
  KeySearch search(needles);
  search.feed(0x1000, std::span(key).first(16));
  search.feed(0x2000, std::span(key).subspan(16));
  CHECK(search.hits().empty());
}

TEST_CASE("key_search: one wrong byte is no key; each needle counts once", "[cli]") {
  std::mt19937_64 random(9);
  const Bytes key = random_bytes(random, 32);
  const auto needles = one_needle(key);
  Bytes near = key;
  near[31] ^= 1;
  KeySearch search(needles);
  search.feed(0, near);
  CHECK(search.hits().empty());
  search.feed(0x5000, key);
  search.feed(0x6000, key);
  CHECK(search.hits() == std::vector<Hit>{{0, 0x5000}});
}

TEST_CASE("key_search: the marker of every kind of PEM key", "[cli]") {
  const auto markers = pem_markers();
  const std::string_view text =
      GENERATE(as<std::string_view>(), "-----BEGIN PRIVATE KEY-----\n",
               "-----BEGIN RSA PRIVATE KEY-----\n", "-----BEGIN EC PRIVATE KEY-----\n",
               "-----BEGIN ENCRYPTED PRIVATE KEY-----\n", "-----BEGIN OPENSSH PRIVATE KEY-----\n");
  KeySearch search(markers);
  search.feed(0, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  CHECK(search.hits().size() == 1);
  KeySearch other(markers);
  const std::string_view certificate = "-----BEGIN CERTIFICATE-----\n-----BEGIN PUBLIC KEY-----\n";
  other.feed(0, {reinterpret_cast<const std::uint8_t*>(certificate.data()), certificate.size()});
  CHECK(other.hits().empty());
}
