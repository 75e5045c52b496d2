#include "relay/server_name.hpp"

#include <string>

#include "tests/support/bytes.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/client_hello_builder.hpp"

namespace adit::relay {
namespace {

using test::Bytes;
using test::bytes_of;
using test::server_name_list;
using namespace std::string_literals;

TEST_CASE("server_name: a valid name comes in its normal form", "[relay]") {
  const ServerName found = parse_server_name(bytes_of("App.Example.COM."));
  CHECK(found.kind == ServerNameKind::Name);
  REQUIRE(found.name);
  CHECK(found.name->wire_text() == "app.example.com");
}

TEST_CASE("server_name: an address is no name", "[relay]") {
  const auto text = GENERATE("192.0.2.1", "192.0.2.1.", "0.0.0.0", "::", "2001:db8::1",
                             "[2001:db8::1]", "2001:DB8::1");
  CAPTURE(text);
  const ServerName found = parse_server_name(bytes_of(text));
  CHECK(found.kind == ServerNameKind::IpLiteral);
  CHECK_FALSE(found.name);
}

TEST_CASE("server_name: what is neither is malformed", "[relay]") {
  const auto text = GENERATE(
      values<std::string>({"", ".", ":", "[", "[]", "[:]", "192.0.2.1:443", "[2001:db8::1]:443",
                           "192.0.2.1\0"s, "::g", "a b", "a\0b"s, "*"}));
  CAPTURE(text);
  const ServerName found = parse_server_name(bytes_of(text));
  CHECK(found.kind == ServerNameKind::Malformed);
  CHECK_FALSE(found.name);
}

TEST_CASE("server_name: what only looks like an address is a name", "[relay]") {
  const auto text = GENERATE("192.0.2", "192.0.2.256", "1.2.3.4.5", "0x7f.1", "01.2.3.4", "7");
  CAPTURE(text);
  CHECK(parse_server_name(bytes_of(text)).kind == ServerNameKind::Name);
}

TEST_CASE("server_name: the extension's body", "[relay]") {
  const auto kind_of = [](const Bytes& body) { return parse_server_name_extension(body).kind; };
  CHECK(kind_of(server_name_list({{0, "foo.test"}})) == ServerNameKind::Name);
  CHECK(kind_of(server_name_list({{0, "192.0.2.1"}})) == ServerNameKind::IpLiteral);
  CHECK(kind_of(server_name_list({{1, "foo.test"}})) == ServerNameKind::NoName);
  CHECK(kind_of(server_name_list({{1, ""}, {0, "foo.test"}})) == ServerNameKind::Name);
  CHECK(kind_of(server_name_list({})) == ServerNameKind::Malformed);
  CHECK(kind_of({}) == ServerNameKind::Malformed);
  const ServerName twice = parse_server_name_extension(server_name_list({{0, "a"}, {0, "b"}}));
  CHECK(twice.kind == ServerNameKind::Malformed);
  CHECK(twice.alert == Alert::IllegalParameter);
  CHECK_FALSE(twice.name);
}

}  // namespace
}  // namespace adit::relay
