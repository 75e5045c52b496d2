#include "controller/api/body.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace adit::api {

using nlohmann::json;

namespace {

/// Deeper than any document of ours, and no strain on anybody's stack.
constexpr int kMaxDepth = 64;

bool is_too_deep(std::string_view text) {
  int depth = 0;
  bool is_in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_in_string) {
      if (c == '\\') ++i;
      if (c == '"') is_in_string = false;
    } else if (c == '"') {
      is_in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

}  // namespace

Result<json> parse_object(std::string_view body) {
  if (is_too_deep(body)) return fail(Errc::Invalid, "the body is nested too deeply");
  json document;
  try {
    document = json::parse(body);
  } catch (const json::parse_error& error) {
    return fail(Errc::Invalid, fmt::format("the body is not JSON: wrong at byte {}", error.byte));
  } catch (const json::exception&) {
    return fail(Errc::Invalid, "the body is not JSON: a number is out of range");
  }
  if (!document.is_object()) {
    return fail(Errc::Invalid,
                fmt::format("the body must be a JSON object, not {}", document.type_name()));
  }
  return document;
}

Result<void> require_known(const json& object, const std::vector<std::string_view>& known) {
  for (const auto& [name, value] : object.items()) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return fail(Errc::Invalid,
                  fmt::format("unknown member \"{}\"; known are {}", name, fmt::join(known, ", ")));
    }
  }
  return {};
}

Result<std::string> text_member(const json& object, const std::string& name,
                                std::string otherwise) {
  const auto found = object.find(name);
  if (found == object.end()) return otherwise;
  if (!found->is_string()) return fail(Errc::Invalid, fmt::format("{}: must be a text", name));
  return found->get<std::string>();
}

Result<bool> flag_member(const json& object, const std::string& name, bool otherwise) {
  const auto found = object.find(name);
  if (found == object.end()) return otherwise;
  if (!found->is_boolean()) {
    return fail(Errc::Invalid, fmt::format("{}: must be true or false", name));
  }
  return found->get<bool>();
}

}  // namespace adit::api
