// The file from which a restarted relay serves before any controller speaks to it: a control::Table
// behind a header by which a damaged or foreign file is known. PURE: common/os/files.hpp does the
// reading and the atomic writing.
//
//   "adit-table\n" | format u16 | length u64 | checksum u64 | table
//
// The checksum is control::digest of the table, XOR its revision (which the digest leaves out):
// what the relay needs anyway is computed once, as 100 000 hosts are to be back 200 ms after a
// restart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/control/messages.hpp"
#include "common/result.hpp"

namespace adit::relay {

/// 100 000 routes need about 20 MiB; more than what one frame can carry is no cache of ours.
inline constexpr std::size_t kMaxTableCacheBytes = std::size_t{64} << 20;

[[nodiscard]] std::vector<std::uint8_t> encode_table_cache(const control::Table& table);

struct CachedTable {
  control::Table table;
  std::uint64_t digest = 0;  ///< control::digest(table)
};

/// Errc::Protocol for a file that is damaged, cut off, longer than it says, of another format
/// version, or none of ours: never half a table.
[[nodiscard]] Result<CachedTable> decode_table_cache(std::span<const std::uint8_t> file);

}  // namespace adit::relay
