// One TLS handshake as a client, over bytes that the caller moves: nothing here touches a socket,
// so that what is not TLS at all can still be looked at, and SIGPIPE and blocking are the caller's.
// It asks for no particular quality: an old or badly certified server is to be reported, not
// refused.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/os/wait.hpp"
#include "common/result.hpp"

using SSL = struct ssl_st;
using SSL_CTX = struct ssl_ctx_st;

namespace adit::probe {

enum class HandshakeState {
  Running,  ///< wants the peer's next bytes
  Done,
  Failed,  ///< an alert, or bytes that are no TLS; problem() says which
};

class TlsClient {
 public:
  /// `server_name` is sent as SNI and is the name that the certificate is verified for; empty for
  /// none (an IP address is verified, but never sent). `ca_file` (PEM) replaces the system's
  /// trusted certificates unless empty.
  static Result<TlsClient> create(const std::string& server_name, const std::string& ca_file);

  /// Takes what the peer sent (nothing for the first call) and goes as far as it can.
  HandshakeState advance(std::span<const std::uint8_t> received);
  /// What is to be sent to the peer now; each byte is handed out once.
  std::vector<std::uint8_t> take_output();

  /// Why it failed, in OpenSSL's words.
  [[nodiscard]] const std::string& problem() const { return problem_; }

  /// For reading the session; owned by this object.
  [[nodiscard]] SSL* session() const { return session_.get(); }

 private:
  struct Free {
    void operator()(SSL* session) const noexcept;
    void operator()(SSL_CTX* context) const noexcept;
  };

  TlsClient() = default;

  std::unique_ptr<SSL_CTX, Free> context_;
  std::unique_ptr<SSL, Free> session_;
  std::string problem_;
};

/// How a handshake over a socket ended, and the first bytes that the peer sent (at most 1 KiB).
struct HandshakeOutcome {
  enum class Kind { Done, Failed, Closed, Reset, TimedOut };

  Kind kind = Kind::Closed;
  std::string problem;  ///< for people; empty when Done
  std::string first_bytes;
};

/// Runs `client` over the non-blocking socket `fd`.
HandshakeOutcome run_handshake(TlsClient& client, int fd, const os::Patience& patience);

}  // namespace adit::probe
