#include "relay/http_head.hpp"

#include <string>
#include <vector>

#include <fmt/format.h>

#include "tests/support/catch.hpp"

namespace adit::relay {
namespace {

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// "METHOD TARGET HOST", "more", "http2", or the status code of a refusal.
std::string read(std::string_view text) {
  HttpHeadReader reader;
  switch (reader.feed(bytes_of(text))) {
    case HeadStatus::NeedMore:
      return "more";
    case HeadStatus::Complete: {
      const HttpHead& head = reader.head();
      return fmt::format("{} {} {}", head.method, head.target,
                         head.host ? head.host->wire_text() : "-");
    }
    case HeadStatus::Http2:
      return "http2";
    case HeadStatus::Malformed:
      return std::to_string(reader.status());
    case HeadStatus::TooLarge:
      return "large " + std::to_string(reader.status());
  }
  return "?";
}

std::string get(std::string_view host_value) {
  return read(fmt::format("GET / HTTP/1.1\r\nHost:{}\r\n\r\n", host_value));
}

TEST_CASE("http_head: HTTP/1.1 and 1.0", "[relay]") {
  CHECK(read("GET /a?b=c HTTP/1.1\r\nHost: App.Example.com\r\nAccept: */*\r\n\r\n") ==
        "GET /a?b=c app.example.com");
  CHECK(read("GET / HTTP/1.0\r\nhost: app.example.com\r\n\r\n") == "GET / app.example.com");
  CHECK(read("GET / HTTP/1.0\r\n\r\n") == "GET / -");
  CHECK(read("GET / HTTP/1.0\r\nAccept: */*\r\n\r\n") == "GET / -");
  CHECK(read("GET / HTTP/1.2\r\nHost: a.test\r\n\r\n") == "GET / a.test");
  CHECK(read("\r\n\r\nPOST /x HTTP/1.1\r\nHOST:a.test\r\n\r\nbody") == "POST /x a.test");
  CHECK(read("OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n") == "OPTIONS / a.test");
}

TEST_CASE("http_head: hosts", "[relay]") {
  CHECK(get(" a.test:8080") == "GET / a.test");
  CHECK(get(" a.test:") == "GET / a.test");
  CHECK(get("\ta.test. \t") == "GET / a.test");
  CHECK(get(" my_host.test") == "GET / my_host.test");
  CHECK(get("") == "GET / -");
  CHECK(get(" 192.0.2.1") == "GET / -");
  CHECK(get(" 192.0.2.1:80") == "GET / -");
  CHECK(get(" [2001:db8::1]") == "GET / -");
  CHECK(get(" [2001:db8::1]:80") == "GET / -");
  for (const char* bad : {" a..test", " a b", " a.test:80:80", " a.test:http", " a.test:123456",
                          " user@a.test", " a.test/x", " [2001:db8::1", " 2001:db8::1]", " []",
                          " [a.test]", " :80", " -a.test", " a\x80.test", " a.test,b.test"}) {
    CAPTURE(bad);
    CHECK(get(bad) == "400");
  }
}

TEST_CASE("http_head: absolute-form wins over Host", "[relay]") {
  CHECK(read("GET http://a.test/x?y HTTP/1.1\r\nHost: b.test\r\n\r\n") == "GET /x?y a.test");
  CHECK(read("GET HTTP://A.Test:80 HTTP/1.1\r\nHost: b.test\r\n\r\n") == "GET / a.test");
  CHECK(read("GET http://192.0.2.1/ HTTP/1.1\r\nHost: b.test\r\n\r\n") == "GET / -");
  CHECK(read("GET http://a.test/ HTTP/1.0\r\n\r\n") == "GET / a.test");
  CHECK(read("GET http://a.test/ HTTP/1.1\r\n\r\n") == "400");                // Host is a must
  CHECK(read("GET http://a.test/ HTTP/1.1\r\nHost: b..c\r\n\r\n") == "400");  // also when it loses
  CHECK(read("GET http:///x HTTP/1.1\r\nHost: b.test\r\n\r\n") == "400");
  CHECK(read("GET http://a.test?x HTTP/1.1\r\nHost: b.test\r\n\r\n") == "400");
  CHECK(read("GET https://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n") == "400");
  CHECK(read("GET http://u@a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n") == "400");
}

TEST_CASE("http_head: what could be read in two ways is refused", "[relay]") {
  for (const char* bad : {
           "GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n",  // two hosts
           "GET / HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n\r\n",  // RFC 9112 §3.2: any two
           "GET / HTTP/1.1\r\nAccept: */*\r\n\r\n",                   // none
           "GET / HTTP/1.1\r\nHost : a.test\r\n\r\n",                 // blank before the colon
           "GET / HTTP/1.1\r\nHost: a.test\r\n folded\r\n\r\n",       // folded line
           "GET / HTTP/1.1\r\n Host: a.test\r\n\r\n",                 // likewise, the first
           "GET / HTTP/1.1\r\nHost: a.test\nX: y\r\n\r\n",            // bare LF
           "GET / HTTP/1.1\nHost: a.test\r\n\r\n",                    // likewise, in the first line
           "GET / HTTP/1.1\r\nHost: a.test\rX: y\r\n\r\n",            // bare CR
           "GET / HTTP/1.1\r\nHost: a.test\r\nno colon\r\n\r\n",      //
           "GET / HTTP/1.1\r\nHost: a.test\r\n: empty name\r\n\r\n",  //
           "GET /  HTTP/1.1\r\nHost: a.test\r\n\r\n",                 // two blanks
           "GET  / HTTP/1.1\r\nHost: a.test\r\n\r\n",                 //
           "GET /a b HTTP/1.1\r\nHost: a.test\r\n\r\n",               // a blank in the target
           "GET /\xc3\xa9 HTTP/1.1\r\nHost: a.test\r\n\r\n",          // not ASCII
           "GET /\t HTTP/1.1\r\nHost: a.test\r\n\r\n",                //
           "GET x HTTP/1.1\r\nHost: a.test\r\n\r\n",                  // no form of target
           "GET * HTTP/1.1\r\nHost: a.test\r\n\r\n",                  // asterisk is for OPTIONS
           "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n",  // for proxies
           "GET /\r\n\r\n",                                            // HTTP/0.9
           "GET / http/1.1\r\nHost: a.test\r\n\r\n",                   //
       }) {
    CAPTURE(bad);
    CHECK(read(bad) == "400");
  }
  CHECK(read(std::string_view("GET / HTTP/1.1\r\nHost: a.test\r\nX: \0\r\n\r\n", 42)) == "400");
  CHECK(read("GET / HTTP/2.0\r\nHost: a.test\r\n\r\n") == "505");
  CHECK(read("GET / HTTP/1.10\r\nHost: a.test\r\n\r\n") == "505");
}

TEST_CASE("http_head: what is no HTTP is known by its first bytes", "[relay]") {
  CHECK(read("\x16\x03\x01") == "400");
  CHECK(read(" GET / HTTP/1.1") == "400");
  CHECK(read("GET\t/ HTTP/1.1") == "400");
  CHECK(read(std::string(kMaxMethodBytes, 'A') + " ") == "more");
  CHECK(read(std::string(kMaxMethodBytes + 1, 'A')) == "400");
  CHECK(read("\r") == "more");
  CHECK(read("\rG") == "400");
  CHECK(read("") == "more");
}

TEST_CASE("http_head: HTTP/2 by its preface", "[relay]") {
  CHECK(read("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == "http2");
  CHECK(read("PRI * HTTP/1.1\r\nHost: a.test\r\n\r\n") == "400");
}

TEST_CASE("http_head: bounds", "[relay]") {
  const auto with_field = [](std::size_t size) {
    const std::string head = "GET / HTTP/1.1\r\nHost: a.test\r\nX: ";
    return head + std::string(size - head.size() - 4, 'x') + "\r\n\r\n";
  };
  CHECK(read(with_field(kMaxHeadBytes)) == "GET / a.test");
  CHECK(read(with_field(kMaxHeadBytes + 1)) == "large 431");
  CHECK(read(with_field(kMaxHeadBytes + 9).substr(0, kMaxHeadBytes)) == "more");
  CHECK(read(with_field(kMaxHeadBytes + 9).substr(0, kMaxHeadBytes + 1)) == "large 431");
  const auto with_target = [](std::size_t size) {
    return "GET /" + std::string(size - 1, 'x') + " HTTP/1.1\r\nHost: a.test\r\n\r\n";
  };
  CHECK(read(with_target(kMaxTargetBytes)).starts_with("GET /xxx"));
  CHECK(read(with_target(kMaxTargetBytes + 1)) == "large 414");
}

TEST_CASE("http_head: cut at every byte it is the same head, and every prefix needs more",
          "[relay]") {
  const std::string text = "\r\nGET /a HTTP/1.1\r\nAccept: */*\r\nHost: a.test\r\n\r\n";
  HttpHeadReader bytewise;
  for (std::size_t size = 0; size < text.size(); ++size) {
    CAPTURE(size);
    CHECK(read(text.substr(0, size)) == "more");
    REQUIRE(bytewise.feed(bytes_of(text).first(size)) == HeadStatus::NeedMore);
  }
  REQUIRE(bytewise.feed(bytes_of(text)) == HeadStatus::Complete);
  CHECK(bytewise.head().host->wire_text() == "a.test");
  CHECK(bytewise.feed(bytes_of(text + "more")) == HeadStatus::Complete);
}

TEST_CASE("http_head: an ACME challenge is one token and nothing else", "[relay]") {
  CHECK(
      is_acme_challenge("/.well-known/acme-challenge/evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr_oA"));
  for (const char* other :
       {"/.well-known/acme-challenge/", "/.well-known/acme-challenge",
        "/.well-known/acme-challenge/../../admin", "/.well-known/acme-challenge/a/b",
        "/.well-known/acme-challenge/a?b", "/.well-known/acme-challenge/%2e%2e",
        "/x/.well-known/acme-challenge/a", "/.WELL-KNOWN/acme-challenge/a", "/"}) {
    CAPTURE(other);
    CHECK_FALSE(is_acme_challenge(other));
  }
}

}  // namespace
}  // namespace adit::relay
