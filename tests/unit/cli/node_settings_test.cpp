#include "controller/cli/node_settings.hpp"

#include <fstream>

#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

using namespace adit::cli;
using Kind = SettingsEdit::Kind;

namespace {

SettingsEdit edit(const char* text) {
  return edit_settings(std::string(text), "203.0.113.10");
}

}  // namespace

TEST_CASE("node_settings: a file that is missing or all comments gets one line", "[cli]") {
  const auto made = edit_settings(std::nullopt, "203.0.113.10");
  CHECK(made.kind == Kind::Write);
  CHECK(made.text.ends_with("\nendpoint: 203.0.113.10\n"));
  for (const char* text : {"", "# a shipped file\n#endpoint: vps.example.com\n\n", "---\n# x\n"}) {
    CAPTURE(text);
    CHECK(edit(text).kind == Kind::Write);
    CHECK(edit(text).text == std::string(text) + "endpoint: 203.0.113.10\n");
  }
}

TEST_CASE("node_settings: what is written stays, to the byte", "[cli]") {
  const char* text =
      "interface: adit1   # ours\npublic_addresses:\n- 192.0.2.1\ntunnel:\n  ipv4: 10.99.0.0/20";
  CHECK(edit(text).kind == Kind::Write);
  CHECK(edit(text).text == std::string(text) + "\nendpoint: 203.0.113.10\n");
}

TEST_CASE("node_settings: what would be taken for a list or a mapping is quoted", "[cli]") {
  CHECK(edit_settings("", "[2001:db8::1]:51820").text == "endpoint: \"[2001:db8::1]:51820\"\n");
  CHECK(edit_settings("", "vps.example.com:51820").text == "endpoint: \"vps.example.com:51820\"\n");
}

TEST_CASE("node_settings: the same value is left, however it is written", "[cli]") {
  for (const char* text :
       {"endpoint: 203.0.113.10\n", "endpoint: \"203.0.113.10\"  # us\n",
        "endpoint:  203.0.113.10 # us", "listen_port: 1\r\nendpoint: '203.0.113.10'\r\n"}) {
    CAPTURE(text);
    CHECK(edit(text).kind == Kind::Nothing);
  }
}

TEST_CASE("node_settings: another value, and what is no plain list of keys, is for a person",
          "[cli]") {
  for (const char* text :
       {"endpoint: vps.example.com\n", "{interface: adit1}\n", "  interface: a\n",
        "\"interface\": a\n", "interface: [a,\nb]\n", "a: 1\n---\nb: 2\n", "a: 1\n...\n"}) {
    CAPTURE(text);
    const auto refused = edit(text);
    CHECK(refused.kind == Kind::ByHand);
    CHECK(refused.why.find("endpoint: 203.0.113.10") != std::string::npos);
  }
}

TEST_CASE("node_settings: a file is written whole, readable by all, and a link stays a link",
          "[cli]") {
  const adit::test::TempDir dir;
  REQUIRE(write_settings(dir.file("etc/adit/controller.yaml"), "a: 1\n"));
  CHECK(read_settings(dir.file("etc/adit/controller.yaml")).value() == "a: 1\n");
  CHECK_FALSE(read_settings(dir.file("none.yaml")).value());
  REQUIRE(::symlink("etc/adit/controller.yaml", dir.file("link.yaml").c_str()) == 0);
  REQUIRE(write_settings(dir.file("link.yaml"), "b: 2\n"));

  struct stat status {};

  REQUIRE(::lstat(dir.file("link.yaml").c_str(), &status) == 0);
  CHECK(S_ISLNK(status.st_mode));
  CHECK(read_settings(dir.file("etc/adit/controller.yaml")).value() == "b: 2\n");
  REQUIRE(::stat(dir.file("etc/adit/controller.yaml").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0644);
}
