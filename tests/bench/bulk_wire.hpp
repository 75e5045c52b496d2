// What bulk_client asks of bulk_origin, hidden in the random of its ClientHello, so that a relay in
// between sees nothing but TLS: bytes u64 | close u8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/bytes/byte_reader.hpp"
#include "common/bytes/byte_writer.hpp"

namespace adit::bench {

/// Of ClientHello.random: record header 5, handshake header 4, legacy_version 2.
inline constexpr std::size_t kRandomOffset = 11;

struct BulkRequest {
  std::uint64_t bytes = 0;   ///< how many zeros to stream
  bool closes_after = true;  ///< FIN after them; else the connection stays open

  void write_into(std::span<std::uint8_t> hello) const {
    ByteWriter out;
    out.u64(bytes);
    out.u8(closes_after ? 1 : 0);
    const auto view = out.view();
    for (std::size_t i = 0; i < view.size(); ++i) hello[kRandomOffset + i] = view[i];
  }

  static BulkRequest read_from(std::span<const std::uint8_t> hello) {
    ByteReader in(hello.subspan(kRandomOffset));
    BulkRequest request;
    request.bytes = in.u64().value_or(0);
    request.closes_after = in.u8().value_or(1) != 0;
    return request;
  }
};

}  // namespace adit::bench
