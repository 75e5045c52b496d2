#include "controller/cli/client_view.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "controller/probe/certificate.hpp"

namespace adit::cli {

namespace {

constexpr std::size_t kMostEndpoints = 8;

Check trust_check(const std::string& ca_file, const std::string& place,
                  const probe::Certificate& certificate) {
  constexpr const char* kName = "chain_trusted";
  if (certificate.is_trusted) return {kName, CheckState::Passed, "verified against " + ca_file};
  return {kName, CheckState::Failed,
          fmt::format("at {} not by {}: {}", place, ca_file, certificate.trust_problem)};
}

SeenCertificate seen_at(const std::string& place, const Result<probe::Certificate>& shown) {
  SeenCertificate seen;
  seen.place = place;
  if (!shown) {
    seen.error = shown.error().what;
    seen.is_silent = shown.error().code != Errc::Protocol;
    return seen;
  }
  seen.fingerprint_sha256 = shown->fingerprint_sha256;
  seen.subject = shown->subject;
  seen.issuer = shown->issuer;
  seen.not_after = shown->not_after;
  return seen;
}

}  // namespace

std::size_t ClientView::handshakes() const {
  return static_cast<std::size_t>(std::count_if(
      seen.begin(), seen.end(),
      [](const SeenCertificate& certificate) { return !certificate.fingerprint_sha256.empty(); }));
}

ClientView look_as_client(const std::string& host, const std::string& ca_file,
                          std::span<const Endpoint> endpoints, TimePoint deadline) {
  ClientView view;
  const auto looked_at = endpoints.first(std::min(endpoints.size(), kMostEndpoints));
  view.left_out = endpoints.size() - looked_at.size();
  for (std::size_t i = 0; i < looked_at.size(); ++i) {
    const TimePoint now = SteadyClock::now();
    const auto share = (deadline - now) / static_cast<long>(looked_at.size() - i);
    const auto shown = probe::fetch_certificate(
        {.at = looked_at[i], .server_name = host, .ca_file = ca_file}, {.deadline = now + share});
    const std::string place = looked_at[i].to_string();
    view.seen.push_back(seen_at(place, shown));
    const bool is_settled = view.trust && view.trust->state == CheckState::Failed;
    if (shown && !ca_file.empty() && !is_settled) view.trust = trust_check(ca_file, place, *shown);
  }
  return view;
}

}  // namespace adit::cli
