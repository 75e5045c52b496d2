// A seeded source of random values for property tests: what fails can be run again by its seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace adit::test {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  /// From `low` to `high`, both included.
  std::uint64_t number(std::uint64_t low, std::uint64_t high) {
    return std::uniform_int_distribution<std::uint64_t>(low, high)(engine_);
  }

  std::size_t below(std::size_t end) { return number(0, end - 1); }

  bool one_in(std::size_t count) { return below(count) == 0; }

  std::uint8_t byte() { return static_cast<std::uint8_t>(number(0, 255)); }

  std::vector<std::uint8_t> bytes(std::size_t size) {
    std::vector<std::uint8_t> made(size);
    for (std::uint8_t& each : made) each = byte();
    return made;
  }

  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[below(from.size())];
  }

  /// A valid label of 1 to `longest` characters.
  std::string label(std::size_t longest) {
    constexpr std::string_view kInner = "abcdefghijklmnopqrstuvwxyz0123456789_-";
    constexpr std::size_t kEnds = kInner.size() - 1;  // all but '-'
    std::string made;
    const std::size_t size = number(1, longest);
    for (std::size_t i = 0; i < size; ++i) {
      const bool is_end = i == 0 || i + 1 == size;
      made += kInner[below(is_end ? kEnds : kInner.size())];
    }
    return made;
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace adit::test
