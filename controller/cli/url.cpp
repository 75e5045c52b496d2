#include "controller/cli/url.hpp"

#include <cstdint>

#include <fmt/format.h>

namespace adit::cli {

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool is_unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                               (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
                               c == '~';
    if (is_unreserved) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<std::uint8_t>(c));
    }
  }
  return out;
}

std::string with_segment(std::string_view path, std::string_view segment) {
  std::string encoded = percent_encoded(segment);
  if (segment == "." || segment == "..") {
    encoded.clear();
    for (std::size_t i = 0; i < segment.size(); ++i) encoded += "%2E";
  }
  return std::string(path).append("/").append(encoded);
}

std::string query_of(
    std::initializer_list<std::pair<std::string_view, std::string_view>> parameters) {
  std::string out;
  for (const auto& [name, value] : parameters) {
    if (value.empty()) continue;
    out += out.empty() ? '?' : '&';
    out.append(name).append("=").append(percent_encoded(value));
  }
  return out;
}

}  // namespace adit::cli
