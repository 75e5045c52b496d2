#include "relay/arrival.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/net/ip_address.hpp"
#include "common/unique_fd.hpp"
#include "tests/support/catch.hpp"

namespace adit::relay {
namespace {

struct Accepted {
  UniqueFd client;
  UniqueFd fd;
};

UniqueFd listening(const char* address) {
  sockaddr_storage storage{};
  const Endpoint endpoint{IpAddress::parse(address).value(), 0};
  const socklen_t size = endpoint.to_sockaddr(storage);
  UniqueFd fd(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.is_open() || ::bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), size) != 0)
    return {};
  ::listen(fd.get(), 1);
  return fd;
}

/// A client of `client`'s address family at a listener on `address`; closed descriptors where this
/// machine has no IPv6.
Accepted accepted(const char* address, const char* client) {
  const UniqueFd fd = listening(address);
  if (!fd.is_open()) return {};
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&storage), &size);
  const auto bound = Endpoint::from_sockaddr(reinterpret_cast<sockaddr*>(&storage), size).value();
  size = Endpoint{IpAddress::parse(client).value(), bound.port}.to_sockaddr(storage);
  Accepted out{UniqueFd(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)), {}};
  if (::connect(out.client.get(), reinterpret_cast<sockaddr*>(&storage), size) != 0) return {};
  out.fd.reset(::accept4(fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
  return out;
}

TEST_CASE("arrival: the interface of a client, of both families and mapped", "[relay]") {
  struct Case {
    const char* listener;
    const char* client;
  };

  const auto each =
      GENERATE(Case{"127.0.0.1", "127.0.0.1"}, Case{"::1", "::1"}, Case{"::", "127.0.0.1"});
  CAPTURE(each.listener, each.client);
  const Accepted pair = accepted(each.listener, each.client);
  if (!pair.fd.is_open()) {
    WARN("no IPv6 here");
    return;
  }
  CHECK(arrival_interface(pair.fd.get()) == "lo");
  // What comes later does not change it, nor does asking.
  REQUIRE(::send(pair.client.get(), "x", 1, 0) == 1);
  char byte = 0;
  REQUIRE(::recv(pair.fd.get(), &byte, 1, 0) == 1);
  CHECK(arrival_interface(pair.fd.get()) == "lo");
}

TEST_CASE("arrival: nothing is known of what is no TCP socket", "[relay]") {
  CHECK(arrival_interface(-1).empty());
  const UniqueFd pipe_like(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  CHECK(arrival_interface(pipe_like.get()).empty());
}

}  // namespace
}  // namespace adit::relay
