#include "relay/connection_state.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include <fmt/format.h>

namespace adit::relay {

namespace {

struct RecordHead {
  std::uint32_t size = 0;
  std::uint16_t version = 0;
  std::uint16_t flat_size = 0;
};

/// Up to here version 1 was like this from its beginning.
constexpr std::size_t kLeastFlat = 136;

void append(std::vector<std::uint8_t>& out, const void* bytes, std::size_t count) {
  const auto* first = static_cast<const std::uint8_t*>(bytes);
  out.insert(out.end(), first, first + count);
}

tl::unexpected<Error> broken(std::string_view how) {
  return fail(Errc::Protocol, fmt::format("a connection {}", how));
}

/// Takes `count` bytes off `rest`, which has them.
std::span<const std::uint8_t> take(std::span<const std::uint8_t>& rest, std::size_t count) {
  const auto taken = rest.first(count);
  rest = rest.subspan(count);
  return taken;
}

std::vector<std::uint8_t> take_bytes(std::span<const std::uint8_t>& rest, std::size_t count) {
  const auto bytes = take(rest, count);
  return {bytes.begin(), bytes.end()};
}

std::string take_text(std::span<const std::uint8_t>& rest, std::size_t count) {
  const auto bytes = take(rest, count);
  return {bytes.begin(), bytes.end()};
}

}  // namespace

FlatEndpoint flat_of(const Endpoint& endpoint) {
  FlatEndpoint flat;
  std::ranges::copy(endpoint.address.bytes(), flat.address.begin());
  flat.port = endpoint.port;
  flat.family = endpoint.address.is_v4() ? 4 : 6;
  return flat;
}

std::optional<Endpoint> endpoint_of(const FlatEndpoint& flat) {
  if (flat.family != 4 && flat.family != 6) return std::nullopt;
  const std::span<const std::uint8_t> bytes(flat.address);
  return Endpoint{IpAddress(bytes.first(flat.family == 4 ? 4 : 16)), flat.port};
}

std::size_t descriptor_count(const ConnectionFlat& flat) {
  return std::size_t{1} + ((flat.flags & kHasTarget) != 0 ? 1 : 0) +
         (flat.held_to_target > 0 ? 2 : 0) + (flat.held_to_client > 0 ? 2 : 0);
}

void encode(const ConnectionState& state, std::vector<std::uint8_t>& out) {
  static_assert(sizeof(ConnectionFlat) >= kLeastFlat);
  ConnectionFlat flat = state.flat;
  flat.host_size = static_cast<std::uint16_t>(state.host.size());
  flat.route_size = static_cast<std::uint16_t>(state.route.size());
  flat.reason_size = static_cast<std::uint16_t>(state.reason.size());
  flat.own_route_size = static_cast<std::uint32_t>(state.own_route.size());
  flat.hello_size = static_cast<std::uint32_t>(state.hello.size());
  flat.proxy_header_size = static_cast<std::uint32_t>(state.proxy_header.size());
  const std::size_t size = sizeof(RecordHead) + sizeof flat + state.host.size() +
                           state.route.size() + state.reason.size() + state.own_route.size() +
                           state.hello.size() + state.proxy_header.size();
  const RecordHead head{static_cast<std::uint32_t>(size), ConnectionState::kVersion, sizeof flat};
  append(out, &head, sizeof head);
  append(out, &flat, sizeof flat);
  append(out, state.host.data(), state.host.size());
  append(out, state.route.data(), state.route.size());
  append(out, state.reason.data(), state.reason.size());
  append(out, state.own_route.data(), state.own_route.size());
  append(out, state.hello.data(), state.hello.size());
  append(out, state.proxy_header.data(), state.proxy_header.size());
}

Result<ConnectionState> decode_connection(std::span<const std::uint8_t>& bytes) {
  RecordHead head;
  if (bytes.size() < sizeof head) return broken("is cut off in its head");
  std::memcpy(&head, bytes.data(), sizeof head);
  if (head.version != ConnectionState::kVersion) {
    return broken(fmt::format("of version {}, not {}", head.version, ConnectionState::kVersion));
  }
  if (head.flat_size < kLeastFlat || head.size > bytes.size() ||
      head.size < sizeof head + head.flat_size) {
    return broken("is cut off");
  }
  auto rest = take(bytes, head.size).subspan(sizeof head);
  ConnectionState state;
  const auto flat = take(rest, head.flat_size);
  std::memcpy(&state.flat, flat.data(), std::min(flat.size(), sizeof state.flat));
  const std::size_t needed = std::size_t{state.flat.host_size} + state.flat.route_size +
                             state.flat.reason_size + state.flat.own_route_size +
                             state.flat.hello_size + state.flat.proxy_header_size;
  if (needed > rest.size()) return broken("is shorter than it says");
  state.host = take_text(rest, state.flat.host_size);
  state.route = take_text(rest, state.flat.route_size);
  state.reason = take_text(rest, state.flat.reason_size);
  state.own_route = take_bytes(rest, state.flat.own_route_size);
  state.hello = take_bytes(rest, state.flat.hello_size);
  state.proxy_header = take_bytes(rest, state.flat.proxy_header_size);
  return state;
}

}  // namespace adit::relay
