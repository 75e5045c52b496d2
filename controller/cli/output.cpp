#include "controller/cli/output.hpp"

#include <cstdint>
#include <ostream>

#include <fmt/format.h>

#include "controller/cli/text.hpp"
#include "controller/cli/utf8.hpp"
#include "controller/cli/yaml_writer.hpp"

namespace adit::cli {

namespace {

/// Two blanks per level, one line end. What could steer a terminal is escaped: the library does so
/// for what JSON itself forbids (below U+0020), this for the rest. Such characters can only stand
/// in strings, and none is beyond U+FFFF.
std::string pretty(const Json& document) {
  const std::string text = document.dump(2, ' ', false, Json::error_handler_t::replace);
  std::string out;
  for (std::string_view rest = text; !rest.empty();) {
    const CodePoint point = first_code_point(rest);
    if (point.value >= 0x20 && is_unprintable(point.value)) {
      out += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(point.value));
    } else {
      out += rest.substr(0, point.length);
    }
    rest.remove_prefix(point.length);
  }
  return out + '\n';
}

}  // namespace

void Output::document(const Json& document) {
  out_ << (format_ == Format::YamlText ? to_yaml(document) : pretty(document));
}

void Output::text(std::string_view text) {
  out_ << text;
}

void Output::note(std::string_view line) {
  if (!is_document()) err_ << printable(line) << '\n';
}

void Output::failure(const Failure& failure) {
  if (is_document()) {
    err_ << (format_ == Format::YamlText ? to_yaml(failure.problem) : pretty(failure.problem));
  } else {
    err_ << to_text(failure);
  }
}

}  // namespace adit::cli
