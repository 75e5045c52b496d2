// Bytes as Debian's kernel 6.1.0-56-cloud-amd64 sent them (strace of wg_driver in a virtual
// machine), little-endian; only the private key in them was made for this test.
#include "controller/wireguard/netlink_codec.hpp"

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/wireguard.h>

#include "tests/support/catch.hpp"
#include "tests/unit/wireguard/hex.hpp"

using namespace adit;
using namespace adit::wireguard;
using namespace adit::wireguard::netlink;
using adit::test::from_hex;

namespace {

constexpr std::uint16_t kFamily = 0x20;

MessageView view_of(const Message& message) {
  return split_datagram(message)->front();
}

PublicKey key_of(std::uint8_t fill) {
  PublicKey key;
  key.bytes.fill(fill);
  return key;
}

IpPrefix prefix(std::string_view text) {
  return *IpPrefix::parse(text);
}

const std::vector<std::uint8_t> kDump = from_hex(R"(
    f0 01 00 00 20 00 02 00 02 00 00 00 7f 00 00 00     # 496 bytes, family 0x20, NLM_F_MULTI
    00 01 00 00                                         # WG_CMD_GET_DEVICE, version 1
    06 00 06 00 6c ca 00 00                             # listen port 51820
    08 00 07 00 00 00 00 00                             # fwmark 0
    08 00 01 00 02 00 00 00                             # ifindex 2
    0a 00 02 00 61 64 69 74 30 00 00 00                 # "adit0"
    24 00 03 00 70 70 70 70 70 70 70 70 70 70 70 70 70 70 70 70   # private key: skipped
                70 70 70 70 70 70 70 70 70 70 70 70 70 70 70 70
    24 00 04 00 9b c4 bb 1f 9e a6 50 70 eb ee aa 01 e2 68 fd 4a   # public key
                0d b9 31 99 6a 9b 4c eb c9 e6 80 60 ea e8 0b 79
    70 01 08 80                                         # peers
     e4 00 00 80                                        # a peer
      24 00 01 00 99 0e d9 c8 1f 6c 0b 75 49 e2 d0 36 b6 ae 31 62   # public key
                  35 e7 13 93 7c 87 a7 13 cc 58 75 98 fd 2b ee 45
      24 00 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00   # preshared key: none
                  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
      14 00 06 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00   # latest handshake: never
      06 00 05 00 19 00 00 00                           # persistent keepalive 25
      0c 00 08 00 10 27 00 00 00 00 00 00               # sent 10000
      0c 00 07 00 01 00 00 00 00 00 00 00               # received 1
      08 00 0a 00 01 00 00 00                           # protocol version 1
      14 00 04 00 02 00 ca 6c c0 00 02 01 00 00 00 00 00 00 00 00   # endpoint 192.0.2.1:51820
      48 00 09 80                                       # AllowedIPs
       1c 00 00 80                                      # the mask stands first here
        05 00 03 00 20 00 00 00                         # /32
        06 00 01 00 02 00 00 00                         # AF_INET
        08 00 02 00 0a 62 00 0a                         # 10.98.0.10
       28 00 00 80
        05 00 03 00 40 00 00 00                         # /64
        06 00 01 00 0a 00 00 00                         # AF_INET6
        14 00 02 00 20 01 0d b8 00 30 00 00 00 00 00 00 00 00 00 00   # 2001:db8:30::
     88 00 00 80                                        # another peer, with nothing set
      24 00 01 00 3a cb 3f 29 0d 98 e8 64 d5 1f ec d6 bc 65 34 ea
                  fa 48 04 74 63 6b 1e a1 38 4a 69 9b 9c 39 15 5f
      24 00 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
                  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
      14 00 06 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
      06 00 05 00 00 00 00 00
      0c 00 08 00 00 00 00 00 00 00 00 00
      0c 00 07 00 00 00 00 00 00 00 00 00
      08 00 0a 00 01 00 00 00)");

}  // namespace

