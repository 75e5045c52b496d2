#include "relay/tls_check.hpp"

#include <array>

#include "common/bytes/byte_writer.hpp"

namespace adit::relay {

namespace {

constexpr std::uint8_t kAlertRecord = 21;
constexpr std::uint8_t kHandshakeRecord = 22;
constexpr std::uint16_t kTls10 = 0x0301;
constexpr std::uint16_t kTls12 = 0x0303;

void vector8(ByteWriter& out, std::span<const std::uint8_t> value) {
  out.u8(static_cast<std::uint8_t>(value.size()));
  out.bytes(value);
}

void vector16(ByteWriter& out, std::span<const std::uint8_t> value) {
  out.u16(static_cast<std::uint16_t>(value.size()));
  out.bytes(value);
}

template <std::size_t kCount>
std::vector<std::uint8_t> numbers(const std::array<std::uint16_t, kCount>& values) {
  ByteWriter out;
  for (const std::uint16_t value : values) out.u16(value);
  return out.take();
}

/// RFC 6066 3: list length(2) type(1)=host_name length(2) name
void add_server_name(ByteWriter& out, std::string_view name) {
  ByteWriter entry;
  entry.u8(0);
  entry.u16(static_cast<std::uint16_t>(name.size()));
  entry.text(name);
  ByteWriter list;
  vector16(list, entry.view());
  out.u16(0);
  vector16(out, list.view());
}

void add_extensions(ByteWriter& out, std::string_view server_name) {
  constexpr std::array<std::uint16_t, 4> kGroups{29, 23, 24, 25};  // x25519, P-256, P-384, P-521
  constexpr std::array<std::uint16_t, 9> kSignatures{0x0403, 0x0503, 0x0603, 0x0807, 0x0804,
                                                     0x0805, 0x0806, 0x0401, 0x0501};
  if (!server_name.empty()) add_server_name(out, server_name);
  ByteWriter groups;
  vector16(groups, numbers(kGroups));
  out.u16(10);
  vector16(out, groups.view());
  constexpr std::array<std::uint8_t, 2> kUncompressed{1, 0};
  out.u16(11);
  vector16(out, kUncompressed);
  ByteWriter signatures;
  vector16(signatures, numbers(kSignatures));
  out.u16(13);
  vector16(out, signatures.view());
  constexpr std::array<std::uint8_t, 5> kVersions{4, 0x03, 0x04, 0x03, 0x03};
  out.u16(43);
  vector16(out, kVersions);
  // key_share with none: a server of TLS 1.3 asks for one (HelloRetryRequest), which is enough.
  constexpr std::array<std::uint8_t, 2> kNoShare{0, 0};
  out.u16(51);
  vector16(out, kNoShare);
}

}  // namespace

/// RFC 8446 4.1.2: version(2) random(32) session_id<0..32> cipher_suites<2..> compression<1..>
/// extensions<8..>, in a handshake message type(1) length(3), in a record type(1) version(2)
/// length(2)
std::vector<std::uint8_t> check_hello(std::string_view server_name) {
  constexpr std::array<std::uint16_t, 11> kCiphers{0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c,
                                                   0xc030, 0xcca9, 0xcca8, 0x009c, 0x002f};
  constexpr std::array<std::uint8_t, 1> kNoCompression{0};
  ByteWriter hello;
  hello.u16(kTls12);
  for (std::uint8_t i = 0; i < 32; ++i) hello.u8(i);  // "random": no key comes of it
  hello.u8(0);
  vector16(hello, numbers(kCiphers));
  vector8(hello, kNoCompression);
  ByteWriter extensions;
  add_extensions(extensions, server_name);
  vector16(hello, extensions.view());
  ByteWriter message;
  message.u8(1);
  message.u24(static_cast<std::uint32_t>(hello.size()));
  message.bytes(hello.view());
  ByteWriter record;
  record.u8(kHandshakeRecord);
  record.u16(kTls10);
  vector16(record, message.view());
  return record.take();
}

CheckAnswer judge_answer(std::span<const std::uint8_t> answer) {
  constexpr std::uint8_t kMajorVersion = 3;
  if (answer.empty()) return CheckAnswer::NeedMore;
  if (answer[0] != kHandshakeRecord && answer[0] != kAlertRecord) return CheckAnswer::NotTls;
  if (answer.size() < kCheckAnswerBytes) return CheckAnswer::NeedMore;
  return answer[1] == kMajorVersion ? CheckAnswer::Alive : CheckAnswer::NotTls;
}

}  // namespace adit::relay
