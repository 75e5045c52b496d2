// What the tests of config/ share: a node, keys, and files read as `adit apply` would.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "controller/config/ownership.hpp"

namespace adit::config::test {

/// A public key whose bytes are all `byte`.
inline wireguard::PublicKey key(std::uint8_t byte) {
  wireguard::PublicKey out;
  out.bytes.fill(byte);
  return out;
}

inline IpAddress address(std::string_view text) {
  return IpAddress::parse(text).value();
}

inline IpPrefix prefix(std::string_view text) {
  return IpPrefix::parse(text).value();
}

inline Endpoint endpoint(std::string_view text) {
  return Endpoint::parse(text).value();
}

/// The node of every test: 10.98.0.0/20, its own network 192.0.2.0/24, key 9.
inline NodeFacts facts() {
  return {{prefix("10.98.0.0/20"), prefix("fd00:db8:ad17::/64")}, {prefix("192.0.2.0/24")}, key(9)};
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// One problem a line.
inline std::string lines(const Problems& problems) {
  std::string out;
  for (const Problem& problem : problems) out += to_string(problem) + "\n";
  return out;
}

/// `text` applied to nothing, as file "a.yaml".
inline Checked<Resources> apply_text(const std::string& text, const Resources& head = {},
                                     const ApplyOptions& options = {}) {
  return apply_files({{"a.yaml", text}}, head, options, facts());
}

/// The problems of `text`, one a line; "" if there are none.
inline std::string problems_of(const std::string& text) {
  const auto read = apply_text(text);
  return read ? std::string{} : lines(read.error());
}

}  // namespace adit::config::test
