#include "common/uv/timer.hpp"

#include <cstdlib>
#include <utility>

namespace adit::uv {

namespace {

/// Calls the handle's callback unless its owner is gone; works on a copy because the callback may
/// destroy the owner and with it the function that is running.
template <class Handle, class UvHandle>
void call(UvHandle* uv_handle) {
  auto* h = static_cast<Handle*>(uv_handle->data);
  if (h == nullptr) return;
  const auto callback = h->callback;
  callback();
}

/// Initialising these three fails only without memory or descriptors at start: nothing could work.
void require(int result) {
  if (result != 0) std::abort();
}

}  // namespace

Timer::Timer(Loop& loop, std::function<void()> callback) {
  auto fresh = std::make_unique<Handle>();
  fresh->callback = std::move(callback);
  require(uv_timer_init(loop.get(), &fresh->handle));
  fresh->handle.data = fresh.get();
  handle_.reset(fresh.release());
}

void Timer::start(Milliseconds delay, Milliseconds repeat) {
  uv_update_time(handle_->handle.loop);
  uv_timer_start(
      &handle_->handle, [](uv_timer_t* timer) { call<Handle>(timer); },
      static_cast<std::uint64_t>(delay.count()), static_cast<std::uint64_t>(repeat.count()));
}

void Timer::stop() {
  uv_timer_stop(&handle_->handle);
}

Signal::Signal(Loop& loop, int signal_number, std::function<void()> callback) {
  auto fresh = std::make_unique<Handle>();
  fresh->callback = std::move(callback);
  require(uv_signal_init(loop.get(), &fresh->handle));
  fresh->handle.data = fresh.get();
  require(uv_signal_start(
      &fresh->handle, [](uv_signal_t* signal, int) { call<Handle>(signal); }, signal_number));
  uv_unref(reinterpret_cast<uv_handle_t*>(&fresh->handle));
  handle_.reset(fresh.release());
}

Async::Async(Loop& loop, std::function<void()> callback) {
  auto fresh = std::make_unique<Handle>();
  fresh->callback = std::move(callback);
  require(
      uv_async_init(loop.get(), &fresh->handle, [](uv_async_t* async) { call<Handle>(async); }));
  fresh->handle.data = fresh.get();
  handle_.reset(fresh.release());
}

void Async::send() {
  uv_async_send(&handle_->handle);
}

}  // namespace adit::uv
