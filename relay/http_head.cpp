#include "relay/http_head.hpp"

#include <algorithm>

#include "relay/server_name.hpp"

namespace adit::relay {

namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr std::string_view kVersion = "HTTP/1.";

bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/// RFC 9110 §5.6.2.
bool is_token_char(char c) {
  return is_alnum(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

bool is_visible(char c) {
  return c > ' ' && c < '\x7f';
}

/// RFC 9110 §5.5: visible characters, blanks, and bytes above ASCII.
bool is_value_char(char c) {
  return is_visible(c) || c == ' ' || c == '\t' || static_cast<unsigned char>(c) >= 0x80;
}

/// ASCII only; `lower` is in lower case.
bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

std::string_view without_blanks(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

/// A prefix of a method and its SP: what is no HTTP at all need not be waited for.
bool may_be_request(std::string_view text) {
  const std::size_t length = std::min(text.find(' '), text.size());
  if (length > kMaxMethodBytes) return false;
  if (text == "\r") return true;  // of an empty line before the request
  return (length > 0 || text.empty()) &&
         std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(length),
                     is_token_char);
}

/// "80", or nothing behind the colon (RFC 3986 §3.2.3).
bool is_port(std::string_view text) {
  constexpr std::size_t kMaxDigits = 5;
  return text.size() <= kMaxDigits &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

HeadStatus HttpHeadReader::feed(std::span<const std::uint8_t> all) {
  if (status_ != HeadStatus::NeedMore) return status_;
  const std::string_view text(reinterpret_cast<const char*>(all.data()), all.size());
  while (text.substr(begin_).starts_with(kLineEnd)) begin_ += kLineEnd.size();
  if (!may_be_request(text.substr(begin_))) return refuse(HeadStatus::Malformed, 400);
  const std::size_t from = std::max(begin_, scanned_);
  const std::size_t end = text.find(kHeadEnd, from);
  const std::size_t size = end == std::string_view::npos ? text.size() : end + kHeadEnd.size();
  if (size > kMaxHeadBytes) return refuse(HeadStatus::TooLarge, 431);
  if (end != std::string_view::npos) return status_ = parse(text.substr(begin_, end - begin_));
  // The last bytes may be the beginning of the end.
  scanned_ = text.size() - std::min(text.size(), kHeadEnd.size() - 1);
  return HeadStatus::NeedMore;
}

HeadStatus HttpHeadReader::parse(std::string_view head) {
  HeadStatus status = HeadStatus::Complete;
  for (bool is_first = true; status == HeadStatus::Complete; is_first = false) {
    const std::size_t end = head.find(kLineEnd);
    const std::string_view line = head.substr(0, end);
    status = is_first ? parse_request_line(line) : parse_field(line);
    if (end == std::string_view::npos) break;
    head.remove_prefix(end + kLineEnd.size());
  }
  if (status != HeadStatus::Complete) return status;
  // RFC 9112 §3.2: only HTTP/1.0 may leave it out.
  if (!has_host_field_ && !is_http10_) return refuse(HeadStatus::Malformed, 400);
  return status;
}

HeadStatus HttpHeadReader::parse_request_line(std::string_view line) {
  const std::size_t method_end = line.find(' ');
  const std::size_t target_end = line.rfind(' ');
  if (method_end == std::string_view::npos || method_end == target_end) {
    return refuse(HeadStatus::Malformed, 400);
  }
  head_.method = line.substr(0, method_end);
  const std::string_view target = line.substr(method_end + 1, target_end - method_end - 1);
  const std::string_view version = line.substr(target_end + 1);
  if (line == "PRI * HTTP/2.0") return HeadStatus::Http2;
  if (!is_token(head_.method) || !version.starts_with("HTTP/")) {
    return refuse(HeadStatus::Malformed, 400);
  }
  if (version.size() != kVersion.size() + 1 || !version.starts_with(kVersion) ||
      version.back() < '0' || version.back() > '9') {
    return refuse(HeadStatus::Malformed, 505);
  }
  is_http10_ = version.back() == '0';
  return parse_target(target);
}

/// RFC 9112 §3.2: origin-form, absolute-form, asterisk-form. CONNECT's authority-form is for
/// proxies.
HeadStatus HttpHeadReader::parse_target(std::string_view target) {
  constexpr std::string_view kScheme = "http://";
  if (!std::all_of(target.begin(), target.end(), is_visible)) {
    return refuse(HeadStatus::Malformed, 400);
  }
  if (target.size() > kMaxTargetBytes) return refuse(HeadStatus::TooLarge, 414);
  head_.target = target;
  if (target.starts_with('/')) return HeadStatus::Complete;
  if (target == "*" && head_.method == "OPTIONS") {
    head_.target = "/";
    return HeadStatus::Complete;
  }
  if (!equals_ignoring_case(target.substr(0, kScheme.size()), kScheme)) {
    return refuse(HeadStatus::Malformed, 400);
  }
  target.remove_prefix(kScheme.size());
  const std::size_t end = std::min(target.find_first_of("/?"), target.size());
  is_absolute_ = true;
  if (end == 0 || !take_authority(target.substr(0, end))) {
    return refuse(HeadStatus::Malformed, 400);
  }
  head_.target = target.substr(end);
  if (head_.target.empty()) head_.target = "/";
  return head_.target.starts_with('/') ? HeadStatus::Complete : refuse(HeadStatus::Malformed, 400);
}

HeadStatus HttpHeadReader::parse_field(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    return refuse(HeadStatus::Malformed, 400);
  }
  const std::string_view value = line.substr(colon + 1);
  if (!std::all_of(value.begin(), value.end(), is_value_char)) {
    return refuse(HeadStatus::Malformed, 400);
  }
  if (!equals_ignoring_case(line.substr(0, colon), "host")) return HeadStatus::Complete;
  if (has_host_field_) return refuse(HeadStatus::Malformed, 400);
  has_host_field_ = true;
  const std::optional<HostName> absolute = is_absolute_ ? head_.host : std::nullopt;
  if (!take_authority(without_blanks(value))) return refuse(HeadStatus::Malformed, 400);
  if (is_absolute_) head_.host = absolute;
  return HeadStatus::Complete;
}

bool HttpHeadReader::take_authority(std::string_view authority) {
  head_.host.reset();
  if (authority.empty()) return true;
  // The colons of an IPv6 address stand in brackets.
  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  const std::string_view name = authority.substr(0, colon);
  if (colon != std::string_view::npos && !is_port(authority.substr(colon + 1))) return false;
  const bool is_bracketed = name.starts_with('[') && name.ends_with(']');
  if (name.empty() || is_bracketed != (bracket != std::string_view::npos)) return false;
  const auto parsed =
      parse_server_name({reinterpret_cast<const std::uint8_t*>(name.data()), name.size()});
  if (parsed.kind == ServerNameKind::Malformed) return false;
  head_.host = parsed.name;
  return true;
}

HeadStatus HttpHeadReader::refuse(HeadStatus status, unsigned code) {
  code_ = code;
  return status_ = status;
}

bool is_acme_challenge(std::string_view target) {
  constexpr std::string_view kFolder = "/.well-known/acme-challenge/";
  if (!target.starts_with(kFolder)) return false;
  target.remove_prefix(kFolder.size());
  return !target.empty() && std::all_of(target.begin(), target.end(),
                                        [](char c) { return is_alnum(c) || c == '-' || c == '_'; });
}

}  // namespace adit::relay
