// CRC-32C (Castagnoli), the checksum of a PROXY header of version 2: RFC 4960, Appendix B. PURE.
#pragma once

#include <cstdint>
#include <span>

namespace adit::relay {

/// Of `bytes`, going on from `before`, the checksum of the bytes before them (0: there are none).
/// "123456789" has 0xe3069283.
[[nodiscard]] std::uint32_t crc32c(std::span<const std::uint8_t> bytes, std::uint32_t before = 0);

}  // namespace adit::relay
