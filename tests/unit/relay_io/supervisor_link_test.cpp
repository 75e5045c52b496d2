#include "relay/supervisor_link.hpp"

#include <array>

#include <sys/socket.h>
#include <unistd.h>

#include "relay/listener_store.hpp"
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

  UniqueFd near;
  UniqueFd far;
};

control::ListenAddress address(const char* text, std::uint16_t port) {
  return {*IpAddress::parse(text), port};
}

}  // namespace

TEST_CASE("supervisor_link: a listener's address survives", "[relay]") {
  const auto wanted = GENERATE(as<control::ListenAddress>{}, address("127.0.0.1", 443),
                               address("::", 0), address("2001:db8::1", 65535));
  Link link;
  REQUIRE(link_send(link.near.get(), link_message(LinkType::Bind, 42, wanted)));
  const auto received = link_receive(link.far.get());
  REQUIRE(received);
  REQUIRE(*received);
  CHECK((*received)->message.type == LinkType::Bind);
  CHECK((*received)->message.id == 42);
  CHECK(listener_of((*received)->message) == wanted);
  CHECK((*received)->fds.empty());
}

TEST_CASE("supervisor_link: which table a process has survives", "[relay]") {
  const auto wanted =
      GENERATE(TableId{}, TableId{1, 2}, TableId{~std::uint64_t{0}, 0x0123456789abcdef});
  Link link;
  REQUIRE(link_send(link.near.get(), link_message(LinkType::Frozen, wanted)));
  const auto received = link_receive(link.far.get());
  REQUIRE(received);
  REQUIRE(*received);
  CHECK((*received)->message.type == LinkType::Frozen);
  CHECK(table_of((*received)->message) == wanted);
}

TEST_CASE("supervisor_link: carries as many sockets as there may be workers", "[relay]") {
  Link link;
  const std::vector<int> fds(kMaxLinkFds, STDERR_FILENO);
  REQUIRE(link_send(link.near.get(), {.type = LinkType::BindReply}, fds));
  const auto received = link_receive(link.far.get());
  REQUIRE(received);
  REQUIRE(*received);
  CHECK((*received)->fds.size() == kMaxLinkFds);
}

TEST_CASE("supervisor_link: nothing, the end and other versions are told apart", "[relay]") {
  Link link;
  const auto nothing = link_receive(link.far.get());
  REQUIRE(nothing);
  CHECK_FALSE(*nothing);
  LinkMessage other;
  other.version = 2;
  REQUIRE(link_send(link.near.get(), other));
  CHECK(link_receive(link.far.get()).error().code == Errc::Protocol);
  REQUIRE(::send(link.near.get(), "short", 5, 0) == 5);
  CHECK(link_receive(link.far.get()).error().code == Errc::Protocol);
  link.near.reset();
  CHECK(link_receive(link.far.get()).error().code == Errc::NotFound);
}

TEST_CASE("listener_store: all sockets of a listener share one port and stay", "[relay]") {
  ListenerStore store;
  const auto wanted = address("127.0.0.1", 0);
  const auto bound = store.bind(wanted, 3);
  REQUIRE(bound);
  const std::uint16_t port = (*bound)->port;
  CHECK(port != 0);
  CHECK((*bound)->fds.size() == 3);
  const auto again = store.bind(wanted, 3);
  REQUIRE(again);
  CHECK((*again)->port == port);
  // SO_REUSEPORT does not let a second store of the same user in.
  ListenerStore other;
  REQUIRE(::listen((*again)->fds[0].get(), 1) == 0);
  const auto clash = other.bind(address("127.0.0.1", port), 1);
  REQUIRE_FALSE(clash);
  CHECK(clash.error().sys_errno == EADDRINUSE);
  store.unbind(wanted);
  CHECK(store.all().empty());
  CHECK(other.bind(address("127.0.0.1", port), 1));
}

TEST_CASE("listener_store: an own listener is not in the way of a wider or narrower one",
          "[relay]") {
  const auto [first, second] = GENERATE(table<const char*, const char*>(
      {{"::", "127.0.0.1"}, {"127.0.0.1", "::"}, {"0.0.0.0", "::"}, {"::", "0.0.0.0"}}));
  CAPTURE(first, second);
  ListenerStore store;
  const auto listening = store.bind(address(first, 0), 2);
  REQUIRE(listening);
  const std::uint16_t port = (*listening)->port;
  for (const UniqueFd& fd : (*listening)->fds) REQUIRE(::listen(fd.get(), 1) == 0);
  const auto also = store.bind(address(second, port), 2);
  REQUIRE(also);
  CHECK((*also)->port == port);
  for (const UniqueFd& fd : (*also)->fds) CHECK(::listen(fd.get(), 1) == 0);
  // Another process's listener is.
  ListenerStore other;
  CHECK_FALSE(other.bind(address(second, port), 1));
}

}  // namespace adit::relay
