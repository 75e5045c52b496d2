#include "common/error.hpp"

#include <cerrno>

#include "common/result.hpp"
#include "tests/support/catch.hpp"

namespace adit {
namespace {

TEST_CASE("error: codes have stable words", "[common]") {
  CHECK(to_string(Errc::Invalid) == "invalid");
  CHECK(to_string(Errc::NotFound) == "not_found");
  CHECK(to_string(Errc::Denied) == "denied");
  CHECK(to_string(Errc::Unavailable) == "unavailable");
  CHECK(to_string(Errc::Conflict) == "conflict");
  CHECK(to_string(Errc::Protocol) == "protocol");
  CHECK(to_string(Errc::System) == "system");
  CHECK(to_string(Errc::Internal) == "internal");
}

TEST_CASE("error: errno becomes a sentence and a code", "[common]") {
  const Error error = sys_error("bind 192.0.2.1:443", EACCES);
  CHECK(error.what == "bind 192.0.2.1:443: Permission denied (EACCES)");
  CHECK(error.code == Errc::Denied);
  CHECK(error.sys_errno == EACCES);

  const auto [number, want] = GENERATE(table<int, Errc>({{EPERM, Errc::Denied},
                                                         {ENOENT, Errc::NotFound},
                                                         {ENODEV, Errc::NotFound},
                                                         {EAGAIN, Errc::Unavailable},
                                                         {ECONNREFUSED, Errc::Unavailable},
                                                         {ETIMEDOUT, Errc::Unavailable},
                                                         {EADDRINUSE, Errc::System}}));
  CAPTURE(number);
  CHECK(sys_error("x", number).code == want);
}

TEST_CASE("error: an errno that nobody knows is still a sentence", "[common]") {
  CHECK(sys_error("x", 99'999).what == "x: unknown error (?)");
}

TEST_CASE("error: each layer adds one noun phrase", "[common]") {
  const Error error = sys_error("set endpoint", EPERM).within("peer home").within("apply");
  CHECK(error.what == "apply: peer home: set endpoint: Operation not permitted (EPERM)");
  CHECK(error.code == Errc::Denied);
  CHECK(error.sys_errno == EPERM);
}

TEST_CASE("result: fail makes every kind of Result", "[common]") {
  const Result<int> number = fail(Errc::Conflict, "taken");
  REQUIRE_FALSE(number);
  CHECK(number.error().code == Errc::Conflict);
  const Result<void> nothing = fail(number.error().within("commit"));
  REQUIRE_FALSE(nothing);
  CHECK(nothing.error().what == "commit: taken");
  const Result<void> system = fail_sys("open x", ENOENT);
  REQUIRE_FALSE(system);
  CHECK(system.error().code == Errc::NotFound);
}

}  // namespace
}  // namespace adit
