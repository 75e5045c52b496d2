// One HTTP request and one answer as values: what handlers see of HTTP. PURE.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

namespace adit::api {

struct Request {
  std::string method;
  std::string path;                          ///< as sent: percent-encoded, without the query
  std::map<std::string, std::string> query;  ///< decoded; the last of a repeated one
  bool has_broken_query = false;             ///< an argument of it could not be decoded
  std::optional<std::string> if_match;
  std::optional<std::string> if_none_match;
  std::string body;
  std::uint32_t uid = 0;  ///< SO_PEERCRED of the connection

  /// Decoded value of a query argument, or `otherwise`.
  [[nodiscard]] std::string argument(const std::string& name, std::string otherwise = "") const {
    const auto found = query.find(name);
    return found == query.end() ? std::move(otherwise) : found->second;
  }
};

struct Response {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::map<std::string, std::string> headers;
};

/// Gives the answer of one request, from the loop's thread, now or later, once. The connection may
/// be gone by then.
using Reply = std::function<void(Response)>;

/// 200 with `document`; `revision` becomes the ETag.
Response json_response(const nlohmann::json& document,
                       std::optional<std::uint64_t> revision = std::nullopt);

/// Percent-decoding (RFC 3986 §2.1); nothing for a broken escape. In a query '+' is a space.
std::optional<std::string> percent_decoded(std::string_view text, bool is_query);

/// "8", quotes included, as an entity tag of ours; "*" and tags that are none of ours: nothing.
std::optional<std::uint64_t> revision_of_tag(std::string_view tag);

}  // namespace adit::api
