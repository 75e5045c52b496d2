#include "controller/wireguard/uapi_codec.hpp"

#include <cerrno>

#include "tests/support/catch.hpp"

using namespace adit;
using namespace adit::wireguard;

namespace {

// wireguard-go 0.0.20220316 (Debian 12); the private key was made for this test.
constexpr std::string_view kAnswer =
    "private_key=7070707070707070707070707070707070707070707070707070707070707070\n"
    "listen_port=51820\n"
    "public_key=990ed9c81f6c0b7549e2d036b6ae316235e713937c87a713cc587598fd2bee45\n"
    "preshared_key=0000000000000000000000000000000000000000000000000000000000000000\n"
    "protocol_version=1\n"
    "endpoint=198.51.100.254:39849\n"
    "last_handshake_time_sec=1795248900\n"
    "last_handshake_time_nsec=722462935\n"
    "tx_bytes=476\n"
    "rx_bytes=564\n"
    "persistent_keepalive_interval=25\n"
    "allowed_ip=10.98.0.10/32\n"
    "allowed_ip=10.30.0.0/24\n"
    "public_key=3acb3f290d98e864d51fecd6bc6534eafa480474636b1ea1384a699b9c39155f\n"
    "preshared_key=0000000000000000000000000000000000000000000000000000000000000000\n"
    "protocol_version=1\n"
    "endpoint=[2001:db8::1]:51820\n"
    "last_handshake_time_sec=0\n"
    "last_handshake_time_nsec=0\n"
    "tx_bytes=0\n"
    "rx_bytes=0\n"
    "persistent_keepalive_interval=0\n"
    "some_key_of_a_later_version=7\n"
    "errno=0\n"
    "\n";

}  // namespace

TEST_CASE("uapi_codec: a device as wireguard-go reports it", "[wireguard]") {
  const auto device = uapi::parse_get(kAnswer, "adit0");
  REQUIRE(device);
  CHECK(device->interface == "adit0");
  CHECK(device->listen_port == 51820);
  KeyBytes private_key{};
  private_key.fill(0x70);
  CHECK(device->public_key == *PrivateKey::from_bytes(private_key).public_key());
  REQUIRE(device->peers.size() == 2);
  CHECK(device->peers[0].public_key.base64() == "Oss/KQ2Y6GTVH+zWvGU06vpIBHRjax6hOEppm5w5FV8=");
  CHECK(device->peers[0].endpoint->to_string() == "[2001:db8::1]:51820");
  const auto& peer = device->peers[1];
  CHECK(peer.endpoint->to_string() == "198.51.100.254:39849");
  CHECK(peer.latest_handshake == 1795248900);
  CHECK(peer.received_bytes == 564);
  CHECK(peer.sent_bytes == 476);
  CHECK(peer.persistent_keepalive == Seconds(25));
  CHECK(peer.allowed_ips ==
        std::vector{*IpPrefix::parse("10.30.0.0/24"), *IpPrefix::parse("10.98.0.10/32")});
}

TEST_CASE("uapi_codec: a fresh device has neither key nor port", "[wireguard]") {
  const auto device = uapi::parse_get("errno=0\n\n", "adit0");
  REQUIRE(device);
  CHECK(*device == Device{"adit0", 0, {}, {}});
  const auto zero =
      uapi::parse_get("private_key=" + std::string(64, '0') + "\nerrno=0\n\n", "adit0");
  REQUIRE(zero);
  CHECK_FALSE(zero->public_key);
}

TEST_CASE("uapi_codec: a link-local endpoint loses its zone", "[wireguard]") {
  const auto device = uapi::parse_get(
      "public_key=" + std::string(64, '1') + "\nendpoint=[fe80::1%eth0]:5\nerrno=0\n\n", "adit0");
  REQUIRE(device);
  CHECK(device->peers[0].endpoint->to_string() == "[fe80::1]:5");
}

TEST_CASE("uapi_codec: values that cannot be read are errors that do not repeat them",
          "[wireguard]") {
  const auto* const line =
      GENERATE(as<const char*>{}, "listen_port=70000", "listen_port=", "private_key=70",
               "public_key=zz", "no equals sign");
  CAPTURE(line);
  const auto device = uapi::parse_get(std::string(line) + "\nerrno=0\n\n", "adit0");
  REQUIRE_FALSE(device);
  CHECK(device.error().code == Errc::Protocol);
  const auto* const peer_line =
      GENERATE(as<const char*>{}, "endpoint=host.example.com:1", "allowed_ip=10.0.0.0/40",
               "rx_bytes=-1", "persistent_keepalive_interval=65536", "last_handshake_time_sec=x");
  CAPTURE(peer_line);
  CHECK_FALSE(uapi::parse_get(
      "public_key=" + std::string(64, '1') + "\n" + peer_line + "\nerrno=0\n\n", "adit0"));
}

TEST_CASE("uapi_codec: an answer is whole at the empty line after errno", "[wireguard]") {
  const std::string_view whole = kAnswer;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(uapi::is_complete(whole.substr(0, size)));
  }
  CHECK(uapi::is_complete(whole));
  CHECK(uapi::is_complete("errno=-22\n\n"));
  CHECK_FALSE(uapi::is_complete("listen_port=1\n\n"));
}

TEST_CASE("uapi_codec: errno is read as a positive number", "[wireguard]") {
  CHECK(*uapi::parse_errno("errno=0\n\n") == 0);
  CHECK(*uapi::parse_errno("errno=-98\n\n") == EADDRINUSE);
  CHECK(*uapi::parse_errno("listen_port=1\nerrno=22\n\n") == EINVAL);
  CHECK_FALSE(uapi::parse_errno(""));
  CHECK_FALSE(uapi::parse_errno("errno=\n\n"));
  CHECK_FALSE(uapi::parse_errno("errno=99999999\n\n"));
  CHECK(uapi::parse_get("errno=-22\n\n", "adit0").error().sys_errno == EINVAL);
}

TEST_CASE("uapi_codec: one set per key, port and peer", "[wireguard]") {
  KeyBytes bytes{};
  bytes.fill(0x70);
  CHECK(uapi::encode_set_private_key(PrivateKey::from_bytes(bytes)) ==
        "set=1\nprivate_key="
        "7070707070707070707070707070707070707070707070707070707070707070\n\n");
  CHECK(uapi::encode_set_listen_port(51820) == "set=1\nlisten_port=51820\n\n");
  PeerChange peer;
  peer.public_key = *PublicKey::parse("mQ7ZyB9sC3VJ4tA2tq4xYjXnE5N8h6cTzFh1mP0r7kU=");
  const std::string head =
      "set=1\npublic_key=990ed9c81f6c0b7549e2d036b6ae316235e713937c87a713cc587598fd2bee45\n";
  CHECK(uapi::encode_set_peer(peer) == head + "\n");
  peer.allowed_ips = {*IpPrefix::parse("10.30.0.0/24"), *IpPrefix::parse("2001:db8:30::/64")};
  peer.persistent_keepalive = Seconds(25);
  peer.endpoint = *Endpoint::parse("[2001:db8::1]:51820");
  CHECK(uapi::encode_set_peer(peer) == head +
                                           "endpoint=[2001:db8::1]:51820\n"
                                           "persistent_keepalive_interval=25\n"
                                           "replace_allowed_ips=true\n"
                                           "allowed_ip=10.30.0.0/24\n"
                                           "allowed_ip=2001:db8:30::/64\n"
                                           "\n");
  peer.remove = true;
  CHECK(uapi::encode_set_peer(peer) == head + "remove=true\n\n");
}
