#include "relay/http_answer.hpp"

#include <fmt/format.h>

namespace adit::relay {

namespace {

constexpr std::uint16_t kHttpsPort = 443;

std::string_view reason_phrase(unsigned code) {
  switch (code) {
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 408:
      return "Request Timeout";
    case 414:
      return "URI Too Long";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Error";
  }
}

std::string_view explanation(unsigned code) {
  switch (code) {
    case 403:
      return "This host is not for your address.";
    case 404:
      return "There is no such host here.";
    case 429:
      return "Too many connections come from your network.";
    case 503:
      return "Too many connections are open at the moment.";
    case 502:
      return "The server cannot be reached at the moment.";
    case 504:
      return "The server does not answer at the moment.";
    default:
      return reason_phrase(code);
  }
}

}  // namespace

std::string redirect_to_https(const HttpHead& head, std::uint16_t port) {
  const bool is_plain = head.method == "GET" || head.method == "HEAD";
  return fmt::format(
      "HTTP/1.1 {}\r\nLocation: https://{}{}{}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
      is_plain ? "301 Moved Permanently" : "308 Permanent Redirect", head.host->wire_text(),
      port == kHttpsPort || port == 0 ? "" : fmt::format(":{}", port), head.target);
}

std::string http_answer(unsigned code, bool has_body) {
  const std::string body = fmt::format("{}\n", explanation(code));
  return fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: "
      "close\r\n\r\n{}",
      code, reason_phrase(code), body.size(), has_body ? body : "");
}

std::string_view http2_refusal() {
  // length u24 | type u8 | flags u8 | stream u32; then GOAWAY's last stream u32 | error u32.
  static constexpr char kFrames[] =
      "\0\0\0\x04\0\0\0\0\0"
      "\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0d";
  return {kFrames, sizeof kFrames - 1};
}

}  // namespace adit::relay
