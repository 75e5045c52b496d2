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
  /// why, and what to do.
  Attempt<Json> send(const Request& request);

  Attempt<Json> get(std::string path) { return send({.path = std::move(path)}); }

 private:
  struct Handle;

  std::string socket_;
  std::unique_ptr<Handle> handle_;
};

/// What to say when `socket` cannot be used because of `sys_errno`: who answers there, how to start
/// it, or which group is missing. PURE.
Failure unreachable(const std::string& socket, int sys_errno);

}  // namespace adit::cli
