// Message <-> bytes, and the digest by which both sides know whether they hold the same table.
//
//   message = type u16 | id u32 | field*
//   field   = tag u16 | length u32 | value         (network byte order; a struct is a value of
//                                                   fields, a number has 1 to 8 bytes)
//
// Unknown tags are skipped, missing ones keep their default: that is how versions N and N−1
// understand each other. A tag is never used again for something else. PURE.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/control/messages.hpp"
#include "common/result.hpp"

namespace adit::control {

/// A message with the id that its answer repeats.
struct Envelope {
  std::uint32_t id = 0;
  Message message;

  bool operator==(const Envelope&) const = default;
};

/// The body of one frame.
std::vector<std::uint8_t> encode(const Envelope& envelope);

/// Errc::Protocol for bytes that are no message; never reads past `body`. An unknown message type
/// is a Failure message of its own (so that the caller can answer it), not an error.
Result<Envelope> decode(std::span<const std::uint8_t> body);

/// A table alone, as it stands in the relay's cache.
std::vector<std::uint8_t> encode_table(const Table& table);
/// Errc::Protocol also for a host pattern that is not in its normal form.
Result<Table> decode_table(std::span<const std::uint8_t> bytes);

/// A checksum of the encoded table without its revision: equal for tables that do the same, on
/// machines of one byte order (it never leaves the machine) and for one version of the program.
std::uint64_t digest(const Table& table);

/// The same of a table that encode_table made.
std::uint64_t digest_of_encoded(std::span<const std::uint8_t> table);

/// Tells bytes from others by accident (damage, another table), not by intent. Never 0.
std::uint64_t checksum(std::span<const std::uint8_t> bytes);

}  // namespace adit::control
