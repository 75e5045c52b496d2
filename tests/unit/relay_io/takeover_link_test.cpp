#include "relay/takeover_link.hpp"

#include <array>

#include <sys/socket.h>
#include <unistd.h>

#include "relay/moved_connection.hpp"
#include "tests/support/catch.hpp"

namespace adit::relay {

namespace {

struct Link {
  Link() {
    std::array<int, 2> pair{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) == 0);
    near.reset(pair[0]);
    far.reset(pair[1]);
  }

  Result<void> send(TakeoverType type, std::span<const std::uint8_t> body = {},
                    std::span<const int> fds = {}, std::uint16_t version = 1) const {
    return takeover_send(near.get(), {version, type, 7}, body, fds, SteadyClock::now());
  }

  [[nodiscard]] Result<TakeoverMessage> receive() const {
    return takeover_receive(far.get(), SteadyClock::now());
  }

  UniqueFd near;
  UniqueFd far;
};

}  // namespace

TEST_CASE("takeover_link: the largest message survives, with as many descriptors as can be",
          "[relay]") {
  const Link link;
  std::vector<std::uint8_t> body(kMaxBatchBytes);
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<std::uint8_t>(i * 31);
  const std::vector<int> fds(kMaxBatchFds, link.near.get());
  REQUIRE(link.send(TakeoverType::Batch, body, fds));
  const auto got = link.receive();
  REQUIRE(got);
  CHECK(got->head.type == TakeoverType::Batch);
  CHECK(got->head.count == 7);
  CHECK(got->body == body);
  REQUIRE(got->fds.size() == kMaxBatchFds);
  for (const UniqueFd& fd : got->fds) CHECK(fd.is_open());
}

TEST_CASE("takeover_link: silence and the end are told apart", "[relay]") {
  Link link;
  auto got = link.receive();
  REQUIRE(!got);
  CHECK(got.error().code == Errc::Unavailable);
  link.near.reset();
  got = link.receive();
  REQUIRE(!got);
  CHECK(got.error().code == Errc::NotFound);
}

TEST_CASE("takeover_link: an end with a message unread is an end", "[relay]") {
  Link link;
  REQUIRE(takeover_send(link.far.get(), {}, {}, {}, SteadyClock::now()));
  link.near.reset();
  const auto got = link.receive();
  REQUIRE(!got);
  CHECK(got.error().code == Errc::NotFound);
}

TEST_CASE("takeover_link: who shuts reading gets what was sent before and nothing after",
          "[relay]") {
  const Link link;
  REQUIRE(link.send(TakeoverType::Adopted));
  REQUIRE(::shutdown(link.far.get(), SHUT_RD) == 0);
  const auto late = link.send(TakeoverType::Adopted);
  REQUIRE(!late);
  CHECK(late.error().sys_errno == EPIPE);
  const auto got = link.receive();
  REQUIRE(got);
  CHECK(got->head.type == TakeoverType::Adopted);
  CHECK(!link.receive());
}

TEST_CASE("takeover_link: another version and fragments are refused", "[relay]") {
  const Link link;
  REQUIRE(link.send(TakeoverType::Done, {}, {}, 2));
  CHECK(link.receive().error().code == Errc::Protocol);
  REQUIRE(::send(link.near.get(), "abc", 3, 0) == 3);
  CHECK(link.receive().error().code == Errc::Protocol);
  const std::vector<std::uint8_t> too_long(sizeof(TakeoverHead) + kMaxBatchBytes + 1);
  REQUIRE(::send(link.near.get(), too_long.data(), too_long.size(), 0) > 0);
  CHECK(link.receive().error().code == Errc::Protocol);
}

}  // namespace adit::relay
