// HTTP with JSON to the controller over its Unix socket: one request at a time, every one with a
// deadline. A refusal (problem+json, 4xx and 5xx) comes back as the controller's own document.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/clock.hpp"
#include "controller/cli/failure.hpp"

namespace adit::cli {

struct Request {
  std::string method = "GET";
  std::string path;  ///< with its query, percent-encoded
  std::optional<Json> body = std::nullopt;
  std::vector<std::string> headers = {};  ///< "If-None-Match: *"
  bool only_asks = false;                 ///< whatever its method, it changes nothing

  [[nodiscard]] bool may_change() const { return method != "GET" && !only_asks; }
};

class ApiClient {
 public:
  /// `socket`: the path of the controller's control socket. Nothing is connected yet.
  explicit ApiClient(std::string socket);
  ~ApiClient();
  ApiClient(const ApiClient&) = delete;
  ApiClient& operator=(const ApiClient&) = delete;
  ApiClient(ApiClient&&) = delete;
  ApiClient& operator=(ApiClient&&) = delete;

  /// The answer's document. Without a controller behind the socket the failure says which socket,
  /// why, and what to do; without an answer to something that may have been changed, that this is
  /// not known.
  Attempt<Json> send(const Request& request);

  Attempt<Json> get(std::string path) { return send({.path = std::move(path)}); }

  [[nodiscard]] const std::string& socket() const { return socket_; }

  /// True once a request that may change something was done.
  [[nodiscard]] bool has_changed() const { return has_changed_; }

 private:
  struct Handle;

  std::string socket_;
  std::unique_ptr<Handle> handle_;
  bool has_changed_ = false;
};

/// What to say when `socket` cannot be used because of `sys_errno`: who answers there, how to start
/// it, or which group is missing. PURE.
Failure unreachable(const std::string& socket, int sys_errno);

}  // namespace adit::cli
