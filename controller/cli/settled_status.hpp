// The controller's status, once it knows what is asked of it: a relay or a controller that has just
// started has told or heard nothing yet, and does so within moments.
#pragma once

#include <functional>

#include "controller/cli/api_client.hpp"

namespace adit::cli {

/// Does the member "relay" of /v1/status tell what the caller needs?
using IsSettled = std::function<bool(const Json& relay)>;

/// GET /v1/status, asked again until `is_settled`, for at most `patience`: the last answer, or the
/// failure to get one, which is not tried again. Blocks.
Attempt<Json> settled_status(ApiClient& api, Milliseconds patience, const IsSettled& is_settled);

}  // namespace adit::cli
