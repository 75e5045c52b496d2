#include "controller/cli/proof.hpp"

#include "controller/cli/public_endpoint.hpp"
#include "controller/cli/relay_inspection.hpp"
#include "tests/support/catch.hpp"

using namespace adit::cli;

namespace {

SeenCertificate certificate(std::string place) {
  SeenCertificate seen;
  seen.place = std::move(place);
  seen.fingerprint_sha256 = "AB:CD";
  seen.subject = "CN=app.example.com";
  seen.issuer = "CN=Home CA";
  seen.not_after = "2027-01-31";
  return seen;
}

SeenCertificate no_certificate(std::string place, bool is_silent) {
  SeenCertificate seen;
  seen.place = std::move(place);
  seen.error = "refused";
  seen.is_silent = is_silent;
  return seen;
}

Proof good_proof() {
  Proof proof;
  proof.host = "app.example.com";
  proof.outside.seen = {certificate("198.51.100.7:443")};
  proof.home = certificate("10.30.0.200:443 at home");
  proof.relayed = {517, 2048, 1, 0};
  proof.checks = {certificates_check(proof.outside, proof.home),
                  relayed_check(proof.relayed, 1),
                  {"relay_memory", CheckState::Passed, "no key in 14.2 MB"}};
  return proof;
}

}  // namespace

TEST_CASE("proof: everything passed is verified, and looks like it", "[cli]") {
  const Proof proof = good_proof();
  CHECK(verdict_of(proof) == "verified");
  CHECK(proof_text(proof, Terminal{.has_utf8 = true}) ==
        "app.example.com\n"
        "  seen by a client   198.51.100.7:443\n"
        "                     AB:CD\n"
        "  seen at home       10.30.0.200:443 at home\n"
        "                     AB:CD\n"
        "\n"
        "  ✓ same certificate   a client and home see the same one: CN=app.example.com\n"
        "  ✓ bytes relayed      517 B to home, 2.0 kB to the client\n"
        "  ✓ relay: memory      no key in 14.2 MB\n"
        "\n"
        "  TLS ends at home. The relay forwards bytes that it cannot read.\n");
}

TEST_CASE("proof: without UTF-8 the marks are ASCII", "[cli]") {
  const std::string text = proof_text(good_proof(), Terminal{});
  CHECK_THAT(text, Catch::Contains("  ok  same certificate"));
  CHECK(std::all_of(text.begin(), text.end(),
                    [](char c) { return static_cast<unsigned char>(c) < 128; }));
}

TEST_CASE("proof: another certificate outside fails, and says what that means", "[cli]") {
  Proof proof = good_proof();
  proof.outside.seen[0].fingerprint_sha256 = "EE:EE";
  proof.outside.seen[0].issuer = "CN=Somebody Else";
  proof.checks[0] = certificates_check(proof.outside, proof.home);
  CHECK(proof.checks[0].state == CheckState::Failed);
  CHECK_THAT(proof.checks[0].detail,
             Catch::Contains("Somebody Else") && Catch::Contains("ends TLS in between"));
  CHECK(verdict_of(proof) == "failed");
  CHECK_THAT(proof_text(proof, Terminal{}), Catch::Contains("BAD same certificate"));
}

TEST_CASE("proof: no certificate on either side is never a match", "[cli]") {
  const SeenCertificate none = no_certificate("x", true);
  CHECK(certificates_check({{none}, 0, {}}, none).state == CheckState::Failed);
  CHECK(certificates_check({}, certificate("home")).state == CheckState::Failed);
  CHECK_THAT(certificates_check(good_proof().outside, none).detail,
             Catch::Contains("target") && Catch::Contains("refused"));
}

