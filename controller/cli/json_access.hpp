// Reading the controller's documents without exceptions: a member that is missing or of another
// type reads as empty, so that a newer or older controller never breaks a table. PURE.
#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

namespace adit::cli {

using Json = nlohmann::ordered_json;

/// The member, or null. `document` may be of any type; the reference lives as long as it.
inline const Json& member(const Json& document, const char* key) {
  static const Json null;
  if (!document.is_object()) return null;
  const auto found = document.find(key);
  return found != document.end() ? *found : null;
}

/// A string as it is; numbers and booleans as their text; everything else "".
inline std::string text_at(const Json& document, const char* key) {
  const Json& value = member(document, key);
  if (value.is_string()) return value.get<std::string>();
  return value.is_number() || value.is_boolean() ? value.dump() : std::string();
}

/// A whole number from 0 on; 0 for everything else.
inline std::uint64_t number_at(const Json& document, const char* key) {
  const Json& value = member(document, key);
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  return value.is_number_integer() && value.get<std::int64_t>() > 0 ? value.get<std::uint64_t>()
                                                                    : 0;
}

/// The array, or an empty one.
inline const Json& array_at(const Json& document, const char* key) {
  static const Json empty = Json::array();
  const Json& value = member(document, key);
  return value.is_array() ? value : empty;
}

/// One line of JSON; bytes that are not UTF-8 become U+FFFD.
inline std::string compact(const Json& document) {
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace adit::cli
