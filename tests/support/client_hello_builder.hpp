// Builds ClientHellos part by part (RFC 8446 §4.1.2), also wrong ones, and cuts them into records.
// What a builder does not say is a plain TLS 1.2 hello: 3.3, empty session id, two suites, null
// compression, no extension block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/bytes.hpp"

namespace adit::test {

/// Extension types that the tests name.
inline constexpr std::uint16_t kServerName = 0;
inline constexpr std::uint16_t kSupportedGroups = 10;
inline constexpr std::uint16_t kHeartbeat = 15;
inline constexpr std::uint16_t kAlpn = 16;
inline constexpr std::uint16_t kPadding = 21;
inline constexpr std::uint16_t kSessionTicket = 35;
inline constexpr std::uint16_t kSupportedVersions = 43;
inline constexpr std::uint16_t kKeyShare = 51;
inline constexpr std::uint16_t kEch = 0xfe0d;
inline constexpr std::uint16_t kRenegotiationInfo = 0xff01;

/// length u16 | bytes; length u8 | bytes.
Bytes vector16(const Bytes& content);
Bytes vector8(const Bytes& content);

/// ServerNameList body: { type u8 | length u16 | name }* behind its length.
Bytes server_name_list(std::initializer_list<std::pair<std::uint8_t, std::string_view>> entries);
/// ProtocolNameList body: { length u8 | name }* behind its length.
Bytes alpn_list(std::initializer_list<std::string_view> names);

class ClientHelloBuilder {
 public:
  ClientHelloBuilder& version(std::uint16_t value);
  ClientHelloBuilder& session_id(std::size_t size);
  ClientHelloBuilder& cipher_suites(Bytes content);
  ClientHelloBuilder& compression(Bytes content);
  /// Appends one; the extension block exists from then on.
  ClientHelloBuilder& extension(std::uint16_t type, Bytes body);
  /// An extension block even without an extension in it.
  ClientHelloBuilder& empty_extensions();
  ClientHelloBuilder& server_name(std::string_view name);
  ClientHelloBuilder& alpn(std::initializer_list<std::string_view> names);
  /// Bytes behind the extension block, inside the message.
  ClientHelloBuilder& trailing(Bytes content);
  /// Lets the length of the extension block lie by so much.
  ClientHelloBuilder& extensions_length_off_by(int delta);

  [[nodiscard]] Bytes body() const;
  /// msg_type 1 | length u24 | body.
  [[nodiscard]] Bytes message() const;
  /// The message in one record of version 3.1.
  [[nodiscard]] Bytes record() const;

 private:
  std::uint16_t version_ = 0x0303;
  std::size_t session_id_ = 0;
  Bytes cipher_suites_{0x13, 0x01, 0xc0, 0x2f};
  Bytes compression_{0};
  std::optional<Bytes> extensions_;
  Bytes trailing_;
  int extensions_length_delta_ = 0;
};

/// type u8 | version u16 | length u16 | fragment.
Bytes record(const Bytes& fragment, std::uint16_t version = 0x0301, std::uint8_t type = 22);
/// `message` in records of at most `fragment` bytes each.
Bytes records_of(const Bytes& message, std::size_t fragment);
/// `message` in two records, the first with `cut` bytes.
Bytes two_records(const Bytes& message, std::size_t cut);
/// msg_type u8 | length u24 | body, for bodies that are no ClientHello.
Bytes handshake(std::uint8_t type, const Bytes& body);

/// What a browser sent before post-quantum key shares: GREASE, ALPN, padded to 517 bytes with its
/// record header.
ClientHelloBuilder browser_hello(std::string_view name);
/// What it sends now: an X25519MLKEM768 key share of 1216 bytes and ECH GREASE, about 1.9 kB.
ClientHelloBuilder post_quantum_hello(std::string_view name);

}  // namespace adit::test
