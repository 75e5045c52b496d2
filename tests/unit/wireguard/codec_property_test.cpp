// Random devices through both encodings: what is set is what is read back. A SET message and a dump
// share their attributes, so the dump's decoder reads what the set's encoder wrote; in UAPI
// likewise.
#include <algorithm>
#include <array>
#include <random>
#include <set>

#include "controller/wireguard/netlink_codec.hpp"
#include "controller/wireguard/rtnetlink_codec.hpp"
#include "controller/wireguard/uapi_codec.hpp"
#include "tests/support/catch.hpp"

using namespace adit;
using namespace adit::wireguard;

namespace {

using Random = std::mt19937_64;

std::size_t below(Random& random, std::size_t limit) {
  return random() % limit;
}

IpAddress random_address(Random& random) {
  std::array<std::uint8_t, 16> bytes{};
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  const bool is_v4 = random() % 2 == 0;
  bytes[0] = 0x20;  // neither mapped nor link-local
  return IpAddress(std::span<const std::uint8_t>(bytes.data(), is_v4 ? 4 : 16));
}

std::vector<IpPrefix> random_prefixes(Random& random, std::size_t count) {
  std::set<IpPrefix> prefixes;
  for (std::size_t i = 0; i < count; ++i) {
    const auto address = random_address(random);
    prefixes.insert(IpPrefix(address, static_cast<unsigned>(below(random, address.bits() + 1))));
  }
  return {prefixes.begin(), prefixes.end()};
}

PeerChange random_peer(Random& random, std::size_t prefix_limit) {
  PeerChange peer;
  for (auto& byte : peer.public_key.bytes) byte = static_cast<std::uint8_t>(random());
  peer.allowed_ips = random_prefixes(random, below(random, prefix_limit));
  peer.persistent_keepalive = Seconds(static_cast<std::int64_t>(below(random, 65536)));
  if (random() % 2 == 0) {
    peer.endpoint =
        Endpoint{random_address(random), static_cast<std::uint16_t>(1 + below(random, 65535))};
  }
  return peer;
}

DeviceChange random_change(Random& random) {
  DeviceChange change;
  change.interface = "adit0";
  change.listen_port = static_cast<std::uint16_t>(random());
  const auto peers = below(random, 40);
  for (std::size_t i = 0; i < peers; ++i) {
    change.peers.push_back(random_peer(random, i % 10 == 0 ? 2000 : 5));
  }
  return change;
}

/// What an interface that had nothing shows after `change`.
Device device_after(const DeviceChange& change) {
  Device device{change.interface, *change.listen_port, {}, {}};
  for (const auto& peer : change.peers) {
    device.peers.push_back(
        {peer.public_key, peer.endpoint, *peer.allowed_ips, *peer.persistent_keepalive, 0, 0, 0});
  }
  std::sort(device.peers.begin(), device.peers.end(),
            [](const Peer& a, const Peer& b) { return a.public_key < b.public_key; });
  return device;
}

}  // namespace

TEST_CASE("property: netlink SET_DEVICE reads back as the device it sets", "[property]") {
  const auto seed = GENERATE(range(1, 41));
  CAPTURE(seed);
  Random random(static_cast<std::uint64_t>(seed));
  const auto change = random_change(random);
  netlink::DeviceDump dump;
  for (const auto& message : netlink::encode_set_device(0x20, change)) {
    REQUIRE(message.size() <= netlink::kMaxSetMessage);
    const auto views = netlink::split_datagram(message);
    REQUIRE(views);
    REQUIRE(dump.add(views->front()));
  }
  CHECK(dump.take() == device_after(change));
}

TEST_CASE("property: UAPI sets read back as the device they set", "[property]") {
  const auto seed = GENERATE(range(1, 41));
  CAPTURE(seed);
  Random random(static_cast<std::uint64_t>(seed));
  const auto change = random_change(random);
  std::string answer;
  const auto append = [&answer](const std::string& set) {
    REQUIRE(set.starts_with("set=1\n"));
    REQUIRE(set.ends_with("\n\n"));
    answer += set.substr(6, set.size() - 7);
  };
  append(uapi::encode_set_listen_port(*change.listen_port));
  for (const auto& peer : change.peers) append(uapi::encode_set_peer(peer));
  answer += "errno=0\n\n";
  REQUIRE(uapi::is_complete(answer));
  const auto device = uapi::parse_get(answer, "adit0");
  REQUIRE(device);
  CHECK(*device == device_after(change));
}

TEST_CASE("property: addresses and routes read back as they were set", "[property]") {
  Random random(7);
  for (int i = 0; i < 2000; ++i) {
    CAPTURE(i);
    const auto index = static_cast<int>(1 + below(random, 1000));
    const auto address = random_address(random);
    const auto length = static_cast<unsigned>(below(random, address.bits() + 1));
    const auto added = netlink::encode_add_address(index, {address, length});
    const auto read = netlink::decode_address(netlink::split_datagram(added)->front(), index);
    REQUIRE(read);
    CHECK(read->value() == InterfaceAddress{address, length});
    const IpPrefix prefix(address, length);
    const auto routed = netlink::encode_add_route(index, prefix, random() % 2 == 0);
    const auto route = netlink::decode_route(netlink::split_datagram(routed)->front());
    REQUIRE(route);
    CHECK(route->value() == netlink::RouteEntry{prefix, kRouteProtocol, index, {}});
  }
}

TEST_CASE("property: base64 of every key comes back", "[property]") {
  Random random(11);
  for (int i = 0; i < 2000; ++i) {
    PublicKey key;
    for (auto& byte : key.bytes) byte = static_cast<std::uint8_t>(random());
    CHECK(*PublicKey::parse(key.base64()) == key);
  }
}
