#include "controller/cli/proof.hpp"

#include "controller/cli/public_endpoint.hpp"
#include "tests/support/catch.hpp"

using namespace adit::cli;

namespace {

Proof good_proof() {
  Proof proof;
  proof.host = "app.example.com";
  proof.outside = {"198.51.100.7:443", "AB:CD",      "CN=app.example.com",
                   "CN=Home CA",       "2027-01-31", ""};
  proof.home = {
      "10.30.0.200:443 at home", "AB:CD", "CN=app.example.com", "CN=Home CA", "2027-01-31", ""};
  proof.relayed = {517, 2048};
  proof.checks = {certificates_check(proof.outside, proof.home),
                  relayed_check(proof.relayed, true),
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
  proof.outside.fingerprint_sha256 = "EE:EE";
  proof.outside.issuer = "CN=Somebody Else";
  proof.checks[0] = certificates_check(proof.outside, proof.home);
  CHECK(proof.checks[0].state == CheckState::Failed);
  CHECK_THAT(proof.checks[0].detail,
             Catch::Contains("Somebody Else") && Catch::Contains("ends TLS in between"));
  CHECK(verdict_of(proof) == "failed");
  CHECK_THAT(proof_text(proof, Terminal{}), Catch::Contains("BAD same certificate"));
}

TEST_CASE("proof: no certificate on either side is never a match", "[cli]") {
  const SeenCertificate none{"x", "", "", "", "", "refused"};
  CHECK(certificates_check(none, none).state == CheckState::Failed);
  CHECK_THAT(certificates_check(good_proof().outside, none).detail,
             Catch::Contains("target") && Catch::Contains("refused"));
}

TEST_CASE("proof: bytes that did not come through the relay fail", "[cli]") {
  CHECK(relayed_check({0, 0}, true).state == CheckState::Failed);
  CHECK(relayed_check({517, 0}, true).state == CheckState::Failed);
  CHECK(relayed_check({0, 0}, false).state == CheckState::Unchecked);
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
  for (const Check& check : inspect_relay({1, getpid()}, {}, 0)) {
    CAPTURE(check.name);
    CHECK(check.state == CheckState::Unchecked);
  }
  CHECK_THAT(inspect_relay({0, 0}, {}, 0).front().detail, Catch::Contains("no relay"));
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
