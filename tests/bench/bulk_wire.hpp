// What bulk_client asks of bulk_origin, hidden in the random of its ClientHello, so that a relay in
// between sees nothing but TLS: bytes u64 | then u8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/bytes/byte_reader.hpp"
#include "common/bytes/byte_writer.hpp"

namespace adit::bench {

/// Of ClientHello.random: record header 5, handshake header 4, legacy_version 2.
inline constexpr std::size_t kRandomOffset = 11;

/// What the origin does with a connection.
enum class Then : std::uint8_t {
  Hold,   ///< streams the bytes, then stays open until the client ends
  Close,  ///< streams the bytes, then FIN
  Take,   ///< reads so many bytes, answers by one, then FIN
  Echo,   ///< sends back what comes until the client ends
};

struct BulkRequest {
  std::uint64_t bytes = 0;
  Then then = Then::Close;

  void write_into(std::span<std::uint8_t> hello) const {
    ByteWriter out;
    out.u64(bytes);
    out.u8(static_cast<std::uint8_t>(then));
    const auto view = out.view();
    for (std::size_t i = 0; i < view.size(); ++i) hello[kRandomOffset + i] = view[i];
  }

  static BulkRequest read_from(std::span<const std::uint8_t> hello) {
    ByteReader in(hello.subspan(kRandomOffset));
    BulkRequest request;
    request.bytes = in.u64().value_or(0);
    request.then = static_cast<Then>(in.u8().value_or(1));
    return request;
  }
};

}  // namespace adit::bench
