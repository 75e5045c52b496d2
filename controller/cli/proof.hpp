// What `adit verify` found out, and how it is told: a block of lines that people like to look at,
// or a stable document. PURE.
#pragma once

#include <string>
#include <vector>

#include "controller/cli/json_access.hpp"
#include "controller/cli/relay_inspection.hpp"
#include "controller/cli/terminal.hpp"

namespace adit::cli {

/// A certificate as one side sees it.
struct SeenCertificate {
  std::string place;  ///< where it was asked for: "198.51.100.7:443"
  std::string fingerprint_sha256;
  std::string subject;
  std::string issuer;
  std::string not_after;
  std::string error;  ///< why there is none; empty if there is one
};

/// Bytes of the route while the verification ran.
struct Relayed {
  std::uint64_t to_target = 0;
  std::uint64_t to_client = 0;
};

struct Proof {
  std::string host;
  SeenCertificate outside;  ///< by the relay, as a client sees it
  SeenCertificate home;     ///< by the controller, through the tunnel
  Relayed relayed;
  std::vector<Check> checks;  ///< in the order they are shown
};

/// "certificates_equal": both there and the same; the text of a difference says what it means.
Check certificates_check(const SeenCertificate& outside, const SeenCertificate& home);

/// "bytes_relayed": the handshake went through the relay.
Check relayed_check(const Relayed& relayed, bool is_known);

/// "verified": every check passed; "failed": one failed; "incomplete": some could not be made.
std::string verdict_of(const Proof& proof);

std::string proof_text(const Proof& proof, const Terminal& terminal);

/// {"host","verdict","outside":{…},"home":{…},"relayed":{…},"checks":[{"name","state","detail"}]}
Json proof_document(const Proof& proof);

}  // namespace adit::cli
