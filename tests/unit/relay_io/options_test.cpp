#include "relay/options.hpp"

#include <unistd.h>

#include "tests/support/catch.hpp"

namespace adit::relay {

namespace {
Options options_of(const std::vector<std::string>& arguments) {
  auto command = parse_options(arguments);
  REQUIRE(command);
  REQUIRE(std::holds_alternative<Options>(*command));
  return std::get<Options>(*command);
}
}  // namespace

TEST_CASE("options: defaults are those of an installed relay", "[relay]") {
  const Options options = options_of({});
  CHECK(options.control_path == "/run/adit-relay/relay.sock");
  CHECK(options.state_dir == "/var/lib/adit-relay");
  CHECK(options.workers >= 1);
  CHECK(options.workers <= kMaxWorkers);
  CHECK(options.has_sandbox);
  CHECK(options.has_seccomp);
  CHECK(options.has_landlock);
  CHECK(options.may_splice);
  CHECK_FALSE(options.controller_user);
  CHECK_FALSE(options.is_data_process);
  CHECK_FALSE(options.is_check);
}

TEST_CASE("options: values come after a space or an equals sign", "[relay]") {
  const Options options = options_of({"--control=/a", "--state-dir", "/b", "--workers=3",
                                      "--controller-user", "7", "--no-sandbox"});
  CHECK(options.control_path == "/a");
  CHECK(options.state_dir == "/b");
  CHECK(options.workers == 3);
  CHECK(options.controller_user == uid_t{7});
  CHECK_FALSE(options.has_sandbox);
  CHECK(options_of({"--controller-user", "root"}).controller_user == uid_t{0});
}

TEST_CASE("options: a data process gets the same ones", "[relay]") {
  const Options options =
      options_of({"--control", "/a b", "--state-dir", "/c", "--workers", "5", "--no-sandbox",
                  "--controller-user", "9", "--no-splice", "--no-seccomp", "--no-landlock"});
  const Options passed = options_of(data_process_arguments(options));
  CHECK(passed.is_data_process);
  CHECK(passed.control_path == options.control_path);
  CHECK(passed.state_dir == options.state_dir);
  CHECK(passed.workers == options.workers);
  CHECK(passed.controller_user == options.controller_user);
  CHECK_FALSE(passed.has_sandbox);
  CHECK_FALSE(passed.has_seccomp);
  CHECK_FALSE(passed.has_landlock);
  CHECK_FALSE(passed.may_splice);
}

TEST_CASE("options: paths are absolute, and each has one spelling", "[relay]") {
  const auto [given, want] = GENERATE(table<const char*, const char*>({
      {"/a/b", "/a/b"},
      {"/a/b/", "/a/b"},
      {"//a//./b/.", "/a/b"},
      {"/", "/"},
      {"/a..b", "/a..b"},
  }));
  CAPTURE(given);
  CHECK(options_of({"--state-dir", given}).state_dir == want);
  CHECK(options_of({"--control", given}).control_path == want);
  for (const char* wrong : {"a", "./a", "../a", "/a/../b", "/.."}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_options({"--state-dir", wrong}));
    CHECK_FALSE(parse_options({"--control", wrong}));
  }
}

TEST_CASE("options: --check goes with all others", "[relay]") {
  CHECK(options_of({"--workers", "3", "--check"}).is_check);
  CHECK_FALSE(parse_options({"--workers", "0", "--check"}));
}

TEST_CASE("options: wrong ones are named", "[relay]") {
  const std::vector<std::string> wrong =
      GENERATE(std::vector<std::string>{"--workers", "0"}, std::vector<std::string>{"--workers=65"},
               std::vector<std::string>{"--workers", "-1"}, std::vector<std::string>{"--control"},
               std::vector<std::string>{"--state-dir="}, std::vector<std::string>{"--unknown"},
               std::vector<std::string>{"--controller-user", "no such user"});
  CAPTURE(wrong);
  const auto command = parse_options(wrong);
  REQUIRE_FALSE(command);
  CHECK(command.error().code == Errc::Invalid);
  CHECK(command.error().what.find(wrong[0].substr(0, wrong[0].find('='))) != std::string::npos);
}

TEST_CASE("options: help and version are texts", "[relay]") {
  for (const char* asked : {"--help", "-h", "--version"}) {
    const auto command = parse_options({asked});
    REQUIRE(command);
    CHECK(std::holds_alternative<PrintText>(*command));
  }
}

}  // namespace adit::relay
