// Paths of the API: every name is percent-encoded, so that "*.lab.example.com" and whatever else a
// person types stays one path segment (RFC 3986 §2.3, §3.3). PURE.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace adit::cli {

/// Everything but RFC 3986 "unreserved" becomes %XX.
std::string percent_encoded(std::string_view text);

/// "/v1/hosts" + "*.lab.example.com" -> "/v1/hosts/%2A.lab.example.com". The segments "." and ".."
/// would be removed on the way as path navigation, so their dots are encoded too.
std::string with_segment(std::string_view path, std::string_view segment);

/// "?owner=git&message=a%20b" of the pairs with a value; empty without any.
std::string query_of(
    std::initializer_list<std::pair<std::string_view, std::string_view>> parameters);

}  // namespace adit::cli
