#include "controller/cli/host_probe.hpp"

#include <fmt/format.h>

#include "controller/cli/url.hpp"

namespace adit::cli {

namespace {

std::vector<std::string> caddy_advice(const std::string& host, const std::string& target,
                                      const std::string& retarget) {
  // "*" names no site: a certificate is for names.
  const bool has_name = host != "*";
  return {fmt::format("warning: {} answers plain HTTP, not TLS, so https://{} will not work yet. "
                      "TLS has to end at home; Caddy does it with these three lines{}:",
                      target, has_name ? host : "…", has_name ? "" : " for each of your names"),
          fmt::format("  {} {{", has_name ? host : "name.example.com"),
          fmt::format("    reverse_proxy {}", target), "  }",
          fmt::format("Then make port 443 of Caddy's machine the target: {}", retarget)};
}

}  // namespace

Attempt<Json> probe_host(ApiClient& api, const std::string& host) {
  return api.send(
      {.method = "POST", .path = with_segment("/v1/hosts", host) + "/probe", .only_asks = true});
}

std::vector<std::string> probe_advice(const std::string& host, const Json& probe,
                                      const std::string& retarget) {
  const std::string result = text_at(probe, "result");
  if (result.empty() || result == "tls") return {};
  const std::string target = text_at(probe, "target");
  if (result == "plain_http") return caddy_advice(host, target, retarget);
  if (result == "not_probed") {
    return {
        fmt::format("hint: {} was not asked whether it answers: the controller was busy with "
                    "others; `adit verify {}` asks it",
                    target, host)};
  }
  std::string reason = "did not answer as expected";
  if (result == "refused") reason = "refuses connections: nothing listens there yet";
  if (result == "timeout")
    reason = "does not answer: is it up, and does its firewall let the tunnel in";
  if (result == "unreachable") reason = "cannot be reached yet: is the site's tunnel up";
  if (result == "closed") reason = "closes the connection without a word of TLS";
  if (result == "other") reason = "answers, but not with TLS";
  const std::string detail = text_at(probe, "detail");
  return {fmt::format("hint: {} {}{}", target, reason,
                      detail.empty() ? "" : fmt::format(" ({})", detail))};
}

}  // namespace adit::cli
