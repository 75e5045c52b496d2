// What a TLS server shows at a place: its certificate, fetched with or without trust in it, so that
// two places can be compared (`adit verify`: the internet's side and home's).
#pragma once

#include <string>
#include <vector>

#include "common/control/messages.hpp"
#include "common/net/ip_address.hpp"
#include "common/os/wait.hpp"
#include "common/result.hpp"

namespace adit::probe {

struct Certificate {
  std::string fingerprint_sha256;  ///< of the DER form: "AB:CD:…", 32 bytes
  std::string subject;             ///< RFC 2253 text: "CN=app.example.com"
  std::string issuer;
  std::string not_after;           ///< "2027-01-31T12:00:00Z"
  std::vector<std::string> names;  ///< DNS names and IP addresses it is for, as it lists them
  std::string tls_version;         ///< "TLSv1.3"
  bool is_trusted = false;         ///< chain, dates and name are good
  std::string trust_problem;       ///< why not, in OpenSSL's words; empty if trusted

  bool operator==(const Certificate&) const = default;
};

struct CertificateRequest {
  Endpoint at;
  std::string server_name;  ///< sent as SNI and verified; empty: neither
  std::string ca_file;      ///< PEM; instead of the system's trusted certificates unless empty
  control::ProxyProtocol proxy_protocol = control::ProxyProtocol::None;  ///< what `at` wants first
};

/// The certificate that the server shows, trusted or not. Errc::Unavailable when nobody answers in
/// time, Protocol when what answers is not TLS or refuses, Invalid for an unusable `ca_file` or
/// `server_name`; else as connect(2).
Result<Certificate> fetch_certificate(const CertificateRequest& request,
                                      const os::Patience& patience);

}  // namespace adit::probe
