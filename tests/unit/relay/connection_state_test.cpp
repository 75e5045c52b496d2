#include "relay/connection_state.hpp"

#include <cstring>

#include "tests/support/catch.hpp"

namespace adit::relay {
namespace {

/// One with a value of its own in every part.
ConnectionState whole_state() {
  ConnectionState state;
  std::uint8_t value = 1;
  auto* bytes = reinterpret_cast<std::uint8_t*>(&state.flat);
  for (std::size_t i = 0; i < sizeof state.flat; ++i) bytes[i] = value++;
  state.host = "a.example.com";
  state.route = "host/a.example.com";
  state.reason = "refused_not_tls";
  state.own_route = {1, 2, 3};
  state.hello = {22, 3, 1, 0, 200};
  state.proxy_header = {'P', 'R', 'O', 'X', 'Y', ' '};
  state.flat.host_size = static_cast<std::uint16_t>(state.host.size());
  state.flat.route_size = static_cast<std::uint16_t>(state.route.size());
  state.flat.reason_size = static_cast<std::uint16_t>(state.reason.size());
  state.flat.own_route_size = static_cast<std::uint32_t>(state.own_route.size());
  state.flat.hello_size = static_cast<std::uint32_t>(state.hello.size());
  state.flat.proxy_header_size = static_cast<std::uint32_t>(state.proxy_header.size());
  return state;
}

void check_equal(const ConnectionState& got, const ConnectionState& want) {
  CHECK(std::memcmp(&got.flat, &want.flat, sizeof got.flat) == 0);
  CHECK(got.host == want.host);
  CHECK(got.route == want.route);
  CHECK(got.reason == want.reason);
  CHECK(got.own_route == want.own_route);
  CHECK(got.hello == want.hello);
  CHECK(got.proxy_header == want.proxy_header);
}

std::vector<std::uint8_t> record_of(const ConnectionState& state) {
  std::vector<std::uint8_t> record;
  encode(state, record);
  return record;
}

void put_u16(std::vector<std::uint8_t>& record, std::size_t at, std::uint16_t value) {
  std::memcpy(record.data() + at, &value, sizeof value);
}

void put_u32(std::vector<std::uint8_t>& record, std::size_t at, std::uint32_t value) {
  std::memcpy(record.data() + at, &value, sizeof value);
}

constexpr std::size_t kHead = 8;         // size u32, version u16, size of the flat part u16
constexpr std::size_t kLeastFlat = 136;  // the shortest that there ever was

}  // namespace

TEST_CASE("connection_state: every part survives, one record after the other", "[relay]") {
  std::vector<std::uint8_t> records = record_of(whole_state());
  encode(ConnectionState(), records);
  encode(whole_state(), records);
  std::span<const std::uint8_t> rest = records;
  for (const ConnectionState& want : {whole_state(), ConnectionState(), whole_state()}) {
    const auto got = decode_connection(rest);
    REQUIRE(got);
    check_equal(*got, want);
  }
  CHECK(rest.empty());
}

TEST_CASE("connection_state: what is cut off anywhere is refused", "[relay]") {
  const auto record = record_of(whole_state());
  for (std::size_t size = 0; size < record.size(); ++size) {
    std::span<const std::uint8_t> rest(record.data(), size);
    CAPTURE(size);
    CHECK(!decode_connection(rest));
  }
}

TEST_CASE("connection_state: a newer, longer one is read as far as it is known", "[relay]") {
  const auto record = record_of(whole_state());
  std::vector<std::uint8_t> newer = record;
  const auto end_of_flat =
      newer.begin() + static_cast<std::ptrdiff_t>(kHead + sizeof(ConnectionFlat));
  newer.insert(end_of_flat, 12, 0xee);  // members that are not known here
  newer.insert(newer.end(), 7, 0xdd);   // and a text
  put_u32(newer, 0, static_cast<std::uint32_t>(newer.size()));
  put_u16(newer, 6, sizeof(ConnectionFlat) + 12);
  newer.insert(newer.end(), record.begin(), record.end());
  std::span<const std::uint8_t> rest = newer;
  for (int i = 0; i < 2; ++i) {
    const auto got = decode_connection(rest);
    REQUIRE(got);
    check_equal(*got, whole_state());
  }
  CHECK(rest.empty());
}

TEST_CASE("connection_state: an older, shorter one has zeros in what is new", "[relay]") {
  ConnectionState state = whole_state();
  state.proxy_header.clear();
  auto record = record_of(state);
  const auto flat = record.begin() + static_cast<std::ptrdiff_t>(kHead);
  record.erase(flat + kLeastFlat, flat + sizeof(ConnectionFlat));
  put_u32(record, 0, static_cast<std::uint32_t>(record.size()));
  put_u16(record, 6, kLeastFlat);
  std::span<const std::uint8_t> rest = record;
  const auto got = decode_connection(rest);
  REQUIRE(got);
  CHECK(rest.empty());
  CHECK(std::memcmp(&got->flat, &state.flat, kLeastFlat) == 0);
  CHECK(got->hello == state.hello);
  CHECK(got->flat.dial_until == 0);
  CHECK(got->flat.connect_us == 0);
  CHECK(got->flat.dial_tried == 0);
  CHECK(!endpoint_of(got->flat.target));
  CHECK(!endpoint_of(got->flat.believed_destination));
  CHECK(got->proxy_header.empty());
}

TEST_CASE("connection_state: one that contradicts itself is refused", "[relay]") {
  const auto record = record_of(whole_state());
  const auto refuses = [&](std::size_t at, auto value) {
    auto bad = record;
    std::memcpy(bad.data() + at, &value, sizeof value);
    std::span<const std::uint8_t> rest = bad;
    return !decode_connection(rest);
  };
  CHECK(refuses(0, static_cast<std::uint32_t>(record.size() + 1)));
  CHECK(refuses(0, static_cast<std::uint32_t>(record.size() - 1)));
  CHECK(refuses(0, std::uint32_t{0}));
  CHECK(refuses(0, ~std::uint32_t{0}));
  CHECK(refuses(4, std::uint16_t{ConnectionState::kVersion + 1}));
  CHECK(refuses(6, std::uint16_t{kLeastFlat - 1}));
  CHECK(refuses(6, std::uint16_t{0xffff}));
  CHECK(refuses(kHead + offsetof(ConnectionFlat, host_size), std::uint16_t{0xffff}));
  CHECK(refuses(kHead + offsetof(ConnectionFlat, hello_size), ~std::uint32_t{0}));
  CHECK(refuses(kHead + offsetof(ConnectionFlat, proxy_header_size), std::uint32_t{7}));
  CHECK(refuses(kHead + offsetof(ConnectionFlat, proxy_header_size), ~std::uint32_t{0}));
}

TEST_CASE("connection_state: endpoints survive in their family, and none is none", "[relay]") {
  CHECK(!endpoint_of(FlatEndpoint{}));
  FlatEndpoint unknown;
  unknown.family = 5;
  CHECK(!endpoint_of(unknown));
  for (const char* text : {"192.0.2.1:443", "[2001:db8::1]:65535"}) {
    const Endpoint endpoint = *Endpoint::parse(text);
    CHECK(endpoint_of(flat_of(endpoint)) == endpoint);
  }
}

TEST_CASE("connection_state: descriptors are counted", "[relay]") {
  ConnectionFlat flat;
  CHECK(descriptor_count(flat) == 1);
  flat.flags = kHasTarget;
  CHECK(descriptor_count(flat) == 2);
  flat.held_to_client = 1;
  CHECK(descriptor_count(flat) == 4);
  flat.held_to_target = 1;
  CHECK(descriptor_count(flat) == 6);
}

}  // namespace adit::relay
