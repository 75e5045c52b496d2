#include "common/uv/loop.hpp"

#include <cassert>
#include <cstdlib>

namespace adit::uv {

Loop::Loop() {
  if (uv_loop_init(&loop_) != 0) std::abort();  // no epoll descriptor at start: nothing can work
}

Loop::~Loop() {
  uv_run(&loop_, UV_RUN_NOWAIT);
  [[maybe_unused]] const int result = uv_loop_close(&loop_);
  assert(result == 0 && "a libuv handle outlived its owner");
}

}  // namespace adit::uv
