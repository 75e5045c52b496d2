#include "tests/support/client_hello_builder.hpp"

#include <algorithm>
#include <cstddef>

#include "common/bytes/byte_writer.hpp"

namespace adit::test {

namespace {

constexpr std::size_t kBrowserRecordBytes = 517;

Bytes some_bytes(std::size_t size, std::uint8_t seed) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(seed + i * 37);
  return bytes;
}

Bytes key_share(std::initializer_list<std::pair<std::uint16_t, std::size_t>> shares) {
  ByteWriter out;
  for (const auto& [group, size] : shares) {
    out.u16(group);
    out.bytes(vector16(some_bytes(size, 3)));
  }
  return vector16(out.take());
}

}  // namespace

Bytes vector16(const Bytes& content) {
  ByteWriter out;
  out.u16(static_cast<std::uint16_t>(content.size()));
  out.bytes(content);
  return out.take();
}

Bytes vector8(const Bytes& content) {
  ByteWriter out;
  out.u8(static_cast<std::uint8_t>(content.size()));
  out.bytes(content);
  return out.take();
}

Bytes server_name_list(std::initializer_list<std::pair<std::uint8_t, std::string_view>> entries) {
  ByteWriter out;
  for (const auto& [type, name] : entries) {
    out.u8(type);
    out.bytes(vector16(bytes_of(name)));
  }
  return vector16(out.take());
}

Bytes alpn_list(std::initializer_list<std::string_view> names) {
  ByteWriter out;
  for (const std::string_view name : names) out.bytes(vector8(bytes_of(name)));
  return vector16(out.take());
}

ClientHelloBuilder& ClientHelloBuilder::version(std::uint16_t value) {
  version_ = value;
  return *this;
}

ClientHelloBuilder& ClientHelloBuilder::session_id(std::size_t size) {
  session_id_ = size;
  return *this;
}

ClientHelloBuilder& ClientHelloBuilder::cipher_suites(Bytes content) {
  cipher_suites_ = std::move(content);
  return *this;
}

ClientHelloBuilder& ClientHelloBuilder::compression(Bytes content) {
  compression_ = std::move(content);
  return *this;
}

ClientHelloBuilder& ClientHelloBuilder::extension(std::uint16_t type, Bytes body) {
  ByteWriter out;
  out.u16(type);
  out.bytes(vector16(body));
  empty_extensions();
  const auto written = out.view();
  extensions_->insert(extensions_->end(), written.begin(), written.end());
  return *this;
}

ClientHelloBuilder& ClientHelloBuilder::empty_extensions() {
  if (!extensions_) extensions_.emplace();
  return *this;
}

ClientHelloBuilder& ClientHelloBuilder::server_name(std::string_view name) {
  return extension(kServerName, server_name_list({{0, name}}));
}

ClientHelloBuilder& ClientHelloBuilder::alpn(std::initializer_list<std::string_view> names) {
  return extension(kAlpn, alpn_list(names));
}

ClientHelloBuilder& ClientHelloBuilder::trailing(Bytes content) {
  trailing_ = std::move(content);
  return *this;
}

ClientHelloBuilder& ClientHelloBuilder::extensions_length_off_by(int delta) {
  extensions_length_delta_ = delta;
  return *this;
}

Bytes ClientHelloBuilder::body() const {
  ByteWriter out;
  out.u16(version_);
  out.bytes(some_bytes(32, 0x11));  // random
  out.bytes(vector8(some_bytes(session_id_, 0x22)));
  out.bytes(vector16(cipher_suites_));
  out.bytes(vector8(compression_));
  if (extensions_) {
    const int length = static_cast<int>(extensions_->size()) + extensions_length_delta_;
    out.u16(static_cast<std::uint16_t>(length));
    out.bytes(*extensions_);
  }
  out.bytes(trailing_);
  return out.take();
}

Bytes ClientHelloBuilder::message() const {
  return handshake(1, body());
}

Bytes ClientHelloBuilder::record() const {
  return test::record(message());
}

Bytes record(const Bytes& fragment, std::uint16_t version, std::uint8_t type) {
  ByteWriter out;
  out.u8(type);
  out.u16(version);
  out.bytes(vector16(fragment));
  return out.take();
}

Bytes records_of(const Bytes& message, std::size_t fragment) {
  ByteWriter out;
  for (std::size_t at = 0; at < message.size(); at += fragment) {
    const auto part = std::span(message).subspan(at, std::min(fragment, message.size() - at));
    out.bytes(record({part.begin(), part.end()}));
  }
  return out.take();
}

Bytes two_records(const Bytes& message, std::size_t cut) {
  const auto at = message.begin() + static_cast<std::ptrdiff_t>(cut);
  return join({record({message.begin(), at}), record({at, message.end()})});
}

Bytes handshake(std::uint8_t type, const Bytes& body) {
  ByteWriter out;
  out.u8(type);
  out.u24(static_cast<std::uint32_t>(body.size()));
  out.bytes(body);
  return out.take();
}

ClientHelloBuilder browser_hello(std::string_view name) {
  ClientHelloBuilder hello;
  hello.session_id(32)
      .cipher_suites({0x1a, 0x1a, 0x13, 0x01, 0x13, 0x02, 0x13, 0x03, 0xc0, 0x2b, 0xc0, 0x2f})
      .extension(0x2a2a, {})  // GREASE, RFC 8701
      .server_name(name)
      .extension(23, {})  // extended_master_secret
      .extension(kRenegotiationInfo, {0})
      .extension(kSupportedGroups, vector16({0x3a, 0x3a, 0, 29, 0, 23}))
      .extension(kSessionTicket, {})
      .alpn({"h2", "http/1.1"})
      .extension(kSupportedVersions, vector8({0x4a, 0x4a, 3, 4, 3, 3}))
      .extension(kKeyShare, key_share({{0x3a3a, 1}, {29, 32}}))
      .extension(0x5a5a, {0});
  const std::size_t size = hello.record().size() + 4;
  if (size < kBrowserRecordBytes) hello.extension(kPadding, Bytes(kBrowserRecordBytes - size));
  return hello;
}

ClientHelloBuilder post_quantum_hello(std::string_view name) {
  ClientHelloBuilder hello;
  hello.session_id(32)
      .cipher_suites({0x1a, 0x1a, 0x13, 0x01, 0x13, 0x02, 0x13, 0x03, 0xc0, 0x2b, 0xc0, 0x2f})
      .extension(0x6a6a, {})
      .extension(kKeyShare, key_share({{0x3a3a, 1}, {0x11ec, 1216}, {29, 32}}))
      .extension(kEch, some_bytes(250, 9))
      .server_name(name)
      .alpn({"h2", "http/1.1"})
      .extension(kSupportedGroups, vector16({0x3a, 0x3a, 0x11, 0xec, 0, 29}))
      .extension(kSupportedVersions, vector8({0x4a, 0x4a, 3, 4, 3, 3}))
      .extension(13, vector16(some_bytes(16, 4)))  // signature_algorithms
      .extension(kSessionTicket, some_bytes(190, 5))
      .extension(0x7a7a, {0});
  return hello;
}

}  // namespace adit::test
