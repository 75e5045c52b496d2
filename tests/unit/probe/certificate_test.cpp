// Certificates fetched from real TLS servers, trusted or not.
#include "controller/probe/certificate.hpp"

#include <array>
#include <cstdio>
#include <regex>
#include <thread>

#include <sys/socket.h>
#include <sys/stat.h>

#include "tests/support/catch.hpp"
#include "tests/unit/probe/servers.hpp"

using adit::Endpoint;
using adit::Errc;
using adit::Milliseconds;
using adit::SteadyClock;
using adit::probe::CertificateRequest;
using adit::probe::fetch_certificate;
using adit::probe::test::Servers;
namespace os = adit::os;

namespace {

os::Patience in(Milliseconds time) {
  return {SteadyClock::now() + time, {}};
}

os::Patience enough() {
  return in(Milliseconds(60'000));
}

/// What `openssl x509` says of the servers' certificate: the second opinion.
std::string openssl_x509(const std::string& what) {
  const std::string command =
      "openssl x509 -noout -in " + Servers::shared().certificate_file() + " " + what;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> out(::popen(command.c_str(), "r"),
                                                            &::pclose);
  std::array<char, 512> line{};
  REQUIRE(std::fgets(line.data(), line.size(), out.get()) != nullptr);
  std::string text = line.data();
  text = text.substr(text.find('=') + 1);
  return text.substr(0, text.find('\n'));
}

}  // namespace

TEST_CASE("certificate: of a server that is trusted", "[probe]") {
  const auto& servers = Servers::shared();
  const auto certificate = fetch_certificate(
      {servers.at("tls"), "app.example.test", servers.certificate_file()}, enough());
  if (!certificate) FAIL(certificate.error().what);
  CHECK(certificate->fingerprint_sha256 == openssl_x509("-fingerprint -sha256"));
  CHECK(certificate->fingerprint_sha256.size() == 32 * 3 - 1);
  CHECK(certificate->subject == "CN=app.example.test,O=Example Home");
  CHECK(certificate->issuer == certificate->subject);
  CHECK(std::regex_match(certificate->not_after,
                         std::regex("20\\d\\d-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ")));
  CHECK(certificate->names ==
        std::vector<std::string>{"app.example.test", "*.lab.example.test", "127.0.0.1"});
  CHECK(certificate->tls_version == "TLSv1.3");
  CHECK(certificate->is_trusted);
  CHECK(certificate->trust_problem.empty());
}

TEST_CASE("certificate: is shown also when it is not trusted, with the reason", "[probe]") {
  const auto& servers = Servers::shared();

  struct Case {
    CertificateRequest request;
    bool is_trusted;
  };

  const std::vector<Case> cases{
      {{servers.at("tls"), "a.lab.example.test", servers.certificate_file()}, true},
      {{servers.at("tls"), "127.0.0.1", servers.certificate_file()}, true},
      {{servers.at("tls"), "", servers.certificate_file()}, true},
      {{servers.at("tls"), "wrong.example.test", servers.certificate_file()}, false},
      {{servers.at("tls"), "127.0.0.2", servers.certificate_file()}, false},
      {{servers.at("tls"), "app.example.test", ""}, false},
  };
  for (const auto& each : cases) {
    CAPTURE(each.request.server_name, each.request.ca_file);
    const auto certificate = fetch_certificate(each.request, enough());
    if (!certificate) FAIL(certificate.error().what);
    CAPTURE(certificate->trust_problem);
    CHECK(certificate->is_trusted == each.is_trusted);
    CHECK(certificate->trust_problem.empty() == each.is_trusted);
    CHECK(certificate->fingerprint_sha256 == openssl_x509("-fingerprint -sha256"));
  }
}

TEST_CASE("certificate: says which version of TLS was spoken", "[probe]") {
  const auto& servers = Servers::shared();
  CHECK(fetch_certificate({servers.at("tls12"), "app.example.test", ""}, enough())
            .value()
            .tls_version == "TLSv1.2");
}

TEST_CASE("certificate: no TLS, no certificate", "[probe]") {
  const auto& servers = Servers::shared();
  const auto fault = [&](const CertificateRequest& request, Milliseconds time) {
    const auto certificate = fetch_certificate(request, in(time));
    REQUIRE_FALSE(certificate);
    return certificate.error();
  };
  const Milliseconds plenty(60'000);
  CHECK(fault({servers.at("go_http"), "app.example.test", ""}, plenty).code == Errc::Protocol);
  CHECK(fault({servers.at("go_http"), "app.example.test", ""}, plenty).what.find("plain HTTP") !=
        std::string::npos);
  CHECK(fault({servers.at("ssh"), "app.example.test", ""}, plenty).code == Errc::Protocol);
  CHECK(fault({servers.at("closing"), "app.example.test", ""}, plenty).code == Errc::Protocol);
  CHECK(fault({servers.at("choosy"), "other.example.test", ""}, plenty)
            .what.find("unrecognized name") != std::string::npos);
  CHECK(fault({servers.at("silent"), "app.example.test", ""}, Milliseconds(100)).code ==
        Errc::Unavailable);
  CHECK(fault({servers.at("tls"), "app.example.test", "/nowhere/ca.pem"}, plenty).code ==
        Errc::Invalid);
  CHECK(fault({servers.at("tls"), std::string(300, 'a'), ""}, plenty).code == Errc::Invalid);
}

TEST_CASE("certificate: a stop request ends the wait", "[probe]") {
  const auto& servers = Servers::shared();
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  const os::Patience patience{SteadyClock::now() + std::chrono::hours(1), stop.get_token()};
  const auto certificate = fetch_certificate({servers.at("silent"), "", ""}, patience);
  REQUIRE_FALSE(certificate);
  CHECK(certificate.error().code == Errc::Unavailable);
}

TEST_CASE("certificate: of a server that wants to be told who comes", "[probe]") {
  using adit::control::ProxyProtocol;
  const auto& servers = Servers::shared();
  if (!servers.has("nginx_proxied")) {
    WARN("no nginx here: not asked");
    return;
  }
  CertificateRequest request{servers.at("nginx_proxied"), "app.example.test",
                             servers.certificate_file()};
  CHECK_FALSE(fetch_certificate(request, enough()));
  for (const auto version : {ProxyProtocol::V1, ProxyProtocol::V2}) {
    request.proxy_protocol = version;
    const auto shown = fetch_certificate(request, enough());
    REQUIRE(shown);
    CHECK(shown->is_trusted);
  }
}
