// What the relay says in HTTP by itself: redirects to HTTPS, and small answers to what it does not
// pass on. Every answer ends the connection. PURE.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "relay/http_head.hpp"

namespace adit::relay {

/// To https on `port` (443 and 0 are not written) of the same host, path and query: 301 for GET and
/// HEAD, which everything understands, else 308, which keeps the method and the body (RFC 9110
/// §15.4.9). `head.host` must be there.
[[nodiscard]] std::string redirect_to_https(const HttpHead& head, std::uint16_t port);

/// A short text with the status `code` (one of 400, 404, 408, 414, 431, 502, 504, 505);
/// `has_body` false for an answer to HEAD.
[[nodiscard]] std::string http_answer(unsigned code, bool has_body = true);

/// SETTINGS, and GOAWAY with HTTP_1_1_REQUIRED (RFC 9113 §6.5, §6.8, §7): the client that began
/// with HTTP/2 asks again with HTTP/1.1.
[[nodiscard]] std::string_view http2_refusal();

}  // namespace adit::relay
