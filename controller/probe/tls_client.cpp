#include "controller/probe/tls_client.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#include "common/net/ip_address.hpp"

namespace adit::probe {

namespace {

constexpr std::size_t kFirstBytes = 1024;
constexpr std::size_t kReadBytes = 16384;

/// The oldest error in OpenSSL's queue of this thread, which is then emptied.
std::string take_openssl_error() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "unknown TLS error";
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : fmt::format("TLS error {:#x}", code);
}

tl::unexpected<Error> openssl_failure(const std::string& what) {
  return fail(Errc::Internal, fmt::format("{}: {}", what, take_openssl_error()));
}

Result<void> trust(SSL_CTX* context, const std::string& ca_file) {
  if (ca_file.empty()) {
    // No system store is no fault here: the certificate is then reported as not trusted.
    if (SSL_CTX_set_default_verify_paths(context) != 1) ERR_clear_error();
    return {};
  }
  if (SSL_CTX_load_verify_locations(context, ca_file.c_str(), nullptr) == 1) return {};
  return fail(Errc::Invalid, fmt::format("CA file {}: {}", ca_file, take_openssl_error()));
}

/// The name to send and the name to verify.
Result<void> set_name(SSL* session, const std::string& server_name) {
  if (server_name.empty()) return {};
  X509_VERIFY_PARAM* verify = SSL_get0_param(session);
  if (IpAddress::parse(server_name)) {
    if (X509_VERIFY_PARAM_set1_ip_asc(verify, server_name.c_str()) == 1) return {};
  } else if (X509_VERIFY_PARAM_set1_host(verify, server_name.c_str(), server_name.size()) == 1 &&
             SSL_set_tlsext_host_name(session, server_name.c_str()) == 1) {
    return {};
  }
  ERR_clear_error();
  return fail(Errc::Invalid, fmt::format("\"{}\" cannot be sent as a server name", server_name));
}

std::string printable_error(int sys_errno) {
  return sys_error("connection", sys_errno).what;
}

}  // namespace

void TlsClient::Free::operator()(SSL* session) const noexcept {
  SSL_free(session);
}

void TlsClient::Free::operator()(SSL_CTX* context) const noexcept {
  SSL_CTX_free(context);
}

Result<TlsClient> TlsClient::create(const std::string& server_name, const std::string& ca_file) {
  TlsClient client;
  client.context_.reset(SSL_CTX_new(TLS_client_method()));
  if (!client.context_) return openssl_failure("make a TLS context");
  SSL_CTX* context = client.context_.get();
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);  // verified all the same, but never fatal
  SSL_CTX_set_min_proto_version(context, 0);
  SSL_CTX_set_cipher_list(context, "DEFAULT:@SECLEVEL=0");
  if (auto trusted = trust(context, ca_file); !trusted) return fail(std::move(trusted).error());
  client.session_.reset(SSL_new(context));
  if (!client.session_) return openssl_failure("make a TLS session");
  if (auto named = set_name(client.session_.get(), server_name); !named) {
    return fail(std::move(named).error());
  }
  BIO* in = BIO_new(BIO_s_mem());
  BIO* out = BIO_new(BIO_s_mem());
  BIO_set_mem_eof_return(in, -1);
  SSL_set_bio(client.session_.get(), in, out);  // owns both now
  SSL_set_connect_state(client.session_.get());
  return client;
}

HandshakeState TlsClient::advance(std::span<const std::uint8_t> received) {
  ERR_clear_error();
  if (!received.empty()) {
    BIO_write(SSL_get_rbio(session_.get()), received.data(), static_cast<int>(received.size()));
  }
  const int status = SSL_do_handshake(session_.get());
  if (status == 1) return HandshakeState::Done;
  const int why = SSL_get_error(session_.get(), status);
  if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return HandshakeState::Running;
  problem_ = take_openssl_error();
  return HandshakeState::Failed;
}

std::vector<std::uint8_t> TlsClient::take_output() {
  BIO* out = SSL_get_wbio(session_.get());
  std::vector<std::uint8_t> bytes(BIO_ctrl_pending(out));
  if (!bytes.empty()) BIO_read(out, bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

namespace {

using Kind = HandshakeOutcome::Kind;

Kind kind_of(int sys_errno) {
  return sys_errno == ETIMEDOUT || sys_errno == ECANCELED ? Kind::TimedOut : Kind::Reset;
}

Result<void> send_all(int fd, const std::vector<std::uint8_t>& bytes,
                      const os::Patience& patience) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t count = ::send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count >= 0) {
      sent += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN) {
      if (auto ready = os::wait_ready(fd, POLLOUT, patience); !ready) return ready;
    } else if (errno != EINTR) {
      return fail_sys("send", errno);
    }
  }
  return {};
}

/// 0 bytes: the peer closed.
Result<std::size_t> receive(int fd, std::span<std::uint8_t> buffer, const os::Patience& patience) {
  while (true) {
    if (auto ready = os::wait_ready(fd, POLLIN, patience); !ready) {
      return fail(std::move(ready).error());
    }
    const ssize_t count = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EAGAIN && errno != EINTR) return fail_sys("receive", errno);
  }
}

}  // namespace

HandshakeOutcome run_handshake(TlsClient& client, int fd, const os::Patience& patience) {
  HandshakeOutcome outcome;
  std::array<std::uint8_t, kReadBytes> buffer{};
  HandshakeState state = client.advance({});
  while (true) {
    // An error of the send is left to the receive: what the peer said before it closed counts.
    const auto sent = send_all(fd, client.take_output(), patience);
    if (state == HandshakeState::Done) {
      outcome.kind = Kind::Done;
      return outcome;
    }
    if (state == HandshakeState::Failed) {
      outcome.kind = Kind::Failed;
      outcome.problem = client.problem();
      return outcome;
    }
    const auto count = receive(fd, buffer, patience);
    if (!count) {
      outcome.kind = kind_of(count.error().sys_errno);
      outcome.problem = outcome.kind == Kind::Reset ? printable_error(count.error().sys_errno)
                                                    : count.error().what;
      return outcome;
    }
    if (*count == 0) {
      outcome.problem = "the connection was closed";
      return outcome;
    }
    const auto received = std::span(buffer).first(*count);
    const auto kept =
        received.first(std::min(received.size(), kFirstBytes - outcome.first_bytes.size()));
    outcome.first_bytes.append(kept.begin(), kept.end());
    state = client.advance(received);
  }
}

}  // namespace adit::probe
