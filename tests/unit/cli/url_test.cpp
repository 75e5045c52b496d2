#include "controller/cli/url.hpp"

#include "tests/support/catch.hpp"

using namespace adit::cli;

TEST_CASE("url: a name is always one path segment", "[cli]") {
  CHECK(with_segment("/v1/hosts", "app.example.com") == "/v1/hosts/app.example.com");
  CHECK(with_segment("/v1/hosts", "*.lab.example.com") == "/v1/hosts/%2A.lab.example.com");
  CHECK(with_segment("/v1/hosts", "*") == "/v1/hosts/%2A");
  CHECK(with_segment("/v1/hosts", "a/../b?c#d") == "/v1/hosts/a%2F..%2Fb%3Fc%23d");
  CHECK(with_segment("/v1/sites", "grüße") == "/v1/sites/gr%C3%BC%C3%9Fe");
  CHECK(with_segment("/v1/sites", "..") == "/v1/sites/%2E%2E");
  CHECK(with_segment("/v1/sites", "a b%\r\n") == "/v1/sites/a%20b%25%0D%0A");
}

TEST_CASE("url: only parameters with a value stand in the query", "[cli]") {
  CHECK(query_of({{"owner", ""}, {"message", ""}}).empty());
  CHECK(query_of({{"owner", "git"}, {"message", "a & b=c"}}) ==
        "?owner=git&message=a%20%26%20b%3Dc");
  CHECK(query_of({{"owner", ""}, {"message", "x"}}) == "?message=x");
}
