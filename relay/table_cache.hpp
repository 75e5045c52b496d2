// The file from which a restarted relay serves before any controller speaks to it: a control::Table
// behind a header by which a damaged or foreign file is known. PURE: common/os/files.hpp does the
// reading and the atomic writing.
//
//   "adit-table\n" | format u16 | digest u64 | length of the table u64 | table | checksum u64
//
// `digest` is RouteTable::digest, so that a restart need not compute it: 100 000 hosts are to be
// back after 200 ms. The checksum is control::checksum of all that stands before it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/control/messages.hpp"
#include "common/result.hpp"

namespace adit::relay {

/// 100 000 routes need about 16 MiB; more than what one frame can carry is no cache of ours.
inline constexpr std::size_t kMaxTableCacheBytes = std::size_t{64} << 20;

struct CachedTable {
  std::span<const std::uint8_t> table;  ///< encoded; of the file
  std::uint64_t digest = 0;             ///< RouteTable::digest
};

/// The file for a table that is encoded already: as control::encode_table makes it, or as a
/// controller sent it.
[[nodiscard]] std::vector<std::uint8_t> encode_table_cache(std::span<const std::uint8_t> table,
                                                           std::uint64_t digest);
[[nodiscard]] std::vector<std::uint8_t> encode_table_cache(const control::Table& table,
                                                           std::uint64_t digest);

/// Errc::Protocol for a file that is damaged, cut off, longer than it says, of another format
/// version, or none of ours: never half a table, but what is in the table is not looked at. `file`
/// must outlive what is returned.
[[nodiscard]] Result<CachedTable> decode_table_cache(std::span<const std::uint8_t> file);

}  // namespace adit::relay