TEST_CASE("netlink_codec: GETFAMILY asks by name and finds the number", "[wireguard]") {
  CHECK(encode_get_family("wireguard") == from_hex(R"(
      24 00 00 00 10 00 05 00 00 00 00 00 00 00 00 00   # GENL_ID_CTRL, NLM_F_REQUEST | NLM_F_ACK
      03 01 00 00                                       # CTRL_CMD_GETFAMILY
      0e 00 02 00 77 69 72 65 67 75 61 72 64 00 00 00)"));  // CTRL_ATTR_FAMILY_NAME "wireguard"
  const auto answer = from_hex(R"(
      4c 00 00 00 10 00 00 00 01 00 00 00 7f 00 00 00
      01 02 00 00                                       # CTRL_CMD_NEWFAMILY
      0e 00 02 00 77 69 72 65 67 75 61 72 64 00 00 00   # name
      06 00 01 00 20 00 00 00                           # CTRL_ATTR_FAMILY_ID 32
      08 00 03 00 01 00 00 00                           # version 1
      08 00 04 00 00 00 00 00                           # header size
      08 00 05 00 08 00 00 00                           # maxattr
      08 00 63 00 00 00 00 00)");                           // a type that nobody knows: skipped
  CHECK(*decode_get_family(view_of(answer)) == 32);
  CHECK_FALSE(decode_get_family(view_of(encode_get_family("wireguard"))));
}

TEST_CASE("netlink_codec: GET_DEVICE is a dump by name", "[wireguard]") {
  CHECK(encode_get_device(kFamily, "adit0") == from_hex(R"(
      20 00 00 00 20 00 05 03 00 00 00 00 00 00 00 00   # NLM_F_REQUEST | NLM_F_ACK | NLM_F_DUMP
      00 01 00 00                                       # WG_CMD_GET_DEVICE, version 1
      0a 00 02 00 61 64 69 74 30 00 00 00)"));  // "adit0"
}

TEST_CASE("netlink_codec: a device as a kernel reports it", "[wireguard]") {
  DeviceDump dump;
  REQUIRE(dump.add(view_of(kDump)));
  const auto device = dump.take();
  CHECK(device.interface == "adit0");
  CHECK(device.listen_port == 51820);
  CHECK(device.public_key->base64() == "m8S7H56mUHDr7qoB4mj9Sg25MZlqm0zryeaAYOroC3k=");
  REQUIRE(device.peers.size() == 2);
  const auto& quiet = device.peers[0];  // sorted by key: the other way round than in the dump
  CHECK(quiet.public_key.base64() == "Oss/KQ2Y6GTVH+zWvGU06vpIBHRjax6hOEppm5w5FV8=");
  CHECK_FALSE(quiet.endpoint);
  CHECK(quiet.allowed_ips.empty());
  const auto& peer = device.peers[1];
  CHECK(peer.endpoint->to_string() == "192.0.2.1:51820");
  CHECK(peer.allowed_ips == std::vector{prefix("10.98.0.10/32"), prefix("2001:db8:30::/64")});
  CHECK(peer.persistent_keepalive == Seconds(25));
  CHECK(peer.latest_handshake == 0);
  CHECK(peer.received_bytes == 1);
  CHECK(peer.sent_bytes == 10000);
}

TEST_CASE("netlink_codec: no cut of a dump is read past its end", "[wireguard]") {
  for (std::size_t size = 16; size < kDump.size(); ++size) {
    CAPTURE(size);
    Message cut(kDump.begin(), kDump.begin() + static_cast<std::ptrdiff_t>(size));
    cut[0] = static_cast<std::uint8_t>(size);
    cut[1] = static_cast<std::uint8_t>(size >> 8);
    DeviceDump dump;
    (void)dump.add(view_of(cut));  // may be an error, must not be a crash (sanitizers look on)
    CHECK(dump.take().peers.size() <= 2);
  }
}

TEST_CASE("netlink_codec: a peer that comes in two messages is one peer", "[wireguard]") {
  DeviceChange first{
      "adit0", {}, {}, {{key_of(1), false, {{prefix("10.0.0.2/32")}}, Seconds(25), {}}}};
  DeviceChange second{"adit0", {}, {}, {{key_of(1), false, {{prefix("10.0.0.1/32")}}, {}, {}}}};
  DeviceDump dump;
  REQUIRE(dump.add(view_of(encode_set_device(kFamily, first).front())));
  REQUIRE(dump.add(view_of(encode_set_device(kFamily, second).front())));
  const auto device = dump.take();
  REQUIRE(device.peers.size() == 1);
  CHECK(device.peers[0].persistent_keepalive == Seconds(25));
  CHECK(device.peers[0].allowed_ips == std::vector{prefix("10.0.0.1/32"), prefix("10.0.0.2/32")});
}

TEST_CASE("netlink_codec: SET_DEVICE of one peer, byte for byte", "[wireguard]") {
  PeerChange peer;
  peer.public_key = *PublicKey::parse("mQ7ZyB9sC3VJ4tA2tq4xYjXnE5N8h6cTzFh1mP0r7kU=");
  peer.allowed_ips = {prefix("10.98.0.10/32"), prefix("2001:db8:30::/64")};
  peer.persistent_keepalive = Seconds(25);
  peer.endpoint = *Endpoint::parse("192.0.2.1:51820");
  const auto messages = encode_set_device(kFamily, {"adit0", {}, {}, {peer}});
  REQUIRE(messages.size() == 1);
  CHECK(messages[0] == from_hex(R"(
      b8 00 00 00 20 00 05 00 00 00 00 00 00 00 00 00   # NLM_F_REQUEST | NLM_F_ACK
      01 01 00 00                                       # WG_CMD_SET_DEVICE, version 1
      0a 00 02 00 61 64 69 74 30 00 00 00               # "adit0"; no device flags: others stay
      98 00 08 80                                       # peers
       94 00 00 80
        24 00 01 00 99 0e d9 c8 1f 6c 0b 75 49 e2 d0 36 b6 ae 31 62
                    35 e7 13 93 7c 87 a7 13 cc 58 75 98 fd 2b ee 45
        08 00 03 00 02 00 00 00                         # WGPEER_F_REPLACE_ALLOWEDIPS
        06 00 05 00 19 00 00 00                         # keepalive 25
        14 00 04 00 02 00 ca 6c c0 00 02 01 00 00 00 00 00 00 00 00
        48 00 09 80
         1c 00 00 80
          06 00 01 00 02 00 00 00
          08 00 02 00 0a 62 00 0a
          05 00 03 00 20 00 00 00
         28 00 00 80
          06 00 01 00 0a 00 00 00
          14 00 02 00 20 01 0d b8 00 30 00 00 00 00 00 00 00 00 00 00
          05 00 03 00 40 00 00 00)"));
}

TEST_CASE("netlink_codec: what is not given is not sent", "[wireguard]") {
  const auto messages =
      encode_set_device(kFamily, {"adit0", {}, 51820, {{key_of(1), true, {}, {}, {}}}});
  CHECK(messages[0] == from_hex(R"(
      60 00 00 00 20 00 05 00 00 00 00 00 00 00 00 00
      01 01 00 00
      0a 00 02 00 61 64 69 74 30 00 00 00
      06 00 06 00 6c ca 00 00                           # listen port 51820
      38 00 08 80
       34 00 00 80
        24 00 01 00 01 01 01 01 01 01 01 01 01 01 01 01 01 01 01 01
                    01 01 01 01 01 01 01 01 01 01 01 01 01 01 01 01
        08 00 03 00 01 00 00 00                         # WGPEER_F_REMOVE_ME
        04 00 09 80)"));  // an empty list changes nothing
}

TEST_CASE("netlink_codec: a large set is split, and only the first part replaces", "[wireguard]") {
  PeerChange peer{key_of(9), false, std::vector<IpPrefix>{}, Seconds(25), {}};
  const auto first = *IpAddress::parse("10.128.0.0");
  for (std::uint32_t i = 0; i < 3000; ++i) peer.allowed_ips->emplace_back(first.plus(i), 32);
  DeviceChange change{
      "adit0", *PrivateKey::generate(), 51820, {peer, {key_of(10), true, {}, {}, {}}}};
  const auto messages = encode_set_device(kFamily, change);
  REQUIRE(messages.size() == 3);
  // All the room from the start: a buffer that grows leaves a copy of the key where it was.
  CHECK(messages[0].capacity() == kMaxSetMessage);
  DeviceDump dump;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    CAPTURE(i);
    CHECK(messages[i].size() <= kMaxSetMessage);
    REQUIRE(dump.add(view_of(messages[i])));
    const auto attributes =
        *parse_attributes(view_of(messages[i]).after_header(sizeof(genlmsghdr)));
    const bool has_private_key =
        std::any_of(attributes.begin(), attributes.end(),
                    [](const auto& a) { return a.type == WGDEVICE_A_PRIVATE_KEY; });
    CHECK(has_private_key == (i == 0));
    const auto peers = *parse_attributes(attributes.back().payload);
    const auto fields = *parse_attributes(peers.front().payload);
    REQUIRE(fields.size() >= 2);
    CHECK((fields[1].type == WGPEER_A_FLAGS) == (i == 0));
  }
  const auto device = dump.take();
  REQUIRE(device.peers.size() == 2);
  CHECK(device.peers[0].allowed_ips == *peer.allowed_ips);
  CHECK(device.peers[0].persistent_keepalive == Seconds(25));
}

TEST_CASE("netlink_codec: nonsense in a dump is an error", "[wireguard]") {
  const auto* const text =
      GENERATE(as<const char*>{},
               "0c 00 08 80 08 00 00 80 04 00 09 80",   // a peer without a public key
               "08 00 08 80 ff 00 00 80",               // a peer longer than the message
               "0c 00 08 80 08 00 00 80 06 00 01 00");  // a key cut off
  CAPTURE(text);
  auto message = MessageWriter(kFamily, 0, from_hex("00 01 00 00")).take();
  const auto attributes = from_hex(text);
  message.insert(message.end(), attributes.begin(), attributes.end());
  message[0] = static_cast<std::uint8_t>(message.size());
  DeviceDump dump;
  const auto added = dump.add(view_of(message));
  REQUIRE_FALSE(added);
  CHECK(added.error().code == Errc::Protocol);
}
