// HttpServer: HTTP/1.1 on one listening Unix socket, run by the loop: libmicrohttpd without a
// thread of its own, its epoll descriptor under one Poll and its timeouts under one Timer. A
// request whose answer takes a while is suspended until the Reply comes. Everything happens in the
// loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "common/result.hpp"
#include "common/unique_fd.hpp"
#include "common/uv/loop.hpp"
#include "controller/api/router.hpp"

namespace adit::api {

/// A body may be this long; what is longer is read, dropped and answered with 413.
inline constexpr std::size_t kMaxBodyBytes = std::size_t{16} << 20;

class HttpServer {
 public:
  /// Takes over `listener`, a listening, non-blocking Unix socket. `router` must outlive the
  /// server.
  static Result<std::unique_ptr<HttpServer>> start(uv::Loop& loop, UniqueFd listener,
                                                   const Router& router);
  /// Requests that still wait are answered with 503, then every connection is closed.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  HttpServer(HttpServer&&) = delete;
  HttpServer& operator=(HttpServer&&) = delete;

 private:
  struct State;

  explicit HttpServer(std::shared_ptr<State> state);

  /// Shared with the Replies that are still out, which only look whether it is gone.
  std::shared_ptr<State> state_;
};

}  // namespace adit::api
