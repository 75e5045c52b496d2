// Headers and numbers as a kernel wrote them (Debian's 6.1.0-56-cloud-amd64), little-endian.
#include "controller/wireguard/netlink_message.hpp"

#include <cerrno>

#include <linux/netlink.h>

#include "tests/support/catch.hpp"
#include "tests/unit/wireguard/hex.hpp"

using namespace adit;
using namespace adit::wireguard::netlink;
using adit::test::from_hex;

TEST_CASE("netlink_message: an attribute is padded, a nest counts its content", "[wireguard]") {
  const auto header = from_hex("01 02 00 00");
  MessageWriter writer(0x20, NLM_F_REQUEST | NLM_F_ACK, header);
  const auto nest = writer.begin_nest(8);
  writer.u16(5, 25);
  writer.text(2, "wg0");
  writer.end_nest(nest);
  writer.u8(3, 24);
  CHECK(writer.take() == from_hex(R"(
      30 00 00 00 20 00 05 00 00 00 00 00 00 00 00 00   # length 48, type, flags, sequence, port id
      01 02 00 00                                       # the family's header
      14 00 08 80                                       # nest of type 8, flagged as such: 20 bytes
        06 00 05 00 19 00 00 00                         # u16, 6 bytes padded to 8
        08 00 02 00 77 67 30 00                         # "wg0" with its NUL
      05 00 03 00 18 00 00 00)"));  // u8
}

TEST_CASE("netlink_message: a sequence number is put into a finished message", "[wireguard]") {
  auto message = MessageWriter(1, 2, {}).take();
  set_sequence(message, 0x01020304);
  CHECK(message == from_hex("10 00 00 00 01 00 02 00 04 03 02 01 00 00 00 00"));
}

TEST_CASE("netlink_message: attributes of every width", "[wireguard]") {
  const auto bytes = from_hex(R"(
      05 00 01 00 18 00 00 00                           # 1 byte
      08 00 02 80 01 02 03 04                           # 4 bytes; the nest flag is taken off
      06 00 03 00 61 62)");  // the last one lacks its padding: good
  const auto attributes = parse_attributes(bytes);
  REQUIRE(attributes);
  REQUIRE(attributes->size() == 3);
  CHECK((*attributes)[0].u8() == 0x18);
  CHECK_FALSE((*attributes)[0].u16());
  CHECK((*attributes)[1].type == 2);
  CHECK((*attributes)[1].u32() == 0x04030201U);
  CHECK_FALSE((*attributes)[1].u64());
  CHECK((*attributes)[1].address()->to_string() == "1.2.3.4");
  CHECK((*attributes)[2].text() == "ab");
  CHECK_FALSE((*attributes)[2].address());
}

TEST_CASE("netlink_message: lengths that do not fit are refused", "[wireguard]") {
  const auto* const text = GENERATE(as<const char*>{},
                                    "03 00 01 00",               // shorter than its header
                                    "00 00 00 00",               // would never advance
                                    "09 00 01 00 00 00 00 00");  // longer than what is there
  CAPTURE(text);
  const auto attributes = parse_attributes(from_hex(text));
  REQUIRE_FALSE(attributes);
  CHECK(attributes.error().code == Errc::Protocol);
}

TEST_CASE("netlink_message: a datagram is split into its messages", "[wireguard]") {
  const auto datagram = from_hex(R"(
      12 00 00 00 10 00 02 00 05 00 00 00 00 00 00 00  aa bb 00 00   # 18 bytes, padded to 20
      14 00 00 00 03 00 02 00 05 00 00 00 00 00 00 00  00 00 00 00)");  // NLMSG_DONE, status 0
  const auto messages = split_datagram(datagram);
  REQUIRE(messages);
  REQUIRE(messages->size() == 2);
  CHECK((*messages)[0].type == 0x10);
  CHECK((*messages)[0].sequence == 5);
  CHECK((*messages)[0].payload.size() == 2);
  CHECK((*messages)[0].after_header(4).empty());
  CHECK(parse_acknowledgement((*messages)[1])->sys_errno == 0);
  for (std::size_t size = 1; size < datagram.size(); ++size) {
    CAPTURE(size);
    const auto part = split_datagram(Bytes(datagram).first(size));
    const bool is_boundary = size == 18 || size == 19 || size == 20;
    CHECK(part.has_value() == is_boundary);
  }
}

TEST_CASE("netlink_message: an error with the kernel's own text", "[wireguard]") {
  const auto datagram = from_hex(R"(
      4c 00 00 00 02 00 00 03 01 00 00 00 7f 00 00 00   # NLMSG_ERROR, NLM_F_CAPPED | NLM_F_ACK_TLVS
      a1 ff ff ff                                       # -95 EOPNOTSUPP
      34 00 00 00 10 00 05 06 01 00 00 00 00 00 00 00   # our request's header alone: capped
      18 00 01 00 55 6e 6b 6e 6f 77 6e 20 64 65 76 69 63 65 20 74 79 70 65 00   # "Unknown device type"
      )");
  auto fitted = datagram;
  fitted[0] = static_cast<std::uint8_t>(fitted.size());
  const auto messages = split_datagram(fitted);
  REQUIRE(messages);
  const auto acknowledgement = parse_acknowledgement(messages->front());
  REQUIRE(acknowledgement);
  CHECK(acknowledgement->sys_errno == EOPNOTSUPP);
  CHECK(acknowledgement->text == "Unknown device type");
}

TEST_CASE("netlink_message: an error without a number is refused", "[wireguard]") {
  MessageView message;
  message.type = NLMSG_ERROR;
  CHECK_FALSE(parse_acknowledgement(message));
  message.type = NLMSG_DONE;  // an old kernel's
  CHECK(parse_acknowledgement(message)->sys_errno == 0);
}
