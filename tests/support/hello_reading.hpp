// Reads a hello in one piece, byte by byte and in every other way a stream may come, each prefix in
// an allocation of its own so that AddressSanitizer sees any read behind it.
#pragma once

#include <cstddef>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>

#include "relay/client_hello.hpp"
#include "tests/support/bytes.hpp"
#include "tests/support/catch.hpp"

namespace adit::relay {

inline std::ostream& operator<<(std::ostream& out, ParseStatus status) {
  constexpr std::string_view kNames[] = {"NeedMore", "Complete", "NotTls", "Malformed", "TooLarge"};
  return out << kNames[static_cast<std::size_t>(status)];
}

inline std::ostream& operator<<(std::ostream& out, Alert alert) {
  return out << "alert " << static_cast<int>(alert);
}

}  // namespace adit::relay

namespace adit::test {

/// What reading came to, as values that compare.
struct HelloResult {
  relay::ParseStatus status = relay::ParseStatus::NeedMore;
  relay::Alert alert = relay::Alert::DecodeError;  ///< set for Malformed and TooLarge
  relay::ClientHello hello;                        ///< set for Complete
  std::size_t bytes = 0;                           ///< after how many the answer stood

  bool operator==(const HelloResult&) const = default;
};

inline HelloResult result_of(relay::ClientHelloReader& reader, relay::ParseStatus status) {
  HelloResult result;
  result.status = status;
  if (status == relay::ParseStatus::Complete) result.hello = reader.hello();
  if (status == relay::ParseStatus::Malformed || status == relay::ParseStatus::TooLarge) {
    result.alert = reader.alert();
  }
  return result;
}

inline HelloResult read_whole(const Bytes& stream) {
  relay::ClientHelloReader reader;
  const relay::ParseStatus status = reader.feed(stream);
  return result_of(reader, status);
}

/// Byte by byte; `bytes` says when the answer was there.
inline HelloResult read_byte_by_byte(const Bytes& stream) {
  relay::ClientHelloReader reader;
  relay::ParseStatus status = reader.feed({});
  std::size_t size = 0;
  while (status == relay::ParseStatus::NeedMore && size < stream.size()) {
    ++size;
    status = reader.feed(prefix(stream, size));
  }
  HelloResult result = result_of(reader, status);
  result.bytes = size;
  return result;
}

/// In one piece, having required that byte by byte and at every cut in two it is the same.
inline HelloResult read_every_way(const Bytes& stream) {
  const HelloResult whole = read_whole(stream);
  HelloResult drip = read_byte_by_byte(stream);
  drip.bytes = 0;
  CHECK(drip == whole);
  for (std::size_t cut = 0; cut < stream.size(); ++cut) {
    relay::ClientHelloReader reader;
    (void)reader.feed(prefix(stream, cut));
    const relay::ParseStatus status = reader.feed(stream);
    if (result_of(reader, status) == whole) continue;
    CAPTURE(cut);
    CHECK(result_of(reader, status) == whole);
  }
  return whole;
}

/// The server name of a result, "" for none; for comparisons that print well.
inline std::string name_in(const HelloResult& result) {
  return result.hello.server_name ? result.hello.server_name->wire_text() : std::string();
}

}  // namespace adit::test
