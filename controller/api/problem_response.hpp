// Errors as application/problem+json (RFC 9457), one form for all of them. PURE.
#pragma once

#include <string>

#include "controller/api/message.hpp"
#include "controller/apply/requests.hpp"

namespace adit::api {

/// The HTTP status of `code`: invalid 400, denied 403, not_found 404, conflict 409, protocol 502,
/// unavailable 503, else 500.
unsigned status_of(Errc code);

/// `detail`: one sentence for people, which says what would be right.
Response problem_response(Errc code, const std::string& detail);
/// With a status of HTTP's own (404, 405, 412, 413).
Response problem_response(unsigned status, Errc code, const std::string& detail);
Response problem_response(const apply::Refusal& refusal);
Response problem_response(const Error& error);

}  // namespace adit::api
