// ProxyHeaderReader: the PROXY header at the start of a connection from a load balancer, version 1
// or 2 (haproxy's doc/proxy-protocol.txt §2.1, §2.2; the layouts are drawn in proxy_protocol.hpp).
// PURE: no fd, no clock. Bounded: at most kMaxProxyHeaderBytes are ever waited for.
//
// Strict: what does not match the specification to the letter is refused, as the balancer says here
// who somebody else is. Of the values of version 2 only the CRC-32C counts; all others are skipped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "relay/proxy_protocol.hpp"

namespace adit::relay {

/// The longest header that is read; one of version 2 could claim 65551 bytes.
inline constexpr std::size_t kMaxProxyHeaderBytes = 4096;

enum class ProxyStatus : std::uint8_t {
  NeedMore,   ///< a proper prefix of what may become a header
  Complete,   ///< addresses() and size_bytes() may be asked
  Missing,    ///< the first bytes are no PROXY header
  Malformed,  ///< one, but not valid, or its checksum is wrong
  TooLong,    ///< over 107 bytes without CRLF (version 1), over our bound (version 2)
};

class ProxyHeaderReader {
 public:
  /// Takes everything received so far from the first byte on (append-only). After any other status
  /// than NeedMore the answer stays the same. No byte behind the span is read; nothing of it is
  /// kept.
  [[nodiscard]] ProxyStatus feed(std::span<const std::uint8_t> all_bytes_so_far);

  /// After Complete: the connection that the balancer passes on. Nothing for one of its own (LOCAL,
  /// such as a health check) and for one that is not TCP (UNKNOWN, UNSPEC, UDP, UNIX): then the
  /// real addresses stand.
  [[nodiscard]] const std::optional<ProxyAddresses>& addresses() const { return addresses_; }

  /// A new reader becomes one that has read a header with `addresses`; feed() is not for it.
  void restore(const ProxyAddresses& addresses) {
    status_ = ProxyStatus::Complete;
    addresses_ = addresses;
  }

  /// After Complete: what follows behind so many bytes is the client's.
  [[nodiscard]] std::size_t size_bytes() const { return size_; }

 private:
  using Bytes = std::span<const std::uint8_t>;

  ProxyStatus read_line(Bytes all);
  ProxyStatus read_binary(Bytes all);
  ProxyStatus parse_line(std::string_view line);
  ProxyStatus parse_body(std::uint8_t command, std::uint8_t family, Bytes header);

  ProxyStatus status_ = ProxyStatus::NeedMore;
  std::size_t size_ = 0;
  std::optional<ProxyAddresses> addresses_;
};

}  // namespace adit::relay
