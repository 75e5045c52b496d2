#include "relay/tls_check.hpp"

#include <string>
#include <vector>

#include "relay/client_hello.hpp"
#include "tests/support/catch.hpp"

namespace adit::relay {
namespace {

using Bytes = std::vector<std::uint8_t>;

TEST_CASE("tls_check: a hello that our own reader takes, with the name in it", "[relay]") {
  const auto bytes = check_hello("app.example.com");
  ClientHelloReader reader;
  REQUIRE(reader.feed(bytes) == ParseStatus::Complete);
  REQUIRE(reader.hello().server_name);
  CHECK(reader.hello().server_name->wire_text() == "app.example.com");
  CHECK(check_hello("app.example.com") == bytes);
}

TEST_CASE("tls_check: a hello without a name", "[relay]") {
  const auto bytes = check_hello("");
  ClientHelloReader reader;
  REQUIRE(reader.feed(bytes) == ParseStatus::Complete);
  CHECK_FALSE(reader.hello().server_name);
}

TEST_CASE("tls_check: a handshake or an alert is an answer", "[relay]") {
  struct Case {
    Bytes answer;
    CheckAnswer want;
  };

  const std::vector<Case> cases{
      {Bytes{}, CheckAnswer::NeedMore},  {{22}, CheckAnswer::NeedMore},
      {{21}, CheckAnswer::NeedMore},     {{22, 3}, CheckAnswer::Alive},
      {{21, 3}, CheckAnswer::Alive},     {{22, 2}, CheckAnswer::NotTls},
      {{20, 3}, CheckAnswer::NotTls},    {{23, 3}, CheckAnswer::NotTls},
      {{'H', 'T'}, CheckAnswer::NotTls}, {{'S'}, CheckAnswer::NotTls},
      {{0}, CheckAnswer::NotTls},
  };
  for (const auto& [answer, want] : cases) {
    CAPTURE(answer);
    CHECK(judge_answer(answer) == want);
  }
}

}  // namespace
}  // namespace adit::relay
