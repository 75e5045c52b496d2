#include "relay/client_hello.hpp"

#include <algorithm>
#include <array>
#include <cassert>

#include "common/bytes/byte_reader.hpp"
#include "relay/server_name.hpp"

namespace adit::relay {

namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::uint8_t kFirstContentType = 20;  // change_cipher_spec, alert, handshake,
constexpr std::uint8_t kLastContentType = 24;   // application_data, heartbeat
constexpr std::uint8_t kHandshakeType = 22;
constexpr std::uint8_t kTlsMajor = 3;
constexpr std::uint8_t kClientHelloType = 1;
constexpr std::size_t kRandomBytes = 32;
constexpr std::size_t kMaxSessionIdBytes = 32;

constexpr std::uint16_t kServerNameExtension = 0;  // RFC 6066 §3
constexpr std::uint16_t kAlpnExtension = 16;       // RFC 7301 §3.1
constexpr std::uint16_t kEncryptedHelloExtension = 0xfe0d;

/// What reading a part of the hello came to: Complete means "go on".
struct Verdict {
  ParseStatus status = ParseStatus::Complete;
  Alert alert = Alert::DecodeError;

  [[nodiscard]] bool is_good() const { return status == ParseStatus::Complete; }
};

constexpr Verdict kGood{};
constexpr Verdict kUndecodable{ParseStatus::Malformed, Alert::DecodeError};
constexpr Verdict kAgainstTheRules{ParseStatus::Malformed, Alert::IllegalParameter};
constexpr Verdict kOverOurBounds{ParseStatus::TooLarge, Alert::IllegalParameter};

/// The types of the extensions so far, each at most once (RFC 8446 §4.2).
class SeenTypes {
 public:
  Verdict add(std::uint16_t type) {
    const auto end = types_.begin() + static_cast<std::ptrdiff_t>(count_);
    const auto place = std::lower_bound(types_.begin(), end, type);
    if (place != end && *place == type) return kAgainstTheRules;
    if (count_ == types_.size()) return kOverOurBounds;
    std::move_backward(place, end, end + 1);
    *place = type;
    ++count_;
    return kGood;
  }

 private:
  std::array<std::uint16_t, kMaxExtensions> types_{};  // sorted
  std::size_t count_ = 0;
};

Verdict read_server_name(Bytes body, ClientHello& hello) {
  ServerName found = parse_server_name_extension(body);
  if (found.kind == ServerNameKind::Malformed) return {ParseStatus::Malformed, found.alert};
  hello.has_ip_literal = found.kind == ServerNameKind::IpLiteral;
  hello.server_name = std::move(found.name);
  return kGood;
}

Verdict read_alpn(Bytes body, ClientHello& hello) {
  auto list = AlpnList::parse(body);
  if (!list) return kUndecodable;
  if (list->size_bytes() > kMaxAlpnBytes) return kOverOurBounds;
  hello.alpn = std::move(*list);
  return kGood;
}

Verdict read_extension(std::uint16_t type, Bytes body, ClientHello& hello) {
  switch (type) {
    case kServerNameExtension:
      return read_server_name(body, hello);
    case kAlpnExtension:
      return read_alpn(body, hello);
    case kEncryptedHelloExtension:
      hello.has_ech = true;
      return kGood;
    default:
      return kGood;
  }
}

Verdict read_extensions(Bytes block, ClientHello& hello) {
  ByteReader in(block);
  SeenTypes seen;
  while (!in.is_at_end()) {
    const auto type = in.u16();
    const auto body = in.vector16();
    if (!type || !body) return kUndecodable;
    if (const Verdict verdict = seen.add(*type); !verdict.is_good()) return verdict;
    if (const Verdict verdict = read_extension(*type, *body, hello); !verdict.is_good()) {
      return verdict;
    }
  }
  return kGood;
}

/// RFC 8446 §4.1.2, RFC 5246 §7.4.1.2. Every length must fit exactly; versions, cipher suites and
/// compression methods are the target's business.
Verdict read_client_hello(Bytes body, ClientHello& hello) {
  ByteReader in(body);
  const auto version = in.u16();
  const auto random = in.bytes(kRandomBytes);
  const auto session_id = in.vector8();
  const auto cipher_suites = in.vector16();
  const auto compression_methods = in.vector8();
  if (!version || !random || !session_id || !cipher_suites || !compression_methods) {
    return kUndecodable;
  }
  if (session_id->size() > kMaxSessionIdBytes || cipher_suites->empty() ||
      cipher_suites->size() % 2 != 0 || compression_methods->empty()) {
    return kUndecodable;
  }
  if (in.is_at_end()) return kGood;  // SSL 3.0 and TLS 1.0 without extensions
  const auto extensions = in.vector16();
  if (!extensions || !in.is_at_end()) return kUndecodable;
  return read_extensions(*extensions, hello);
}

/// The first `size` bytes of the handshake message, without the record headers between them. The
/// headers were checked before.
std::vector<std::uint8_t> join_fragments(Bytes all, std::size_t size) {
  std::vector<std::uint8_t> message;
  message.reserve(size);
  ByteReader in(all);
  while (message.size() < size) {
    (void)in.bytes(kRecordHeaderBytes - 2);
    const std::size_t length = *in.u16();
    const Bytes fragment = *in.bytes(std::min({length, in.remaining(), size - message.size()}));
    message.insert(message.end(), fragment.begin(), fragment.end());
  }
  return message;
}

}  // namespace

