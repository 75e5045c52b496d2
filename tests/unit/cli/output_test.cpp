#include "controller/cli/output.hpp"

#include <sstream>

#include <yaml-cpp/yaml.h>

#include "controller/cli/host_probe.hpp"
#include "controller/cli/spelling.hpp"
#include "controller/cli/status_view.hpp"
#include "tests/support/catch.hpp"

using namespace adit;
using namespace adit::cli;

TEST_CASE("output: with a document on stdout, stderr keeps silent unless it fails", "[cli]") {
  std::ostringstream out;
  std::ostringstream err;
  Output output(out, err, Format::JsonText, Terminal{});
  output.note("waiting: relay");
  output.document({{"a", 1}});
  CHECK(out.str() == "{\n  \"a\": 1\n}\n");
  CHECK(err.str().empty());
  output.failure(Failure::of(Errc::Conflict, "taken"));
  CHECK(Json::parse(err.str())["detail"] == "taken");
}

TEST_CASE("output: what steers a terminal is escaped in JSON and YAML, and reads the same",
          "[cli]") {
  const std::string text = GENERATE(as<std::string>(), "\xc2\x9b[2J", "\x7f", "\xc2\x80", "\x1b[2J",
                                    "\xe2\x80\xae", "\xe2\x81\xa6", "\xef\xbb\xbf", "\xe2\x80\xa8");
  for (const Format format : {Format::JsonText, Format::YamlText}) {
    std::ostringstream out;
    std::ostringstream err;
    Output output(out, err, format, Terminal{});
    output.document({{"key" + text, "grüße " + text}});
    output.failure(Failure{{{"detail", text}}});
    CAPTURE(out.str(), err.str());
    for (const std::string& written : {out.str(), err.str()}) {
      CHECK(written.find(text) == std::string::npos);
      CHECK(written.find('\\') != std::string::npos);
    }
    CHECK(out.str().find("grüße") != std::string::npos);
    if (format == Format::JsonText) {
      CHECK(Json::parse(out.str())["key" + text] == "grüße " + text);
    } else {
      CHECK(YAML::Load(out.str())["key" + text].as<std::string>() == "grüße " + text);
    }
  }
}

TEST_CASE("output: the same as YAML, and as text", "[cli]") {
  std::ostringstream out;
  std::ostringstream err;
  Output(out, err, Format::YamlText, Terminal{}).document({{"a", "x"}});
  CHECK(out.str() == "a: x\n");
  Output(out, err, Format::Table, Terminal{}).note("say\033[2J");
  CHECK(err.str() == "say\\x1b[2J\n");
}

TEST_CASE("host_probe: plain HTTP comes with the Caddyfile that ends TLS at home", "[cli]") {
  const Json probe = {{"target", "10.30.0.200:8080"}, {"result", "plain_http"}};
  const auto lines = probe_advice("app.example.com", probe, "adit change");
  REQUIRE(lines.size() == 5);
  CHECK_THAT(lines[0], Catch::StartsWith("warning: 10.30.0.200:8080 answers plain HTTP, not TLS"));
  CHECK(lines[1] == "  app.example.com {");
  CHECK(lines[2] == "    reverse_proxy 10.30.0.200:8080");
  CHECK(lines[3] == "  }");
  CHECK(lines[4] == "Then make port 443 of Caddy's machine the target: adit change");
}

TEST_CASE("host_probe: the Caddyfile of the catch-all has a name that a certificate can have",
          "[cli]") {
  const Json probe = {{"target", "10.30.0.200:8080"}, {"result", "plain_http"}};
  const auto lines = probe_advice("*", probe, "");
  CHECK_THAT(lines[0], Catch::Contains("for each of your names"));
  CHECK(lines[1] == "  name.example.com {");
}

