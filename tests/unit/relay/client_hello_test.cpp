// ClientHelloReader on hellos that are right: every shape that real clients send, in every
// fragmentation.
#include "relay/client_hello.hpp"

#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/client_hello_builder.hpp"
#include "tests/support/hello_reading.hpp"

namespace adit::relay {
namespace {

using namespace test;

TEST_CASE("client_hello: the name is found wherever its extension stands", "[relay]") {
  const auto around = [](std::uint16_t type, Bytes body, bool before) {
    ClientHelloBuilder hello;
    if (before) hello.extension(type, body);
    hello.server_name("foo.test");
    if (!before) hello.extension(type, std::move(body));
    return hello.record();
  };
  const bool before = GENERATE(true, false);
  CAPTURE(before);
  CHECK(name_in(read_every_way(around(kHeartbeat, {1}, before))) == "foo.test");
  CHECK(name_in(read_every_way(around(kSessionTicket, Bytes(200, 7), before))) == "foo.test");
  CHECK(name_in(read_every_way(around(kPadding, Bytes(300), before))) == "foo.test");
  CHECK(name_in(read_every_way(around(kRenegotiationInfo, {12, 1, 2, 3}, before))) == "foo.test");
  CHECK(name_in(read_every_way(around(0xfafa, {}, before))) == "foo.test");  // GREASE
}

TEST_CASE("client_hello: no server_name extension is a hello without a name", "[relay]") {
  const auto stream = GENERATE(ClientHelloBuilder().record(),  // no extension block: SSL 3.0
                               ClientHelloBuilder().empty_extensions().record(),  // an empty one
                               ClientHelloBuilder().alpn({"h2"}).record());
  const HelloResult result = read_every_way(stream);
  CHECK(result.status == ParseStatus::Complete);
  CHECK_FALSE(result.hello.server_name);
  CHECK_FALSE(result.hello.has_ip_literal);
}

TEST_CASE("client_hello: versions are the target's business", "[relay]") {
  const auto client_version = GENERATE(as<std::uint16_t>(), 0x0300, 0x0301, 0x0302, 0x0303, 0x0304);
  const auto record_version = GENERATE(as<std::uint16_t>(), 0x0300, 0x0301, 0x0303, 0x03ff);
  CAPTURE(client_version, record_version);
  const Bytes message = ClientHelloBuilder().version(client_version).server_name("foo").message();
  CHECK(name_in(read_every_way(record(message, record_version))) == "foo");
}

TEST_CASE("client_hello: TLS 1.3 by supported_versions", "[relay]") {
  const Bytes stream = ClientHelloBuilder()
                           .server_name("foo.test")
                           .extension(kSupportedVersions, vector8({3, 4}))
                           .record();
  CHECK(name_in(read_every_way(stream)) == "foo.test");
}

TEST_CASE("client_hello: names come in their normal form", "[relay]") {
  const auto [wire, want] = GENERATE(table<std::string, std::string>({
      {"FOO.test", "foo.test"},
      {"LOCALHOST", "localhost"},
      {"foo.test.", "foo.test"},
      {"xn--mnchen-3ya.test", "xn--mnchen-3ya.test"},
      {"under_score.test", "under_score.test"},
      {"192.0.2.1.example", "192.0.2.1.example"},
  }));
  CHECK(name_in(read_every_way(ClientHelloBuilder().server_name(wire).record())) == want);
}

TEST_CASE("client_hello: an IP literal is no name, and flagged", "[relay]") {
  const auto text =
      GENERATE("192.0.2.1", "192.0.2.1.", "2001:db8::1", "[2001:db8::1]", "::ffff:192.0.2.1");
  CAPTURE(text);
  const HelloResult result = read_every_way(ClientHelloBuilder().server_name(text).record());
  CHECK(result.status == ParseStatus::Complete);
  CHECK_FALSE(result.hello.server_name);
  CHECK(result.hello.has_ip_literal);
}

TEST_CASE("client_hello: ALPN in the client's order", "[relay]") {
  const auto alpn_of = [](const ClientHelloBuilder& hello) {
    return read_every_way(hello.record()).hello.alpn;
  };
  CHECK(alpn_of(ClientHelloBuilder().server_name("foo")).is_empty());
  CHECK(alpn_of(ClientHelloBuilder().alpn({"first"})).names() ==
        std::vector<std::string_view>{"first"});
  const AlpnList many =
      alpn_of(ClientHelloBuilder().alpn({"http/1.1", "h2", "acme-tls/1", "\x4a\x4a"}));
  CHECK(many.names() == std::vector<std::string_view>{"http/1.1", "h2", "acme-tls/1", "\x4a\x4a"});
  CHECK(many.contains("acme-tls/1"));
  CHECK_FALSE(many.contains("acme-tls"));
  CHECK_FALSE(many.contains("2"));
  CHECK_FALSE(many.contains(""));
}

TEST_CASE("client_hello: encrypted_client_hello is flagged, the outer name is the name",
          "[relay]") {
  const Bytes with_name =
      ClientHelloBuilder().extension(kEch, Bytes(60, 1)).server_name("public.test").record();
  HelloResult result = read_every_way(with_name);
  CHECK(result.hello.has_ech);
  CHECK(name_in(result) == "public.test");
  result = read_every_way(ClientHelloBuilder().extension(kEch, Bytes(60, 1)).record());
  CHECK(result.status == ParseStatus::Complete);
  CHECK(result.hello.has_ech);
  CHECK_FALSE(result.hello.server_name);
}

TEST_CASE("client_hello: browsers' hellos of 517 bytes and of 1.9 kB, in one and two pieces",
          "[relay]") {
  const Bytes browser = browser_hello("app.example.com").record();
  CHECK(browser.size() == 517);
  const HelloResult result = read_every_way(browser);
  CHECK(name_in(result) == "app.example.com");
  CHECK_FALSE(result.hello.has_ech);
  const Bytes post_quantum = post_quantum_hello("app.example.com").record();
  CHECK(post_quantum.size() > 1850);
  CHECK(post_quantum.size() < 1950);
  const HelloResult large = read_every_way(post_quantum);  // every cut in two pieces among them
  CHECK(name_in(large) == "app.example.com");
  CHECK(large.hello.has_ech);
  CHECK(large.hello.alpn.names() == std::vector<std::string_view>{"h2", "http/1.1"});
}

TEST_CASE("client_hello: two records, cut at every byte", "[relay]") {
  const Bytes message = browser_hello("app.example.com").message();
  const HelloResult whole = read_whole(record(message));
  REQUIRE(name_in(whole) == "app.example.com");
  for (std::size_t cut = 1; cut < message.size(); ++cut) {
    const Bytes stream = two_records(message, cut);
    CAPTURE(cut);
    REQUIRE(read_whole(stream) == whole);
    const HelloResult drip = read_byte_by_byte(stream);
    REQUIRE(drip.status == ParseStatus::Complete);
    REQUIRE(drip.bytes == stream.size());
  }
}

TEST_CASE("client_hello: records of 1 to 7 bytes, and six big ones", "[relay]") {
  const Bytes message = post_quantum_hello("app.example.com").message();
  const std::size_t fragment = GENERATE(1U, 2U, 3U, 4U, 5U, 7U, 320U);
  CAPTURE(fragment);
  const Bytes stream = records_of(message, fragment);
  CHECK(name_in(read_whole(stream)) == "app.example.com");
  const HelloResult drip = read_byte_by_byte(stream);
  CHECK(name_in(drip) == "app.example.com");
  CHECK(drip.bytes == stream.size());
}

TEST_CASE("client_hello: what follows is payload and never looked at", "[relay]") {
  const Bytes hello = browser_hello("app.example.com").record();
  const auto behind = GENERATE(Bytes{23, 3, 3, 0, 2, 1, 2},                  // 0-RTT data
                               Bytes{20, 3, 3, 0, 1, 1},                     // CCS
                               browser_hello("other.example.com").record(),  // a second hello
                               bytes_of("garbage"), Bytes(100'000, 0xff));
  const HelloResult result = read_whole(join({hello, behind}));
  CHECK(name_in(result) == "app.example.com");
  ClientHelloReader reader;
  REQUIRE(reader.feed(hello) == ParseStatus::Complete);
  CHECK(reader.feed(join({hello, behind})) == ParseStatus::Complete);
  CHECK(reader.hello() == result.hello);
}

TEST_CASE("client_hello: more messages in the hello's own record are payload too", "[relay]") {
  const Bytes fragment =
      join({browser_hello("app.example.com").message(), handshake(11, bytes_of("certificate"))});
  CHECK(name_in(read_whole(record(fragment))) == "app.example.com");
  CHECK(name_in(read_whole(records_of(fragment, 100))) == "app.example.com");
}

TEST_CASE("client_hello: every proper prefix of a valid hello needs more", "[relay]") {
  const auto stream =
      GENERATE(browser_hello("app.example.com").record(),
               records_of(browser_hello("app.example.com").message(), 3),
               ClientHelloBuilder().record(), post_quantum_hello("a.test").record());
  for (std::size_t size = 0; size < stream.size(); ++size) {
    CAPTURE(size);
    REQUIRE(read_whole(prefix(stream, size)).status == ParseStatus::NeedMore);
  }
  CHECK(read_whole(stream).status == ParseStatus::Complete);
}

}  // namespace
}  // namespace adit::relay
