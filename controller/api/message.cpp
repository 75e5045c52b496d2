#include "controller/api/message.hpp"

#include <charconv>

#include <fmt/format.h>

namespace adit::api {

namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Response json_response(const nlohmann::json& document, std::optional<std::uint64_t> revision) {
  Response response;
  // Whatever bytes a client may have made us repeat: the answer is valid JSON.
  response.body = document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  if (revision) response.headers["ETag"] = fmt::format("\"{}\"", *revision);
  return response;
}

std::optional<std::string> percent_decoded(std::string_view text, bool is_query) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && is_query) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

std::optional<std::uint64_t> revision_of_tag(std::string_view tag) {
  if (tag.size() < 3 || tag.front() != '"' || tag.back() != '"') return std::nullopt;
  std::uint64_t value = 0;
  const char* const end = tag.data() + tag.size() - 1;
  const auto [stopped, error] = std::from_chars(tag.data() + 1, end, value);
  if (error != std::errc{} || stopped != end) return std::nullopt;
  return value;
}

}  // namespace adit::api
