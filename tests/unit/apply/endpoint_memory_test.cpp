#include "controller/apply/endpoint_memory.hpp"

#include <fstream>

#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/unit/apply/fakes.hpp"

namespace adit::apply {

namespace {

wireguard::PublicKey key_of(std::uint8_t seed) {
  wireguard::PublicKey key;
  key.bytes.fill(seed);
  return key;
}

const Endpoint kHome = Endpoint::parse("192.0.2.77:40000").value();

/// A boot: an interface without peers, and a controller that remembers in `path`.
struct Boot {
  explicit Boot(const std::string& path)
      : memory(std::make_unique<test::FakeBackend>(tunnel), path) {
    tunnel.link.emplace().name = "adit0";
    static_cast<void>(memory.read_device("adit0"));
  }

  void add_peer(std::uint8_t seed) {
    wireguard::PeerChange peer;
    peer.public_key = key_of(seed);
    peer.allowed_ips.emplace();
    change(peer);
  }

  void remove_peer(std::uint8_t seed) {
    wireguard::PeerChange peer;
    peer.public_key = key_of(seed);
    peer.remove = true;
    change(peer);
  }

  void change(const wireguard::PeerChange& peer) {
    wireguard::DeviceChange change;
    change.interface = "adit0";
    change.peers.push_back(peer);
    REQUIRE(memory.change_device(change));
  }

  /// The peer calls from `endpoint`, and the controller looks.
  void call_from(const Endpoint& endpoint, std::int64_t handshake) {
    tunnel.device.peers.at(0).endpoint = endpoint;
    tunnel.device.peers.at(0).latest_handshake = handshake;
    REQUIRE(memory.read_device("adit0"));
  }

  [[nodiscard]] std::optional<Endpoint> endpoint() const {
    return tunnel.device.peers.at(0).endpoint;
  }

  test::FakeTunnel tunnel;
  EndpointMemory memory;
};

}  // namespace

TEST_CASE("endpoint_memory: after a reboot a peer has the endpoint that it had", "[controller]") {
  const adit::test::TempDir folder;
  {
    Boot first(folder.file("endpoints"));
    first.add_peer(1);
    CHECK_FALSE(first.endpoint());
    first.call_from(kHome, 1000);
  }
  Boot second(folder.file("endpoints"));
  second.add_peer(1);
  CHECK(second.endpoint() == kHome);
}

TEST_CASE("endpoint_memory: only endpoints of handshakes are kept", "[controller]") {
  const adit::test::TempDir folder;
  {
    Boot first(folder.file("endpoints"));
    first.add_peer(1);
    first.call_from(kHome, 0);
  }
  Boot second(folder.file("endpoints"));
  second.add_peer(1);
  CHECK_FALSE(second.endpoint());
}

TEST_CASE("endpoint_memory: a peer that roams on the interface is left alone", "[controller]") {
  const adit::test::TempDir folder;
  Boot boot(folder.file("endpoints"));
  boot.add_peer(1);
  boot.call_from(kHome, 1000);
  const auto elsewhere = Endpoint::parse("[2001:db8::7]:1024").value();
  boot.tunnel.device.peers.at(0).endpoint = elsewhere;  // since the last look
  boot.add_peer(1);                                     // its AllowedIPs change, say
  CHECK(boot.endpoint() == elsewhere);
}

TEST_CASE("endpoint_memory: a removed peer is forgotten", "[controller]") {
  const adit::test::TempDir folder;
  {
    Boot first(folder.file("endpoints"));
    first.add_peer(1);
    first.call_from(kHome, 1000);
    first.remove_peer(1);
  }
  Boot second(folder.file("endpoints"));
  second.add_peer(1);
  CHECK_FALSE(second.endpoint());
}

TEST_CASE("endpoint_memory: a file that is damaged or missing is no memory", "[controller]") {
  const adit::test::TempDir folder;
  std::ofstream(folder.file("endpoints")) << "not a key 192.0.2.1:1\n\n" << std::string(100, 'x');
  Boot boot(folder.file("endpoints"));
  boot.add_peer(1);
  CHECK_FALSE(boot.endpoint());
  Boot nowhere(folder.file("no/such/folder"));
  nowhere.add_peer(1);
  nowhere.call_from(kHome, 1000);  // cannot be kept
  CHECK(nowhere.endpoint() == kHome);
}

}  // namespace adit::apply
