#include "common/uv/poll.hpp"

#include <cassert>

namespace adit::uv {

Result<Poll> Poll::create(Loop& loop, int fd, Handler handler, void* context) {
  auto fresh = std::make_unique<Handle>();
  fresh->handler = handler;
  fresh->context = context;
  if (const int result = uv_poll_init(loop.get(), &fresh->handle, fd); result != 0) {
    return fail_sys("watch a descriptor", -result);
  }
  fresh->handle.data = fresh.get();
  Poll poll;
  poll.handle_.reset(fresh.release());
  return poll;
}

void Poll::update(int events) {
  assert(handle_);
  if (events == handle_->events) return;
  handle_->events = events;
  if (events == 0) {
    uv_poll_stop(&handle_->handle);
    return;
  }
  uv_poll_start(&handle_->handle, events, [](uv_poll_t* poll, int status, int ready) {
    auto* h = static_cast<Handle*>(poll->data);
    if (h == nullptr) return;
    if (status < 0) h->events = 0;  // libuv has stopped this handle itself
    h->handler(h->context, status, ready);
  });
}

}  // namespace adit::uv
