// What `adit verify` found out, and how it is told: a block of lines that people like to look at,
// or a stable document. PURE.
#pragma once

#include <string>
#include <vector>

#include "controller/cli/check.hpp"
#include "controller/cli/client_view.hpp"
#include "controller/cli/json_access.hpp"
#include "controller/cli/relay_counters.hpp"
#include "controller/cli/terminal.hpp"

namespace adit::cli {

struct Proof {
  std::string host;
  ClientView outside;    ///< by the relay, as clients see it
  SeenCertificate home;  ///< by the controller, through the tunnel
  Relayed relayed;
  std::vector<Check> checks;  ///< in the order they are shown
};

/// "certificates_equal": home has one, and it is the same at every address; a difference at one of
/// them fails, and its text says what that means. Unchecked where the same was seen but not
/// everywhere.
Check certificates_check(const ClientView& outside, const SeenCertificate& home);

/// "verified": every check passed; "failed": one failed; "incomplete": some could not be made.
std::string verdict_of(const Proof& proof);

std::string proof_text(const Proof& proof, const Terminal& terminal);

/// {"host","verdict","outside":{…},"addresses":[{…}],"home":{…},"relayed":{…},
/// "checks":[{"name","state","detail"}]}; "outside" is the first of "addresses" that differs from
/// home, else the first.
Json proof_document(const Proof& proof);

}  // namespace adit::cli
