#include "controller/probe/target_probe.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include "controller/probe/proxy_greeting.hpp"
#include "controller/probe/tls_client.hpp"

namespace adit::probe {

namespace {

constexpr std::size_t kHttpAnswerBytes = 4096;
constexpr std::size_t kShownBytes = 60;
constexpr std::string_view kHttpStart = "HTTP/";

struct Place {
  Endpoint target;
  control::ProxyProtocol proxy_protocol;
};

struct Finding {
  ProbeResult result = ProbeResult::Other;
  std::string detail;
};

bool is_tls_record(std::string_view bytes) {
  // RFC 8446 §5.1: type alert(21) or handshake(22), legacy version 3.x.
  return bytes.size() >= 2 && (bytes[0] == 21 || bytes[0] == 22) && bytes[1] == 3;
}

/// The first line of what was said, fit to be printed.
std::string first_line(std::string_view bytes) {
  std::string line(bytes.substr(0, std::min(bytes.find_first_of("\r\n"), kShownBytes)));
  std::ranges::replace_if(
      line, [](char c) { return c < ' ' || c > '~'; }, '.');
  return line;
}

/// A web server that was asked for plain HTTP where it speaks TLS answers a 400 in plain HTTP that
/// says so (nginx, Apache, Go).
bool is_complaint_about_missing_tls(std::string_view answer) {
  const auto status = answer.find(" 400 ");
  if (status == std::string_view::npos || status > 16) return false;
  return answer.find("HTTPS") != std::string_view::npos ||
         answer.find("SSL-enabled") != std::string_view::npos;
}

Finding connect_failure(const Error& error) {
  switch (error.sys_errno) {
    case ECONNREFUSED:
      return {ProbeResult::Refused, "nothing listens there"};
    case ETIMEDOUT:
      return {ProbeResult::Timeout, "no connection in time"};
    case ECANCELED:
      return {ProbeResult::Timeout, "stopped"};
    case ECONNRESET:
      return {ProbeResult::Closed, error.what};
    default:
      return {ProbeResult::Unreachable, error.what};
  }
}

/// The status line of anything but a 400 does: no need to wait for the page. So does what is no
/// HTTP.
bool says_enough(std::string_view answer) {
  if (answer.size() < kHttpStart.size()) return false;
  if (!answer.starts_with(kHttpStart)) return true;
  return answer.find('\n') != std::string_view::npos &&
         answer.find(" 400 ") == std::string_view::npos;
}

/// Sends `request` and gathers the answer until it ends, fills the buffer or patience is over.
Result<std::string> ask_plainly(const Place& place, const std::string& request,
                                const os::Patience& patience) {
  auto fd = connect_and_greet(place.target, place.proxy_protocol, patience);
  if (!fd) return fail(std::move(fd).error());
  if (::send(fd->get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) {
    return fail_sys("send", errno);
  }
  std::string answer;
  std::array<char, kHttpAnswerBytes> buffer{};
  while (answer.size() < kHttpAnswerBytes) {
    if (!os::wait_ready(fd->get(), POLLIN, patience)) break;
    const ssize_t count = ::recv(fd->get(), buffer.data(), buffer.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (count <= 0) break;
    answer.append(buffer.data(), static_cast<std::size_t>(count));
    if (says_enough(answer)) break;
  }
  return answer;
}

std::optional<Finding> try_http(const Place& place, const std::string& server_name,
                                const os::Patience& patience) {
  const std::string host = server_name.empty() ? place.target.to_string() : server_name;
  const auto answer =
      ask_plainly(place, fmt::format("GET / HTTP/1.0\r\nHost: {}\r\n\r\n", host), patience);
  if (!answer) return std::nullopt;
  if (is_complaint_about_missing_tls(*answer)) {
    return Finding{ProbeResult::Tls, "asks for HTTPS, but did not finish a TLS handshake in time"};
  }
  if (answer->starts_with(kHttpStart)) return Finding{ProbeResult::PlainHttp, first_line(*answer)};
  if (is_tls_record(*answer)) return Finding{ProbeResult::Tls, "answers with a TLS alert"};
  return std::nullopt;
}

/// What the TLS attempt alone shows; nullopt when only a second question can tell.
std::optional<Finding> judge(const HandshakeOutcome& outcome, const TlsClient& client) {
  if (outcome.kind == HandshakeOutcome::Kind::Done) {
    return Finding{ProbeResult::Tls, SSL_get_version(client.session())};
  }
  if (is_tls_record(outcome.first_bytes)) {
    return Finding{ProbeResult::Tls, fmt::format("TLS, but: {}", outcome.problem)};
  }
  if (outcome.first_bytes.starts_with(kHttpStart)) {
    return Finding{ProbeResult::PlainHttp, first_line(outcome.first_bytes)};
  }
  return std::nullopt;
}

Finding remaining(const HandshakeOutcome& outcome) {
  if (!outcome.first_bytes.empty()) {
    return {ProbeResult::Other, fmt::format("answers \"{}\"", first_line(outcome.first_bytes))};
  }
  if (outcome.kind == HandshakeOutcome::Kind::TimedOut) {
    return {ProbeResult::Timeout, "takes the connection, but says nothing"};
  }
  return {ProbeResult::Closed, "takes the connection and closes it"};
}

Finding find_out(const Place& place, const std::string& server_name, const os::Patience& patience) {
  auto client = TlsClient::create(server_name, "");
  if (!client) return {ProbeResult::Other, client.error().what};
  auto fd = connect_and_greet(place.target, place.proxy_protocol, patience);
  if (!fd) return connect_failure(fd.error());
  // Some servers of plain HTTP wait for a newline that a ClientHello does not have: half of the
  // time is kept for asking them in their own words.
  const TimePoint now = SteadyClock::now();
  const os::Patience half{now + (patience.deadline - now) / 2, patience.stop};
  const HandshakeOutcome outcome = run_handshake(*client, fd->get(), half);
  if (auto finding = judge(outcome, *client)) return *finding;
  fd->reset();
  if (auto finding = try_http(place, server_name, patience)) return *finding;
  return remaining(outcome);
}

}  // namespace

std::string_view to_string(ProbeResult result) {
  switch (result) {
    case ProbeResult::Tls:
      return "tls";
    case ProbeResult::PlainHttp:
      return "plain_http";
    case ProbeResult::Refused:
      return "refused";
    case ProbeResult::Unreachable:
      return "unreachable";
    case ProbeResult::Timeout:
      return "timeout";
    case ProbeResult::Closed:
      return "closed";
    case ProbeResult::Other:
      return "other";
    case ProbeResult::NotProbed:
      return "not_probed";
  }
  return "other";
}

ProbeReport probe_target(const Endpoint& target, const std::string& server_name,
                         const os::Patience& patience, control::ProxyProtocol proxy_protocol) {
  const TimePoint begun = SteadyClock::now();
  Finding finding = find_out({target, proxy_protocol}, server_name, patience);
  return {finding.result, std::move(finding.detail),
          std::chrono::duration_cast<Milliseconds>(SteadyClock::now() - begun)};
}

}  // namespace adit::probe
