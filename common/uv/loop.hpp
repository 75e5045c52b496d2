// Loop: one libuv loop, owned by the thread that runs it. Declare it before everything that holds
// handles on it: its destructor runs one turn for their close callbacks and asserts that none is
// left.
#pragma once

#include <uv.h>

namespace adit::uv {

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  Loop(Loop&&) = delete;
  Loop& operator=(Loop&&) = delete;

  /// Runs until `stop` or until no active handle is left.
  void run() { uv_run(&loop_, UV_RUN_DEFAULT); }

  /// From the loop's own thread (a callback): `run` returns after this turn.
  void stop() { uv_stop(&loop_); }

  [[nodiscard]] uv_loop_t* get() { return &loop_; }

 private:
  uv_loop_t loop_{};
};

}  // namespace adit::uv
