// Texts of amounts: durations, rates, bandwidths. Each error says what a right one looks like.
// PURE.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/clock.hpp"
#include "common/result.hpp"

namespace adit::config {

/// "500ms", "25s", "5m", "1h", or several in falling order ("1h30m"); at most 10 years.
Result<Milliseconds> parse_duration(std::string_view text);
/// The same text again: the largest unit that divides it ("90s" stays "90s", "60s" is "1m").
std::string format_duration(Milliseconds duration);

/// A whole number from `least` to `most`, without sign or leading zeros.
Result<std::uint32_t> parse_count(std::string_view text, std::uint32_t least, std::uint32_t most);
/// "100/s", from 1.
Result<std::uint32_t> parse_rate(std::string_view text);
/// "50Mbit" (bit, kbit, Mbit, Gbit; powers of 1000): bits per second, from 1 to 10^15.
Result<std::uint64_t> parse_bandwidth(std::string_view text);
/// The same text again: the largest unit that divides it. `bits` > 0.
std::string format_bandwidth(std::uint64_t bits);

}  // namespace adit::config
