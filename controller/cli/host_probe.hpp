// One try of a host's target after it was added, and what to tell people about the answer.
#pragma once

#include <string>
#include <vector>

#include "controller/cli/api_client.hpp"

namespace adit::cli {

/// The controller's probe of `host` (at most 1 s): {"target","result","detail","took_ms"}. A
/// failure to make it is no fault of the change that went before.
Attempt<Json> probe_host(ApiClient& api, const std::string& host);

/// Lines for people: empty for "tls", the Caddyfile for "plain_http" with `retarget`, the command
/// that gives the host another target; a hint for what did not answer. PURE.
std::vector<std::string> probe_advice(const std::string& host, const Json& probe,
                                      const std::string& retarget);

}  // namespace adit::cli
