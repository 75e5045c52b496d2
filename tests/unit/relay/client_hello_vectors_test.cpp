// ClientHelloReader on what is wrong: the vectors of the test suites of nginx, sniproxy, Envoy,
// Traefik, tcpproxy, sozu and HAProxy, with adit's answer to each, and some of our own.
#include <string>
#include <vector>

#include "relay/client_hello.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/client_hello_builder.hpp"
#include "tests/support/hello_reading.hpp"

namespace adit::relay {
namespace {

using namespace test;
using namespace std::string_literals;

/// Refused as malformed with `want`, however the stream comes.
void check_malformed(const Bytes& stream, Alert want = Alert::DecodeError) {
  const HelloResult result = read_every_way(stream);
  CHECK(result.status == ParseStatus::Malformed);
  CHECK(result.alert == want);
  CHECK_FALSE(result.hello.server_name);
}

/// A hello whose server_name extension has this body.
Bytes hello_with_sni(Bytes body) {
  return ClientHelloBuilder().extension(kServerName, std::move(body)).record();
}

TEST_CASE("client_hello: what is not TLS is known by its first bytes", "[relay]") {
  struct Row {
    const char* name;
    Bytes stream;
    std::size_t known_after;
  };

  const Row row = GENERATE(values<Row>({
      {"SSH banner", bytes_of("SSH-2.0-OpenSSH_9.2\r\n"), 1},
      {"HTTP/1", bytes_of("GET / HTTP/1.1\r\nHost: foo.test\r\n\r\n"), 1},
      {"HTTP/2 preface", bytes_of("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 1},
      {"SMTP", bytes_of("EHLO foo.test\r\n"), 1},
      {"SSLv2 hello for SSL 2.0", {0x80, 0x1c, 1, 0, 2, 0, 9, 0, 0, 0, 16, 7, 0, 0xc0}, 1},
      {"SSLv2 hello for TLS 1.0", {0x80, 0x2e, 1, 3, 1, 0, 0x15, 0, 0, 0, 16, 0, 0, 0x2f}, 1},
      {"PostgreSQL SSLRequest", {0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f}, 1},
      {"PROXY v1", bytes_of("PROXY TCP4 192.0.2.1 192.0.2.2 1 443\r\n"), 1},
      {"PROXY v2", bytes_of("\r\n\r\n\0\r\nQUIT\n"s), 1},
      {"100 zeros (Envoy NotSsl)", Bytes(100), 1},
      {"1000 x (nginx)", Bytes(1000, 'x'), 1},
      {"0xff (sniproxy)", Bytes(5, 0xff), 1},
      {"DTLS 1.0", {22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100}, 2},
      {"DTLS 1.2", {22, 0xfe, 0xfd, 0, 0}, 2},
      {"handshake record of version 4 (sniproxy)", {22, 4, 0, 0, 100}, 2},
      {"handshake record of version 2", {22, 2, 0, 0, 100}, 2},
      {"alert record of version 4", {21, 4, 0, 0, 2}, 2},
      {"content type 25", {25, 3, 3, 0, 2}, 1},
      {"content type 19", {19, 3, 3, 0, 2}, 1},
  }));
  CAPTURE(row.name);
  CHECK(read_every_way(row.stream).status == ParseStatus::NotTls);
  CHECK(read_byte_by_byte(row.stream).bytes == row.known_after);
}

TEST_CASE("client_hello: another TLS record in place of the hello is refused", "[relay]") {
  const auto type =
      GENERATE(as<std::uint8_t>(), 20, 21, 23, 24);  // CCS, alert, application data, heartbeat
  CAPTURE(type);
  const Bytes hello = browser_hello("foo.test").message();
  const Bytes stream = join({record({1}, 0x0303, type), record(hello)});
  check_malformed(stream, Alert::UnexpectedMessage);
  CHECK(read_byte_by_byte(stream).bytes == 2);
}

TEST_CASE("client_hello: another record within the hello is refused", "[relay]") {
  const Bytes message = browser_hello("foo.test").message();
  const Bytes first = record(prefix(message, 100));
  const auto type = GENERATE(as<std::uint8_t>(), 20, 21, 23, 24, 0, 'G', 255);
  CAPTURE(type);
  check_malformed(join({first, record({1}, 0x0303, type)}), Alert::UnexpectedMessage);
  check_malformed(join({first, record({1}, 0x0203)}), Alert::ProtocolVersion);
  check_malformed(join({first, record({1}, 0x0403)}), Alert::ProtocolVersion);
}

TEST_CASE("client_hello: another handshake message is refused at its first byte", "[relay]") {
  const auto type = GENERATE(as<std::uint8_t>(), 0, 2, 3, 11, 16, 20, 255);
  CAPTURE(type);
  const Bytes stream = record(handshake(type, browser_hello("foo.test").body()));
  check_malformed(stream, Alert::UnexpectedMessage);
  CHECK(read_byte_by_byte(stream).bytes == 6);
}

TEST_CASE("client_hello: an empty record is refused (RFC 8446 §5.1)", "[relay]") {
  const Bytes message = browser_hello("foo.test").message();
  check_malformed(join({record({}), record(message)}), Alert::UnexpectedMessage);
  const Bytes rest(message.begin() + 100, message.end());
  check_malformed(join({record(prefix(message, 100)), record({}), record(rest)}),
                  Alert::UnexpectedMessage);
}

TEST_CASE("client_hello: vectors before the extensions must fit", "[relay]") {
  check_malformed(ClientHelloBuilder().session_id(33).server_name("foo").record());
  check_malformed(ClientHelloBuilder().session_id(255).server_name("foo").record());
  check_malformed(ClientHelloBuilder().cipher_suites({}).server_name("foo").record());
  check_malformed(ClientHelloBuilder().cipher_suites({0x13}).server_name("foo").record());
  check_malformed(ClientHelloBuilder().cipher_suites({1, 2, 3}).server_name("foo").record());
  check_malformed(ClientHelloBuilder().compression({}).server_name("foo").record());
  CHECK(name_in(read_every_way(
            ClientHelloBuilder().session_id(32).compression({1, 0}).server_name("foo").record())) ==
        "foo");
}

TEST_CASE("client_hello: a body cut short at any byte is malformed", "[relay]") {
  const Bytes body = ClientHelloBuilder().session_id(8).server_name("foo.test").alpn({"h2"}).body();
  const std::size_t without_extensions = ClientHelloBuilder().session_id(8).body().size();
  for (std::size_t size = 0; size < body.size(); ++size) {
    CAPTURE(size);
    const HelloResult result = read_whole(record(handshake(1, prefix(body, size))));
    if (size == without_extensions) {
      CHECK(result.status == ParseStatus::Complete);  // a hello of its own right, without a name
    } else {
      CHECK(result.status == ParseStatus::Malformed);
      CHECK(result.alert == Alert::DecodeError);
    }
  }
}

TEST_CASE("client_hello: the extension block must fit exactly", "[relay]") {
  const auto hello = [] { return ClientHelloBuilder().server_name("foo").alpn({"h2"}); };
  check_malformed(hello().extensions_length_off_by(1).record());
  check_malformed(hello().extensions_length_off_by(-1).record());
  check_malformed(hello().extensions_length_off_by(0x0117).record());
  check_malformed(hello().trailing({0}).record());
  check_malformed(hello().trailing(Bytes(40, 0xaa)).record());
  // The last extension claims more than is left in the block.
  Bytes body = ClientHelloBuilder().server_name("foo").extension(kHeartbeat, {1}).body();
  body[body.size() - 2] = 2;
  check_malformed(record(handshake(1, body)));
}

TEST_CASE("client_hello: server_name lists that lie", "[relay]") {
  check_malformed(hello_with_sni({}));                                 // no list at all
  check_malformed(hello_with_sni({0}));                                // half a length
  check_malformed(hello_with_sni({0, 0}));                             // an empty list
  check_malformed(hello_with_sni({0, 3, 0, 0, 0}));                    // an empty name
  check_malformed(hello_with_sni({0, 5, 0, 0, 3, 'f', 'o', 'o'}));     // list too short
  check_malformed(hello_with_sni({0, 7, 0, 0, 3, 'f', 'o', 'o'}));     // list too long
  check_malformed(hello_with_sni({0, 6, 0, 0, 4, 'f', 'o', 'o'}));     // name past the list
  check_malformed(hello_with_sni({0, 6, 0, 0, 2, 'f', 'o', 'o'}));     // a byte left over
  check_malformed(hello_with_sni({0, 6, 0, 0, 3, 'f', 'o', 'o', 0}));  // a byte behind the list
  check_malformed(hello_with_sni({0, 6, 0, 0xff, 0xff, 'f', 'o', 'o'}));
}

TEST_CASE("client_hello: names that are not valid are malformed, never a default", "[relay]") {
  const auto name = GENERATE(values<std::string>({
      "",
      ".",
      "foo\0.test"s,
      "\0"s,
      "foo.test\0"s,
      "foo..test",
      ".foo.test",
      "-foo.test",
      "foo-.test",
      "foo test",
      "foo/test",
      "f\xc3\xb6\xc3\xb6.test",
      "*.test",
      "foo.test:443",
      "foo.test,bar.test",
      "[foo]",
      "2001:db8::1::",
      "fe80::1%eth0",
      std::string(300, 'a'),
      std::string(255, 'a'),
      std::string(64, 'a') + ".test",
      "foo.test..",
  }));
  CAPTURE(name);
  check_malformed(ClientHelloBuilder().server_name(name).record());
}

TEST_CASE("client_hello: names up to 253 bytes and labels up to 63", "[relay]") {
  const std::string label(63, 'a');
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'b');
  CHECK(name_in(read_every_way(ClientHelloBuilder().server_name(longest).record())) == longest);
  CHECK(name_in(read_whole(ClientHelloBuilder().server_name(longest + ".").record())) == longest);
  check_malformed(ClientHelloBuilder().server_name(longest + "b").record());
  CHECK(name_in(read_whole(ClientHelloBuilder().server_name(label).record())) == label);
}

TEST_CASE("client_hello: other name types are skipped, two of one type refused", "[relay]") {
  const auto read = [](std::initializer_list<std::pair<std::uint8_t, std::string_view>> entries) {
    return read_every_way(hello_with_sni(server_name_list(entries)));
  };
  HelloResult result = read({{1, "foo.test"}});
  CHECK(result.status == ParseStatus::Complete);
  CHECK_FALSE(result.hello.server_name);
  CHECK_FALSE(result.hello.has_ip_literal);
  CHECK(name_in(read({{1, "x"}, {0, "foo.test"}})) == "foo.test");
  CHECK(name_in(read({{0, "foo.test"}, {1, "x"}, {255, ""}})) == "foo.test");
  check_malformed(hello_with_sni(server_name_list({{0, "foo.test"}, {0, "bar.test"}})),
                  Alert::IllegalParameter);
  check_malformed(hello_with_sni(server_name_list({{0, "foo.test"}, {0, "foo.test"}})),
                  Alert::IllegalParameter);
  check_malformed(hello_with_sni(server_name_list({{0, "192.0.2.1"}, {0, "foo.test"}})),
                  Alert::IllegalParameter);
  check_malformed(hello_with_sni(server_name_list({{7, "a"}, {0, "foo.test"}, {7, "b"}})),
                  Alert::IllegalParameter);
}

TEST_CASE("client_hello: an extension that stands twice is refused, whatever it is", "[relay]") {
  check_malformed(ClientHelloBuilder().server_name("foo").server_name("bar").record(),
                  Alert::IllegalParameter);
  check_malformed(ClientHelloBuilder().server_name("foo").server_name("foo").record(),
                  Alert::IllegalParameter);
  check_malformed(ClientHelloBuilder().alpn({"h2"}).server_name("a").alpn({"h2"}).record(),
                  Alert::IllegalParameter);
  const std::uint16_t type = GENERATE(as<std::uint16_t>(), kPadding, kEch, 0x1a1a, 0xffff);
  check_malformed(
      ClientHelloBuilder().extension(type, {}).server_name("a").extension(type, {1}).record(),
      Alert::IllegalParameter);
}

TEST_CASE("client_hello: ALPN that lies is malformed", "[relay]") {
  const auto with_alpn = [](Bytes body) {
    return ClientHelloBuilder().server_name("foo").extension(kAlpn, std::move(body)).record();
  };
  check_malformed(with_alpn({}));
  check_malformed(with_alpn({0, 0}));                   // an empty list
  check_malformed(with_alpn({0, 1, 0}));                // an empty name
  check_malformed(with_alpn({0, 4, 2, 'h', '2', 0}));   // an empty name behind a good one
  check_malformed(with_alpn({0, 3, 3, 'h', '2'}));      // a name past the list
  check_malformed(with_alpn({0, 4, 2, 'h', '2'}));      // a list past the extension
  check_malformed(with_alpn({0, 3, 2, 'h', '2', 0}));   // a byte behind the list
  check_malformed(with_alpn(vector16(Bytes(16'000))));  // 16 k empty names
}

TEST_CASE("client_hello: a refusal stands, whatever comes behind it", "[relay]") {
  const auto bad =
      GENERATE(bytes_of("GET / HTTP/1.1\r\n"), ClientHelloBuilder().server_name("-").record(),
               Bytes{22, 3, 1, 0xff, 0xff});
  ClientHelloReader reader;
  const ParseStatus status = reader.feed(bad);
  const Alert alert = reader.alert();
  REQUIRE(status != ParseStatus::NeedMore);
  CHECK(reader.feed(join({bad, browser_hello("foo.test").record()})) == status);
  CHECK(reader.alert() == alert);
  CHECK_FALSE(reader.hello().server_name);
}

}  // namespace
}  // namespace adit::relay
