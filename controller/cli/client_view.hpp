// What clients see: the certificate that is shown to them, at every address where a name leads.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/clock.hpp"
#include "common/net/ip_address.hpp"
#include "controller/cli/check.hpp"

namespace adit::cli {

/// A certificate as one side sees it.
struct SeenCertificate {
  std::string place;  ///< where it was asked for: "198.51.100.7:443"
  std::string fingerprint_sha256;
  std::string subject;
  std::string issuer;
  std::string not_after;
  std::string error;       ///< why there is none; empty if there is one
  bool is_silent = false;  ///< with `error`: nobody answers there
};

struct ClientView {
  std::vector<SeenCertificate> seen;  ///< one for each endpoint that was looked at; not empty
  std::size_t left_out = 0;           ///< endpoints beyond the first eight
  std::optional<Check> trust;         ///< "chain_trusted", if there was something to verify

  /// How many handshakes were made.
  [[nodiscard]] std::size_t handshakes() const;
};

/// Asks each of `endpoints` (at least one; no more than eight of them) for the certificate of
/// `host`, all of them before `deadline`: each has a fair share of the time that is left. With
/// `ca_file` the chains are verified against it too.
ClientView look_as_client(const std::string& host, const std::string& ca_file,
                          std::span<const Endpoint> endpoints, TimePoint deadline);

}  // namespace adit::cli
