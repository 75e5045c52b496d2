#include "common/host_name.hpp"

#include <string>
#include <string_view>

#include "tests/support/catch.hpp"

namespace adit {
namespace {

using namespace std::string_literals;

/// Sets the privacy of the process and puts the old one back.
class PrivacyGuard {
 public:
  explicit PrivacyGuard(Privacy privacy) : before_(adit::privacy()) { set_privacy(privacy); }

  ~PrivacyGuard() { set_privacy(before_); }

  PrivacyGuard(const PrivacyGuard&) = delete;
  PrivacyGuard& operator=(const PrivacyGuard&) = delete;

 private:
  Privacy before_;
};

/// 253 bytes: three labels of 63 and one of 61.
std::string longest_name() {
  return std::string(63, 'a') + "." + std::string(63, 'b') + "." + std::string(63, 'c') + "." +
         std::string(61, 'd');
}

TEST_CASE("host_name: names in their one normal form", "[common]") {
  const auto [in, want] = GENERATE(table<std::string, std::string>({
      {"example.com", "example.com"},
      {"EXAMPLE.Com", "example.com"},
      {"example.com.", "example.com"},
      {"localhost", "localhost"},
      {"_acme-challenge.example.com", "_acme-challenge.example.com"},
      {"xn--mnchen-3ya.example.com", "xn--mnchen-3ya.example.com"},
      {"a--b.example.com", "a--b.example.com"},
      {"1.2.3", "1.2.3"},  // digits alone are a name as long as they are no address
      {"192.0.2.256", "192.0.2.256"},
      {"7.example", "7.example"},
      {"a", "a"},
      {std::string(63, 'x'), std::string(63, 'x')},
      {longest_name(), longest_name()},
      {longest_name() + ".", longest_name()},
  }));
  CAPTURE(in);
  const auto name = HostName::parse(in);
  REQUIRE(name);
  CHECK(name->wire_text() == want);
}

TEST_CASE("host_name: what is none", "[common]") {
  const auto text = GENERATE(values<std::string>({"",
                                                  ".",
                                                  "..",
                                                  ".example.com",
                                                  "example..com",
                                                  "example.com..",
                                                  "-a.example.com",
                                                  "a-.example.com",
                                                  "exam ple.com",
                                                  "example.com\0"s,
                                                  "exa\0mple.com"s,
                                                  "m\xc3\xbcnchen.test",
                                                  "*.example.com",
                                                  "a/b",
                                                  "a:443",
                                                  "192.0.2.1",
                                                  "192.0.2.1.",
                                                  "::1",
                                                  "2001:db8::1",
                                                  std::string(64, 'x') + ".com",
                                                  longest_name() + "d",
                                                  std::string(255, 'a'),
                                                  "example.com\n",
                                                  "a,b",
                                                  "[::1]"}));
  CAPTURE(text);
  const auto name = HostName::parse(text);
  REQUIRE_FALSE(name);
  CHECK(name.error().code == Errc::Invalid);
}

TEST_CASE("host_name: every byte is either kept, folded or refused", "[common]") {
  for (int byte = 0; byte < 256; ++byte) {
    CAPTURE(byte);
    const char c = static_cast<char>(byte);
    const auto name = HostName::parse("x"s + c + "y");
    const bool is_lower = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    const bool is_upper = c >= 'A' && c <= 'Z';
    REQUIRE(name.has_value() == (is_lower || is_upper || c == '.'));
    if (is_lower) CHECK(name->wire_text() == "x"s + c + "y");
    if (is_upper) CHECK(name->wire_text() == "x"s + static_cast<char>(c + 32) + "y");
  }
}

TEST_CASE("host_name: formatting asks the privacy setting", "[common]") {
  const HostName name = *HostName::parse("secret.example.com");
  {
    const PrivacyGuard full(Privacy::Full);
    CHECK(fmt::format("{}", name) == "secret.example.com");
  }
  {
    const PrivacyGuard hash(Privacy::Hash);
    const std::string shown = fmt::format("{}", name);
    CHECK(shown.size() == 14);
    CHECK(shown.starts_with("h:"));
    CHECK(shown.find_first_not_of("0123456789abcdef", 2) == std::string::npos);
    CHECK(shown == name.display());  // the same name is told apart within a process
    CHECK(shown != HostName::parse("other.example.com")->display());
  }
  {
    const PrivacyGuard none(Privacy::None);
    CHECK(fmt::format("{}", name) == "-");
  }
  CHECK(name.wire_text() == "secret.example.com");
}

TEST_CASE("host_pattern: exact, wildcard, catch-all", "[common]") {
  const auto exact = HostPattern::parse("App.Example.com.");
  REQUIRE(exact);
  CHECK(exact->kind() == HostPattern::Kind::Exact);
  CHECK(exact->wire_text() == "app.example.com");
  CHECK(exact->name() == "app.example.com");
  const auto wildcard = HostPattern::parse("*.LAB.example.com");
  REQUIRE(wildcard);
  CHECK(wildcard->kind() == HostPattern::Kind::Wildcard);
  CHECK(wildcard->wire_text() == "*.lab.example.com");
  CHECK(wildcard->name() == "lab.example.com");
  const auto catch_all = HostPattern::parse("*");
  REQUIRE(catch_all);
  CHECK(catch_all->kind() == HostPattern::Kind::CatchAll);
  CHECK(catch_all->wire_text() == "*");
  CHECK(catch_all->name().empty());
}

TEST_CASE("host_pattern: what is none", "[common]") {
  const auto text = GENERATE("", "*.", "**", "*.*", "*.*.example.com", "a*.example.com",
                             "www.*.example.com", "*example.com", "*.192.0.2.1", ".example.com");
  CAPTURE(text);
  CHECK_FALSE(HostPattern::parse(text));
}

TEST_CASE("host_pattern: formatting asks the privacy setting and keeps the shape", "[common]") {
  const auto wildcard = *HostPattern::parse("*.example.com");
  const auto exact = *HostPattern::parse("example.com");
  {
    const PrivacyGuard full(Privacy::Full);
    CHECK(fmt::format("{} {}", wildcard, exact) == "*.example.com example.com");
  }
  {
    const PrivacyGuard hash(Privacy::Hash);
    CHECK(wildcard.display() == "*." + exact.display());
    CHECK(exact.display() == HostName::parse("example.com")->display());
  }
  {
    const PrivacyGuard none(Privacy::None);
    CHECK(fmt::format("{} {} {}", wildcard, exact, *HostPattern::parse("*")) == "*.- - *");
  }
}

}  // namespace
}  // namespace adit
