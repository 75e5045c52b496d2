// ClientHelloReader: finds the ClientHello at the start of a TCP stream, however it is cut into
// segments and records, and reads from it what routing needs. PURE: no fd, no clock.
//
//   TLS record (RFC 8446 §5.1)         type u8 | version u16 | length u16 | fragment
//   handshake message (§4)             msg_type u8 | length u24 | body, over one or more records
//   ClientHello (§4.1.2)               version u16 | random[32] | session_id<0..32> |
//                                      cipher_suites<2..2^16-2> | compression<1..255> |
//                                      extensions<..> (may be absent before TLS 1.3)
// Versions are the target's business: every SSL 3.0 to TLS 1.3 hello is read alike. What follows
// the hello (0-RTT data, a second hello after HelloRetryRequest) is payload and never looked at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/host_name.hpp"
#include "relay/tls_alert.hpp"

namespace adit::relay {

/// The longest ClientHello that is read (its body, without the 4 bytes of handshake header).
inline constexpr std::size_t kMaxHelloBytes = std::size_t{64} << 10;
/// RFC 8446 §5.1: a plaintext record carries at most 2^14 bytes. A longer claim is refused when its
/// header is seen, not waited for.
inline constexpr std::size_t kMaxRecordBytes = std::size_t{1} << 14;
inline constexpr std::size_t kRecordHeaderBytes = 5;
inline constexpr std::size_t kHandshakeHeaderBytes = 4;
/// So many records may carry one hello: a hello of 4 KiB still passes in records of one byte.
inline constexpr std::size_t kMaxHelloRecords = 4096;
/// Browsers send about 20.
inline constexpr std::size_t kMaxExtensions = 128;
/// Bytes of the ALPN list that are kept.
inline constexpr std::size_t kMaxAlpnBytes = 1024;
/// What the raw buffer may need at the most: with so many bytes `feed` never answers NeedMore.
inline constexpr std::size_t kMaxBufferedBytes =
    kHandshakeHeaderBytes + kMaxHelloBytes + kMaxHelloRecords * kRecordHeaderBytes;

enum class ParseStatus : std::uint8_t {
  NeedMore,   ///< a proper prefix of what may become a ClientHello
  Complete,   ///< hello() may be asked
  NotTls,     ///< the first bytes are no TLS record: SSH, HTTP, SSLv2, DTLS, …
  Malformed,  ///< TLS, but no valid ClientHello; alert() says what to answer
  TooLarge,   ///< over one of the bounds above; alert() says what to answer
};

/// The client's ALPN protocol names in its order of preference (RFC 7301 §3.1).
class AlpnList {
 public:
  AlpnList() = default;
  /// From the body of the extension; nullopt if lengths do not fit, or the list or a name is empty.
  static std::optional<AlpnList> parse(std::span<const std::uint8_t> body);

  [[nodiscard]] bool contains(std::string_view protocol) const;
  /// Valid as long as this list.
  [[nodiscard]] std::vector<std::string_view> names() const;

  /// { length u8 | name }*, at most kMaxAlpnBytes; valid as long as this list.
  [[nodiscard]] std::string_view wire() const { return wire_; }

  [[nodiscard]] bool is_empty() const { return wire_.empty(); }

  /// Bytes held, length bytes included.
  [[nodiscard]] std::size_t size_bytes() const { return wire_.size(); }

  bool operator==(const AlpnList&) const = default;

 private:
  std::string wire_;  ///< { length u8 | name }*, checked; short lists need no allocation
};

struct ClientHello {
  std::optional<HostName> server_name;  ///< none: absent, an IP literal, or of unknown name types
  bool has_ip_literal = false;          ///< the server name was an IP address
  bool has_ech = false;  ///< encrypted_client_hello (0xfe0d), real or GREASE: the name is the outer
  AlpnList alpn;

  /// Whether `protocol` is the one and only that the client speaks.
  [[nodiscard]] bool offers_only(std::string_view protocol) const {
    return alpn.size_bytes() == protocol.size() + 1 && alpn.contains(protocol);
  }

  bool operator==(const ClientHello&) const = default;
};

class ClientHelloReader {
 public:
  /// Takes everything received so far from the first byte on (append-only: the same bytes as last
  /// time and perhaps more; the address may change) and goes on where it stopped: the work over a
  /// whole hello is O(bytes) however it is cut. After any other status than NeedMore the answer
  /// stays the same. No byte behind the span is read; nothing of it is kept.
  [[nodiscard]] ParseStatus feed(std::span<const std::uint8_t> all_bytes_so_far);

  /// After Complete.
  [[nodiscard]] const ClientHello& hello() const { return hello_; }

  /// After Malformed or TooLarge: what a server would answer.
  [[nodiscard]] Alert alert() const { return alert_; }

 private:
  using Bytes = std::span<const std::uint8_t>;

  ParseStatus read_record_header(Bytes rest);
  ParseStatus read_fragment(Bytes rest, Bytes all);
  ParseStatus read_handshake_header(Bytes fragment);
  ParseStatus read_message(Bytes all);
  ParseStatus refuse(ParseStatus status, Alert alert);

  /// The length that the handshake header claims; once that header is whole.
  [[nodiscard]] std::size_t body_bytes() const { return message_header_ & 0xff'ffffU; }

  ParseStatus status_ = ParseStatus::NeedMore;
  Alert alert_ = Alert::DecodeError;
  std::uint16_t records_ = 0;         ///< headers read
  std::uint32_t scanned_ = 0;         ///< raw bytes done with
  std::uint32_t record_left_ = 0;     ///< bytes of the open record not yet scanned
  std::uint32_t message_bytes_ = 0;   ///< of the handshake message, its header included
  std::uint32_t message_header_ = 0;  ///< its first bytes, as far as they are known
  ClientHello hello_;
};

}  // namespace adit::relay
