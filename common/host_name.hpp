// HostName: a valid DNS name in its one normal form, which prints itself only as far as the privacy
// setting allows. HostPattern: what a route is written for: a name, `*.name` (one label) or `*`.
//
// Valid: 1..253 bytes, labels of 1..63 bytes of [a-z0-9_-], no label starting or ending with '-',
// upper case folded to lower, one trailing dot dropped, and not the text of an IP address
// (RFC 1035 §2.3.1, RFC 1123 §2.1, RFC 6066 §3; '_' is allowed because real names use it).
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "common/result.hpp"

namespace adit {

/// How much of a real host name may be shown in logs, metrics and reports.
enum class Privacy : std::uint8_t { Full, Hash, None };

/// Process-wide; set when a route table or configuration becomes live. Thread-safe.
void set_privacy(Privacy privacy);
[[nodiscard]] Privacy privacy();

class HostName {
 public:
  /// Validates and normalises; Errc::Invalid says which rule was broken (without repeating the
  /// name).
  static Result<HostName> parse(std::string_view text);

  /// The real name: for codecs, lookups, DNS, plans and API answers only; never for a log line.
  [[nodiscard]] const std::string& wire_text() const { return text_; }

  /// The name as the privacy setting allows: itself, "h:" and 12 hex digits (a hash keyed anew in
  /// every process, so that it cannot be looked up in a dictionary), or "-".
  [[nodiscard]] std::string display() const;

  auto operator<=>(const HostName&) const = default;

 private:
  explicit HostName(std::string text) : text_(std::move(text)) {}

  std::string text_;
};

class HostPattern {
 public:
  enum class Kind : std::uint8_t { Exact, Wildcard, CatchAll };

  /// "name", "*.name" or "*".
  static Result<HostPattern> parse(std::string_view text);

  [[nodiscard]] Kind kind() const { return kind_; }

  /// The pattern as written: for codecs, plans and API answers only.
  [[nodiscard]] const std::string& wire_text() const { return text_; }

  /// The part to compare: the name, or what follows "*."; empty for the catch-all.
  [[nodiscard]] std::string_view name() const;
  /// As HostName::display, the "*." kept.
  [[nodiscard]] std::string display() const;

  auto operator<=>(const HostPattern&) const = default;

 private:
  HostPattern(Kind kind, std::string text) : kind_(kind), text_(std::move(text)) {}

  Kind kind_;
  std::string text_;
};

}  // namespace adit

/// Formatting asks the privacy setting; there is no other way to print a name by accident.
template <>
struct fmt::formatter<adit::HostName> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const adit::HostName& name, Context& context) const {
    return fmt::formatter<std::string_view>::format(name.display(), context);
  }
};

template <>
struct fmt::formatter<adit::HostPattern> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const adit::HostPattern& pattern, Context& context) const {
    return fmt::formatter<std::string_view>::format(pattern.display(), context);
  }
};
