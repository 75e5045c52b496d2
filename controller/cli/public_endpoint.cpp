#include "controller/cli/public_endpoint.hpp"

#include <memory>

#include <fmt/format.h>
#include <netdb.h>

namespace adit::cli {

namespace {

struct FreeAddresses {
  void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};

/// The address to dial for a listener at `address`: an unspecified one is reached on loopback. "::"
/// is dual-stack, so 127.0.0.1 works there even where IPv6 is turned off for loopback.
Result<IpAddress> dialable(const std::string& address) {
  auto parsed = IpAddress::parse(address);
  if (parsed && parsed->is_unspecified()) return IpAddress::parse("127.0.0.1");
  return parsed;
}

}  // namespace

Result<Endpoint> local_listener(const Json& relay, std::uint16_t port) {
  for (const Json& listener : array_at(relay, "listeners")) {
    const std::uint64_t bound = number_at(listener, "bound_port");
    // A controller of an older version tells no protocol: all of its listeners are TLS's.
    const bool is_tls = text_at(listener, "protocol") != "http";
    const bool is_wanted = is_tls && (number_at(listener, "port") == port || bound == port);
    if (bound == 0 || bound > 65535 || !is_wanted) continue;
    auto address = dialable(text_at(listener, "address"));
    if (address) return Endpoint{*address, static_cast<std::uint16_t>(bound)};
  }
  return fail(Errc::NotFound,
              fmt::format("the relay listens on no port {} here; `adit status` says why", port));
}

Result<std::vector<Endpoint>> resolve(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* raw = nullptr;
  const int status = ::getaddrinfo(host.c_str(), nullptr, &hints, &raw);
  const std::unique_ptr<addrinfo, FreeAddresses> list(raw);
  if (status != 0) {
    return fail(Errc::NotFound, fmt::format("{} has no address: {}; give one with --at ADDR:PORT",
                                            host, ::gai_strerror(status)));
  }
  std::vector<Endpoint> endpoints;
  for (const addrinfo* at = list.get(); at != nullptr; at = at->ai_next) {
    if (auto endpoint = Endpoint::from_sockaddr(at->ai_addr, at->ai_addrlen)) {
      endpoints.push_back({endpoint->address, port});
    }
  }
  return endpoints;
}

}  // namespace adit::cli
