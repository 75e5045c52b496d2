#include "relay/http_answer.hpp"

#include "tests/support/catch.hpp"

namespace adit::relay {
namespace {

HttpHead head_of(std::string_view method, std::string_view target) {
  return {method, target, *HostName::parse("app.example.com")};
}

TEST_CASE("http_answer: redirects keep host, path and query", "[relay]") {
  CHECK(redirect_to_https(head_of("GET", "/a/b?c=d%20e"), 443) ==
        "HTTP/1.1 301 Moved Permanently\r\nLocation: https://app.example.com/a/b?c=d%20e\r\n"
        "Content-Length: 0\r\nConnection: close\r\n\r\n");
  CHECK(redirect_to_https(head_of("HEAD", "/"), 8443) ==
        "HTTP/1.1 301 Moved Permanently\r\nLocation: https://app.example.com:8443/\r\n"
        "Content-Length: 0\r\nConnection: close\r\n\r\n");
  CHECK(redirect_to_https(head_of("POST", "/form"), 443)
            .starts_with(
                "HTTP/1.1 308 Permanent Redirect\r\nLocation: https://app.example.com/form\r\n"));
}

TEST_CASE("http_answer: small texts, without a body for HEAD", "[relay]") {
  CHECK(http_answer(404) ==
        "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 28\r\n"
        "Connection: close\r\n\r\nThere is no such host here.\n");
  CHECK(http_answer(404, false).ends_with("Content-Length: 28\r\nConnection: close\r\n\r\n"));
  for (const unsigned code : {400U, 404U, 408U, 414U, 431U, 502U, 504U, 505U}) {
    CAPTURE(code);
    CHECK(http_answer(code).starts_with("HTTP/1.1 " + std::to_string(code) + " "));
    CHECK(http_answer(code).find("Error") == std::string::npos);
  }
}

TEST_CASE("http_answer: HTTP/2 is told to come back with HTTP/1.1", "[relay]") {
  using namespace std::string_view_literals;
  CHECK(http2_refusal() ==
        "\x00\x00\x00\x04\x00\x00\x00\x00\x00"  // SETTINGS, empty
        "\x00\x00\x08\x07\x00\x00\x00\x00\x00"  // GOAWAY, 8 bytes
        "\x00\x00\x00\x00\x00\x00\x00\x0d"sv);  // HTTP_1_1_REQUIRED
}

}  // namespace
}  // namespace adit::relay
