#include "controller/probe/certificate.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "controller/probe/proxy_greeting.hpp"
#include "controller/probe/tls_client.hpp"

namespace adit::probe {

namespace {

struct FreeCertificate {
  void operator()(X509* certificate) const noexcept { X509_free(certificate); }

  void operator()(BIO* bio) const noexcept { BIO_free(bio); }

  void operator()(GENERAL_NAMES* names) const noexcept { GENERAL_NAMES_free(names); }
};

template <class T>
using Owned = std::unique_ptr<T, FreeCertificate>;

std::string fingerprint_of(const X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (X509_digest(certificate, EVP_sha256(), digest.data(), &size) != 1) return {};
  std::string text;
  for (unsigned int i = 0; i < size; ++i)
    text += fmt::format("{}{:02X}", i == 0 ? "" : ":", digest[i]);
  return text;
}

std::string text_of(const X509_NAME* name) {
  const Owned<BIO> out(BIO_new(BIO_s_mem()));
  // Without ESC_MSB: names in UTF-8 stay readable.
  X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return data == nullptr ? std::string() : std::string(data, static_cast<std::size_t>(size));
}

std::string iso_text(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::span<const std::uint8_t> bytes_of(const ASN1_STRING* text) {
  return {ASN1_STRING_get0_data(text), static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::vector<std::string> names_of(const X509* certificate) {
  std::vector<std::string> names;
  const Owned<GENERAL_NAMES> all(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; all && i < sk_GENERAL_NAME_num(all.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(all.get(), i);
    if (name->type == GEN_DNS) {
      const auto bytes = bytes_of(name->d.dNSName);
      names.emplace_back(bytes.begin(), bytes.end());
    } else if (name->type == GEN_IPADD) {
      const auto bytes = bytes_of(name->d.iPAddress);
      if (bytes.size() == 4 || bytes.size() == 16) names.push_back(IpAddress(bytes).to_string());
    }
  }
  return names;
}

Certificate describe(SSL* session, const X509* shown) {
  Certificate certificate;
  certificate.fingerprint_sha256 = fingerprint_of(shown);
  certificate.subject = text_of(X509_get_subject_name(shown));
  certificate.issuer = text_of(X509_get_issuer_name(shown));
  certificate.not_after = iso_text(X509_get0_notAfter(shown));
  certificate.names = names_of(shown);
  certificate.tls_version = SSL_get_version(session);
  const long verdict = SSL_get_verify_result(session);
  certificate.is_trusted = verdict == X509_V_OK;
  if (!certificate.is_trusted) {
    certificate.trust_problem = X509_verify_cert_error_string(verdict);
  }
  return certificate;
}

std::string problem_of(const HandshakeOutcome& outcome) {
  if (outcome.first_bytes.starts_with("HTTP/")) return "plain HTTP answers, not TLS";
  return outcome.problem;
}

}  // namespace

Result<Certificate> fetch_certificate(const CertificateRequest& request,
                                      const os::Patience& patience) {
  auto client = TlsClient::create(request.server_name, request.ca_file);
  if (!client) return fail(std::move(client).error());
  auto fd = connect_and_greet(request.at, request.proxy_protocol, patience);
  if (!fd) return fail(std::move(fd).error());
  const HandshakeOutcome outcome = run_handshake(*client, fd->get(), patience);
  const std::string what = fmt::format("TLS handshake with {}", request.at);
  switch (outcome.kind) {
    case HandshakeOutcome::Kind::Done:
      break;
    case HandshakeOutcome::Kind::TimedOut:
      return fail(Errc::Unavailable, fmt::format("{}: {}", what, outcome.problem));
    default:
      return fail(Errc::Protocol, fmt::format("{}: {}", what, problem_of(outcome)));
  }
  const Owned<X509> shown(SSL_get1_peer_certificate(client->session()));
  if (!shown) return fail(Errc::Protocol, what + ": the server showed no certificate");
  return describe(client->session(), shown.get());
}

}  // namespace adit::probe
