// Poll: readiness of one borrowed descriptor, level-triggered. One Poll per descriptor.
#pragma once

#include <memory>

#include <uv.h>

#include "common/result.hpp"
#include "common/uv/close.hpp"
#include "common/uv/loop.hpp"

namespace adit::uv {

class Poll {
 public:
  /// `status` < 0 means that libuv stopped polling (a reset shows as UV_EBADF): ask SO_ERROR for
  /// the truth. `events`: UV_READABLE | UV_WRITABLE | UV_DISCONNECT | UV_PRIORITIZED. The handler
  /// may destroy the Poll.
  using Handler = void (*)(void* context, int status, int events) noexcept;

  Poll() = default;
  /// `fd` stays the caller's and must be closed after this Poll is gone; `context` must not move.
  static Result<Poll> create(Loop& loop, int fd, Handler handler, void* context);

  [[nodiscard]] bool is_open() const { return handle_ != nullptr; }

  /// Asks for `events` from now on; 0 asks for nothing.
  void update(int events);

  /// What was last asked for.
  [[nodiscard]] int events() const { return handle_ ? handle_->events : 0; }

  /// Stops at once; no call of the handler follows.
  void close() { handle_.reset(); }

 private:
  struct Handle {
    uv_poll_t handle;
    Handler handler;
    void* context;
    int events;
  };

  std::unique_ptr<Handle, UvClose<Handle>> handle_;
};

}  // namespace adit::uv
