// Exchange: one request on its way through libmicrohttpd, from its first line to its answer.
// Internal to the HTTP server.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <microhttpd.h>

#include "controller/api/message.hpp"

namespace adit::api {

struct Exchange {
  std::uint64_t id = 0;
  Request request;
  bool is_too_large = false;
  bool is_routed = false;     ///< the handler has been called
  bool is_suspended = false;  ///< waits for the Reply
  std::optional<Response> response;
};

/// The request line and headers of `connection`; `target` is the path as sent.
Request read_request(MHD_Connection* connection, const char* target, const char* method);

/// Adds a part of the body; beyond the limit it is dropped and noted.
void add_body(Exchange& exchange, const char* data, std::size_t size, std::size_t limit);

/// Hands `response` to libmicrohttpd.
MHD_Result queue_response(MHD_Connection* connection, const Response& response);

}  // namespace adit::api