TEST_CASE("proof: every address of a name counts", "[cli]") {
  const SeenCertificate home = certificate("home");
  ClientView outside;
  outside.seen = {certificate("a"), certificate("b")};
  CHECK(certificates_check(outside, home) ==
        Check{"certificates_equal", CheckState::Passed,
              "a client and home see the same one at 2 addresses: CN=app.example.com"});
  SECTION("one that shows another fails, and is named") {
    outside.seen[1].fingerprint_sha256 = "EE:EE";
    CHECK(certificates_check(outside, home).state == CheckState::Failed);
    CHECK_THAT(certificates_check(outside, home).detail, Catch::Contains(" at b (issued by"));
  }
  SECTION("one that is no TLS at all fails") {
    outside.seen[1] = no_certificate("b", false);
    CHECK(certificates_check(outside, home) == Check{"certificates_equal", CheckState::Failed,
                                                     "a client gets no certificate at b: refused"});
  }
  SECTION("one where nobody answers is not checked") {
    outside.seen[0] = no_certificate("a", true);
    CHECK(certificates_check(outside, home).state == CheckState::Unchecked);
    CHECK_THAT(certificates_check(outside, home).detail, Catch::Contains("at 1 of 2 addresses"));
  }
  SECTION("those that were left out are not checked") {
    outside.left_out = 3;
    CHECK(certificates_check(outside, home).state == CheckState::Unchecked);
    CHECK_THAT(certificates_check(outside, home).detail, Catch::Contains("at 2 of 5 addresses"));
  }
}

TEST_CASE("proof: each address has its line, and the one that decides stands for all", "[cli]") {
  Proof proof = good_proof();
  proof.outside.seen.push_back(certificate("[2001:db8::7]:443"));
  proof.outside.seen.push_back(certificate("198.51.100.8:443"));
  proof.outside.seen[2].fingerprint_sha256 = "EE:EE";
  proof.outside.seen.push_back(no_certificate("198.51.100.9:443", true));
  CHECK_THAT(proof_text(proof, Terminal{}),
             Catch::Contains("  seen by a client   198.51.100.7:443\n"
                             "                     AB:CD\n"
                             "                     [2001:db8::7]:443: the same\n"
                             "                     198.51.100.8:443: EE:EE\n"
                             "                     198.51.100.9:443: refused\n"
                             "  seen at home "));
  const Json document = proof_document(proof);
  CHECK(document["addresses"].size() == 4);
  CHECK(document["outside"]["place"] == "198.51.100.8:443");
}

TEST_CASE("proof: what was not checked makes it incomplete, never verified", "[cli]") {
  Proof proof = good_proof();
  proof.checks[2] = {"relay_memory", CheckState::Unchecked, "not checked (run as root)"};
  CHECK(verdict_of(proof) == "incomplete");
  const Json document = proof_document(proof);
  CHECK(document["verdict"] == "incomplete");
  CHECK(document["checks"][2]["state"] == "unchecked");
  CHECK(document["checks"][0]["name"] == "certificates_equal");
  CHECK(document["outside"]["fingerprint_sha256"] == "AB:CD");
  CHECK(document["relayed"]["bytes_to_client"] == 2048);
}

TEST_CASE("proof: processes that are not a relay are unchecked", "[cli]") {
  const auto checks_of = [](pid_t supervisor, pid_t data) {
    return inspect_relay({{supervisor, data}, {}, 0, {}});
  };
  for (const Check& check : checks_of(1, getpid())) {
    CAPTURE(check.name);
    CHECK(check.state == CheckState::Unchecked);
  }
  CHECK(checks_of(0, 0).size() == 6);
  CHECK_THAT(checks_of(0, 0).front().detail, Catch::Contains("no relay"));
}

TEST_CASE("public_endpoint: the relay's listener here, by the port asked for or bound", "[cli]") {
  const Json relay = {{"listeners",
                       {{{"address", "::"}, {"port", 0}, {"bound_port", 40123}},
                        {{"address", "192.0.2.1"}, {"port", 8443}, {"bound_port", 8443}},
                        {{"address", "::"}, {"port", 443}, {"bound_port", 0}}}}};
  CHECK(local_listener(relay, 0).value().to_string() == "127.0.0.1:40123");
  CHECK(local_listener(relay, 40123).value().to_string() == "127.0.0.1:40123");
  CHECK(local_listener(relay, 8443).value().to_string() == "192.0.2.1:8443");
  CHECK_FALSE(local_listener(relay, 443));  // configured, but not open
  CHECK_FALSE(local_listener(Json(), 443));
}
