// Timer, Signal, Async: the other three libuv handles that adit uses, with std::function callbacks
// (none of them is on a per-connection path). A callback may destroy its own object.
#pragma once

#include <functional>
#include <memory>

#include <uv.h>

#include "common/clock.hpp"
#include "common/uv/close.hpp"
#include "common/uv/loop.hpp"

namespace adit::uv {

/// One timer; not started when made.
class Timer {
 public:
  Timer(Loop& loop, std::function<void()> callback);
  /// Calls back after `delay`, then every `repeat` (0: once). Starting again replaces the old time.
  void start(Milliseconds delay, Milliseconds repeat = Milliseconds{0});
  void stop();

 private:
  struct Handle {
    uv_timer_t handle;
    std::function<void()> callback;
  };

  std::unique_ptr<Handle, UvClose<Handle>> handle_;
};

/// Watches one signal from construction on; does not keep the loop alive.
class Signal {
 public:
  Signal(Loop& loop, int signal_number, std::function<void()> callback);

 private:
  struct Handle {
    uv_signal_t handle;
    std::function<void()> callback;
  };

  std::unique_ptr<Handle, UvClose<Handle>> handle_;
};

/// The only way into a loop from another thread. Several sends may become one call.
class Async {
 public:
  Async(Loop& loop, std::function<void()> callback);
  /// From any thread, as long as this object lives.
  void send();

 private:
  struct Handle {
    uv_async_t handle;
    std::function<void()> callback;
  };

  std::unique_ptr<Handle, UvClose<Handle>> handle_;
};

}  // namespace adit::uv
