// Random states for the property tests of config/ and plan/: seeded, so that a failure can be seen
// again.
#pragma once

#include <algorithm>
#include <random>
#include <string>

#include "controller/config/resources.hpp"
#include "controller/config/validate.hpp"

namespace adit::plan::test {

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  std::uint32_t below(std::uint32_t bound) {
    return std::uniform_int_distribution<std::uint32_t>(0, bound - 1)(random_);
  }

  bool once_in(std::uint32_t n) { return below(n) == 0; }

  wireguard::PublicKey key(std::uint32_t kinds) {
    wireguard::PublicKey out;
    out.bytes.fill(static_cast<std::uint8_t>(1 + below(kinds)));
    return out;
  }

  IpAddress v4(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
    const std::array<std::uint8_t, 4> bytes{
        static_cast<std::uint8_t>(a), static_cast<std::uint8_t>(b), static_cast<std::uint8_t>(c),
        static_cast<std::uint8_t>(d)};
    return IpAddress(bytes);
  }

  IpAddress any_address() {
    if (once_in(2)) return v4(1 + below(99), below(256), below(256), below(256));
    std::array<std::uint8_t, 16> bytes{0x20, 0x01, 0x0d, 0xb8};
    for (std::size_t i = 4; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(below(256));
    return IpAddress(bytes);
  }

  Endpoint any_endpoint() { return {any_address(), static_cast<std::uint16_t>(1 + below(65535))}; }

  template <class T>
  std::optional<T> maybe(T value) {
    return once_in(2) ? std::nullopt : std::optional<T>(std::move(value));
  }

  std::string host_name() {
    const std::string name = "h" + std::to_string(below(12)) + ".example.com";
    return once_in(9) ? "*" : once_in(4) ? "*." + name : name;
  }

 private:
  std::mt19937_64 random_;
};

/// The node that the states are for.
inline config::NodeFacts facts() {
  wireguard::PublicKey key;
  key.bytes.fill(200);
  return {{*IpPrefix::parse("10.98.0.0/20"), *IpPrefix::parse("fd00:db8:ad17::/64")},
          {*IpPrefix::parse("192.0.2.0/24")},
          key};
}

}  // namespace adit::plan::test