TEST_CASE("host_probe: silence for TLS and for no probe, a hint for all else", "[cli]") {
  CHECK(probe_advice("a.test", {{"result", "tls"}}, "").empty());
  CHECK(probe_advice("a.test", Json(), "").empty());
  for (const char* result : {"refused", "unreachable", "timeout", "closed", "other", "new-word"}) {
    const auto lines = probe_advice(
        "a.test", {{"target", "10.0.0.1:1"}, {"result", result}, {"detail", "why"}}, "");
    CAPTURE(result);
    REQUIRE(lines.size() == 1);
    CHECK_THAT(lines[0], Catch::StartsWith("hint: 10.0.0.1:1 ") && Catch::EndsWith(" (why)"));
  }
}

TEST_CASE("spelling: the nearest word, if any is near", "[cli]") {
  const std::vector<std::string> words = {"apply", "diff", "status"};
  CHECK(nearest_word("aplly", words) == "apply");
  CHECK(nearest_word("statsu", words) == "status");
  CHECK(nearest_word("dif", words) == "diff");
  CHECK(nearest_word("xyzzy", words).empty());
  CHECK(nearest_word(std::string(100'000, 'a'), words).empty());
}

TEST_CASE("status_view: one screen, with what is wrong and the fix at its end", "[cli]") {
  const Json status = {
      {"status", "degraded"},
      {"version", "0.1.0"},
      {"revision", 8},
      {"node",
       {{"implementation", "kernel"},
        {"interface", "adit0"},
        {"listen_port", 51820},
        {"public_key", "mQ7="},
        {"endpoint", "vps.example.com:51820"}}},
      {"relay",
       {{"connected", true},
        {"active", 3},
        {"accepted", 120},
        {"bytes_to_target", 1200},
        {"bytes_to_client", 3'400'000},
        {"limits", {{"connections", 7872}}},
        {"listeners",
         {{{"address", "::"}, {"port", 443}, {"bound_port", 443}},
          {{"address", "192.0.2.1"},
           {"port", 8443},
           {"bound_port", 0},
           {"problem", "Address already in use"}}}}}},
      {"sites",
       {{{"name", "home"},
         {"state", "up"},
         {"handshake_age_s", 25},
         {"endpoint", "203.0.113.9:40001"},
         {"address", "10.98.0.10"},
         {"received_bytes", 0},
         {"sent_bytes", 148},
         {"hosts", 1}}}},
      {"hosts",
       {{{"name", "app.example.com"},
         {"site", "home"},
         {"target", "10.30.0.200:443"},
         {"port", 443},
         {"state", "ok"},
         {"active", 3},
         {"connections", 120},
         {"bytes_to_target", 1200},
         {"bytes_to_client", 3'400'000}}}},
      {"problems", {{{"what", "port 8443 is taken"}, {"fix", "stop what has it"}}}}};
  CHECK(status_text(status, Terminal{}) ==
        "DEGRADED  adit 0.1.0, revision 8\n"
        "node   adit0 (kernel), UDP port 51820, public key mQ7=, homes call vps.example.com:51820\n"
        "relay  connected, 3 active of at most 7872, 120 accepted, 1.2 kB to targets, 3.4 MB to "
        "clients\n"
        "       listens on [::]:443, 192.0.2.1:8443 (not open: Address already in use)\n"
        "\n"
        "SITE  STATE  HANDSHAKE  ENDPOINT           ADDRESS     RECEIVED   SENT  HOSTS\n"
        "home  up     25 s ago   203.0.113.9:40001  10.98.0.10       0 B  148 B      1\n"
        "\n"
        "HOST             STATE  SITE  TARGET           PORT  ACTIVE  TOTAL  TO TARGET  TO CLIENT\n"
        "app.example.com  ok     home  10.30.0.200:443   443       3    120     1.2 kB     3.4 MB\n"
        "\n"
        "! port 8443 is taken\n"
        "  fix: stop what has it\n");
}

TEST_CASE("status_view: an empty or odd document is a screen too", "[cli]") {
  CHECK(status_text(Json::object(), Terminal{}) ==
        "DEGRADED  adit , revision 0\nnode   no tunnel in use\nrelay  not connected\n");
  CHECK_NOTHROW(status_text({{"sites", 7}, {"relay", {{"listeners", {1, "x"}}}}}, Terminal{}));
}