std::optional<AlpnList> AlpnList::parse(Bytes body) {
  ByteReader extension(body);
  const auto list = extension.vector16();
  if (!list || list->empty() || !extension.is_at_end()) return std::nullopt;
  ByteReader in(*list);
  while (!in.is_at_end()) {
    const auto name = in.vector8();
    if (!name || name->empty()) return std::nullopt;
  }
  AlpnList parsed;
  parsed.wire_.assign(list->begin(), list->end());
  return parsed;
}

std::vector<std::string_view> AlpnList::names() const {
  std::vector<std::string_view> found;
  std::string_view rest = wire_;
  while (!rest.empty()) {
    const std::size_t length = static_cast<std::uint8_t>(rest.front());
    found.push_back(rest.substr(1, length));
    rest.remove_prefix(1 + length);
  }
  return found;
}

bool AlpnList::contains(std::string_view protocol) const {
  std::string_view rest = wire_;
  while (!rest.empty()) {
    const std::size_t length = static_cast<std::uint8_t>(rest.front());
    if (rest.substr(1, length) == protocol) return true;
    rest.remove_prefix(1 + length);
  }
  return false;
}

ParseStatus ClientHelloReader::feed(Bytes all_bytes_so_far) {
  while (status_ == ParseStatus::NeedMore && scanned_ < all_bytes_so_far.size()) {
    const Bytes rest = all_bytes_so_far.subspan(scanned_);
    if (record_left_ > 0) {
      status_ = read_fragment(rest, all_bytes_so_far);
      continue;
    }
    status_ = read_record_header(rest);
    if (record_left_ == 0) break;  // the header is not whole, or was refused
  }
  return status_;
}

ParseStatus ClientHelloReader::refuse(ParseStatus status, Alert alert) {
  hello_ = {};
  alert_ = alert;
  return status;
}

/// At the start of a record; looks again at a header that is not whole yet, so each byte is judged
/// as soon as it is here.
ParseStatus ClientHelloReader::read_record_header(Bytes rest) {
  if (records_ == kMaxHelloRecords) return refuse(ParseStatus::TooLarge, Alert::IllegalParameter);
  const bool is_first = records_ == 0;
  const std::uint8_t type = rest[0];
  if (is_first && (type < kFirstContentType || type > kLastContentType)) {
    return refuse(ParseStatus::NotTls, Alert::DecodeError);
  }
  if (!is_first && type != kHandshakeType) {
    return refuse(ParseStatus::Malformed, Alert::UnexpectedMessage);
  }
  if (rest.size() < 2) return ParseStatus::NeedMore;
  if (rest[1] != kTlsMajor) {
    return is_first ? refuse(ParseStatus::NotTls, Alert::DecodeError)
                    : refuse(ParseStatus::Malformed, Alert::ProtocolVersion);
  }
  if (type != kHandshakeType) return refuse(ParseStatus::Malformed, Alert::UnexpectedMessage);
  if (rest.size() < kRecordHeaderBytes) return ParseStatus::NeedMore;
  const std::size_t length = (std::size_t{rest[3]} << 8) | rest[4];
  if (length > kMaxRecordBytes) return refuse(ParseStatus::Malformed, Alert::RecordOverflow);
  if (length == 0) return refuse(ParseStatus::Malformed, Alert::UnexpectedMessage);
  ++records_;
  record_left_ = static_cast<std::uint32_t>(length);
  scanned_ += kRecordHeaderBytes;
  return ParseStatus::NeedMore;
}

/// Within a record: counts what came of the handshake message, and reads it once it is whole.
ParseStatus ClientHelloReader::read_fragment(Bytes rest, Bytes all) {
  const Bytes fragment = rest.first(std::min<std::size_t>(rest.size(), record_left_));
  if (message_bytes_ < kHandshakeHeaderBytes) {
    const ParseStatus status = read_handshake_header(fragment);
    if (status != ParseStatus::NeedMore) return status;
  }
  const auto size = static_cast<std::uint32_t>(fragment.size());
  scanned_ += size;
  record_left_ -= size;
  message_bytes_ += size;
  const bool is_whole = message_bytes_ >= kHandshakeHeaderBytes &&
                        message_bytes_ >= kHandshakeHeaderBytes + body_bytes();
  return is_whole ? read_message(all) : ParseStatus::NeedMore;
}

/// msg_type u8 | length u24, perhaps in parts; `fragment` starts at byte message_bytes_ of it.
ParseStatus ClientHelloReader::read_handshake_header(Bytes fragment) {
  const std::size_t missing = kHandshakeHeaderBytes - message_bytes_;
  const std::size_t here = std::min(missing, fragment.size());
  for (const std::uint8_t byte : fragment.first(here)) {
    message_header_ = (message_header_ << 8) | byte;
  }
  if (message_bytes_ == 0 && fragment[0] != kClientHelloType) {
    return refuse(ParseStatus::Malformed, Alert::UnexpectedMessage);
  }
  if (here == missing && body_bytes() > kMaxHelloBytes) {
    return refuse(ParseStatus::TooLarge, Alert::IllegalParameter);
  }
  return ParseStatus::NeedMore;
}

ParseStatus ClientHelloReader::read_message(Bytes all) {
  const std::size_t size = kHandshakeHeaderBytes + body_bytes();
  std::vector<std::uint8_t> joined;
  Bytes message;
  if (records_ == 1) {
    message = all.subspan(kRecordHeaderBytes, size);  // as nearly all are: read where it lies
  } else {
    joined = join_fragments(all, size);
    message = joined;
  }
  const Verdict verdict = read_client_hello(message.subspan(kHandshakeHeaderBytes), hello_);
  if (!verdict.is_good()) return refuse(verdict.status, verdict.alert);
  return ParseStatus::Complete;
}

}  // namespace adit::relay
