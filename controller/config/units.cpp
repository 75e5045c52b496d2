#include "controller/config/units.hpp"

#include <array>
#include <charconv>
#include <limits>
#include <optional>

#include <fmt/format.h>

namespace adit::config {

namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

/// Largest first: the order in which several may stand in one duration.
constexpr std::array<Unit, 4> kDurationUnits{
    {{"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
constexpr std::array<Unit, 4> kBandwidthUnits{
    {{"Gbit", 1'000'000'000}, {"Mbit", 1'000'000}, {"kbit", 1'000}, {"bit", 1}}};

constexpr std::uint64_t kMaxDurationMs = std::uint64_t{10} * 366 * 24 * 3'600'000;
constexpr std::uint64_t kMaxBandwidth = 1'000'000'000'000'000;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Takes the digits at the start of `text` away; nullopt: there are none, or too many.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || !is_digit(text.front())) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

/// Takes what stands before the next digit away.
std::string_view take_word(std::string_view& text) {
  std::size_t size = 0;
  while (size < text.size() && !is_digit(text[size])) ++size;
  const std::string_view word = text.substr(0, size);
  text.remove_prefix(size);
  return word;
}

tl::unexpected<Error> not_a_duration(std::string_view text) {
  return fail(Errc::Invalid,
              fmt::format("\"{}\" is not a duration (like 500ms, 25s, 5m or 1h)", text));
}

}  // namespace

Result<Milliseconds> parse_duration(std::string_view text) {
  std::string_view rest = text;
  std::uint64_t total = 0;
  std::size_t next_unit = 0;
  if (rest.empty()) return not_a_duration(text);
  while (!rest.empty()) {
    const auto number = take_number(rest);
    if (!number) return not_a_duration(text);
    const std::string_view word = take_word(rest);
    if (word.empty() && rest.empty() && total == 0) {
      return fail(Errc::Invalid,
                  fmt::format("\"{0}\" has no unit; write {0}s, {0}ms, {0}m or {0}h", text));
    }
    while (next_unit < kDurationUnits.size() && kDurationUnits[next_unit].name != word) ++next_unit;
    if (next_unit == kDurationUnits.size()) return not_a_duration(text);
    const std::uint64_t factor = kDurationUnits[next_unit++].factor;
    if (*number > kMaxDurationMs / factor || total + *number * factor > kMaxDurationMs) {
      return fail(Errc::Invalid, fmt::format("\"{}\" is longer than 10 years", text));
    }
    total += *number * factor;
  }
  return Milliseconds(total);
}

std::string format_duration(Milliseconds duration) {
  const auto total = static_cast<std::uint64_t>(duration.count());
  for (const Unit& unit : kDurationUnits) {
    if (total != 0 && total % unit.factor == 0)
      return fmt::format("{}{}", total / unit.factor, unit.name);
  }
  return "0s";
}

Result<std::uint32_t> parse_count(std::string_view text, std::uint32_t least, std::uint32_t most) {
  std::string_view rest = text;
  const bool has_leading_zero = text.size() > 1 && text.front() == '0';
  const auto number = text.empty() || has_leading_zero ? std::nullopt : take_number(rest);
  if (!number || !rest.empty() || *number < least || *number > most) {
    return fail(Errc::Invalid,
                fmt::format("\"{}\" is not a whole number from {} to {}", text, least, most));
  }
  return static_cast<std::uint32_t>(*number);
}

Result<std::uint32_t> parse_rate(std::string_view text) {
  const auto count = text.ends_with("/s") ? parse_count(text.substr(0, text.size() - 2), 1,
                                                        std::numeric_limits<std::uint32_t>::max())
                                          : fail(Errc::Invalid, "");
  if (!count) {
    return fail(Errc::Invalid, fmt::format("\"{}\" is not a rate per second (like 100/s)", text));
  }
  return *count;
}

Result<std::uint64_t> parse_bandwidth(std::string_view text) {
  std::string_view rest = text;
  const auto number = text.empty() ? std::nullopt : take_number(rest);
  for (const Unit& unit : kBandwidthUnits) {
    if (!number || rest != unit.name) continue;
    if (*number >= 1 && *number <= kMaxBandwidth / unit.factor) return *number * unit.factor;
  }
  return fail(Errc::Invalid,
              fmt::format("\"{}\" is not a bandwidth (like 500kbit, 50Mbit or 1Gbit)", text));
}

std::string format_bandwidth(std::uint64_t bits) {
  for (const Unit& unit : kBandwidthUnits) {
    if (bits % unit.factor == 0) return fmt::format("{}{}", bits / unit.factor, unit.name);
  }
  return fmt::format("{}bit", bits);
}

}  // namespace adit::config
