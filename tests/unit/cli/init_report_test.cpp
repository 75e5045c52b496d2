#include "controller/cli/init_report.hpp"

#include "tests/support/catch.hpp"

using namespace adit::cli;

namespace {

InitReport report() {
  InitReport it;
  it.settings_path = "/etc/adit/controller.yaml";
  it.settings = "nothing to write";
  it.site = {{"name", "home"}, {"state", "pending-key"}, {"target", "10.98.0.10:443"}};
  it.config = "[Interface]\nPrivateKey = <paste>\n";
  it.dns = {{"A", "203.0.113.10"}};
  it.domain = "example.net";
  return it;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("init_report: the commands that are left, in order", "[cli]") {
  InitReport it = report();
  CHECK(next_commands(it) == std::vector<std::string>{"adit site set-key home PUBLIC-KEY-OF-HOME",
                                                      "adit host add app.example.net --site home",
                                                      "adit verify app.example.net --outside"});
  it.site["public_key"] = "mQ7Zx1kKRpTc0NnM0mVJ3m5Lw9dO4yq2s8bVtF6hPzE=";
  CHECK(next_commands(it).front() == "adit host add app.example.net --site home");
  it.site.erase("target");
  CHECK(next_commands(it).front() == "adit host add app.example.net --site home --target IP:443");
  it.needs_restart = true;
  CHECK(next_commands(it).front() == "sudo systemctl restart adit-controller");
}

TEST_CASE("init_report: the text has the block as it is, the record and the proof", "[cli]") {
  const std::string text = next_text(report(), Terminal{});
  CHECK(has(text, "\n[Interface]\nPrivateKey = <paste>\n"));
  CHECK(has(text, "app.example.net.  A  203.0.113.10\n"));
  CHECK(has(text, "     adit host add app.example.net --site home\n"));
  CHECK(text.find("adit site set-key") < text.find("adit host add"));
  CHECK(has(text, "shows the proof"));
}

TEST_CASE("init_report: a home that has its key is not asked for it", "[cli]") {
  InitReport it = report();
  it.site["public_key"] = "mQ7Zx1kKRpTc0NnM0mVJ3m5Lw9dO4yq2s8bVtF6hPzE=";
  it.site["state"] = "up";
  const std::string text = next_text(it, Terminal{});
  CHECK_FALSE(has(text, "set-key"));
  CHECK_FALSE(has(text, "[Interface]"));
  CHECK(has(text, "state up"));
}

TEST_CASE("init_report: without a domain example.com stands for it", "[cli]") {
  InitReport it = report();
  it.domain.clear();
  CHECK(example_host(it) == "app.example.com");
  CHECK(has(next_text(it, Terminal{}), "with a name of yours for app.example.com"));
}

TEST_CASE("init_report: the document is whole before and after the site", "[cli]") {
  const Json whole = report_json(report());
  CHECK(whole["ready"] == true);
  CHECK(whole["dns"][0]["name"] == "app.example.net");
  CHECK(whole["next"].size() == 3);
  InitReport stopped = report();
  stopped.site = nullptr;
  const Json document = report_json(stopped);
  CHECK(document["ready"] == false);
  CHECK(document["site"].is_null());
  CHECK(document["next"] == Json{"adit init"});
}
