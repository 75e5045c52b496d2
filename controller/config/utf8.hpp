// Is a text one that people write: UTF-8 without control characters? PURE.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "controller/config/tree.hpp"

namespace adit::config {

struct BadText {
  Mark mark;  ///< in bytes from the start of its line
  std::string what;
};

/// The first byte that is not well-formed UTF-8 (RFC 3629 §4) or is a control character other than
/// tab, line feed and carriage return.
std::optional<BadText> find_bad_text(std::string_view text);

/// `text` in double quotes for a message: control characters and bytes that are not UTF-8 as
/// \xNN, and cut after 100 bytes.
std::string in_quotes(std::string_view text);

}  // namespace adit::config
