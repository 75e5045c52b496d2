// HttpHeadReader: the head of the first HTTP/1 request of a connection: which host it is for, and
// what the relay needs to answer it by itself. PURE: no fd, no clock.
//
//   head          CRLF* request-line field-line* CRLF                       (RFC 9112 §2.1, §2.2)
//   request-line  method SP request-target SP "HTTP/1." DIGIT CRLF          (§3)
//   field-line    name ":" OWS value OWS CRLF                               (§5)
//
// Strict wherever being lenient could make relay and target read different requests (§11.2): a bare
// CR or LF, a folded line, a space before the colon, a second Host are malformed. What follows the
// head is payload and never looked at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "common/host_name.hpp"

namespace adit::relay {

/// The longest head that is read, its last CRLF CRLF included.
inline constexpr std::size_t kMaxHeadBytes = std::size_t{16} << 10;
/// RFC 9110 §4.1 asks for 8000 at least.
inline constexpr std::size_t kMaxTargetBytes = 8192;
inline constexpr std::size_t kMaxMethodBytes = 32;

enum class HeadStatus : std::uint8_t {
  NeedMore,   ///< a proper prefix of what may become a head
  Complete,   ///< head() may be asked
  Http2,      ///< the connection preface of HTTP/2 (RFC 9113 §3.4)
  Malformed,  ///< no valid head; status() says what to answer
  TooLarge,   ///< over one of the bounds above; status() says what to answer
};

/// Borrowed from the bytes that were fed last.
struct HttpHead {
  std::string_view method;
  /// Path and query in origin-form: begins with '/'. "/" of an absolute-form without a path and of
  /// `OPTIONS *`. Only visible ASCII.
  std::string_view target;
  /// None: HTTP/1.0 without Host, an empty one, an IP literal. The absolute-form's wins (§3.2.2).
  std::optional<HostName> host;
};

class HttpHeadReader {
 public:
  /// Takes everything received so far from the first byte on (append-only) and goes on where it
  /// stopped: the work over a whole head is O(bytes) however it is cut. After any other status than
  /// NeedMore the answer stays the same. No byte behind the span is read.
  [[nodiscard]] HeadStatus feed(std::span<const std::uint8_t> all_bytes_so_far);

  /// After Complete, as long as the bytes that were fed last stay where they are.
  [[nodiscard]] const HttpHead& head() const { return head_; }

  /// After Malformed or TooLarge: the status code to answer with.
  [[nodiscard]] unsigned status() const { return code_; }

 private:
  HeadStatus parse(std::string_view head);
  HeadStatus parse_request_line(std::string_view line);
  HeadStatus parse_target(std::string_view target);
  HeadStatus parse_field(std::string_view line);
  /// `authority`: host[:port]. Sets the host; false if it is none.
  bool take_authority(std::string_view authority);
  HeadStatus refuse(HeadStatus status, unsigned code);

  HeadStatus status_ = HeadStatus::NeedMore;
  unsigned code_ = 400;
  std::size_t begin_ = 0;    ///< of the request line
  std::size_t scanned_ = 0;  ///< no end of the head before it
  bool is_http10_ = false;
  bool is_absolute_ = false;
  bool has_host_field_ = false;
  HttpHead head_;
};

/// Whether `target` asks for an ACME challenge, and for nothing else: one token of base64url behind
/// /.well-known/acme-challenge/ (RFC 8555 §8.3), so that no path leads on from there.
[[nodiscard]] bool is_acme_challenge(std::string_view target);

}  // namespace adit::relay
