#include "common/uv/poll_set.hpp"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <utility>

namespace adit::uv {

namespace {

constexpr std::array<std::pair<int, std::uint32_t>, 4> kWords{{{UV_READABLE, EPOLLIN},
                                                               {UV_WRITABLE, EPOLLOUT},
                                                               {UV_DISCONNECT, EPOLLRDHUP},
                                                               {UV_PRIORITIZED, EPOLLPRI}}};

std::uint32_t to_epoll(int events) {
  std::uint32_t out = 0;
  for (const auto& [uv, epoll] : kWords) out |= (events & uv) != 0 ? epoll : 0;
  return out;
}

int to_uv(std::uint32_t events) {
  int out = 0;
  for (const auto& [uv, epoll] : kWords) out |= (events & epoll) != 0 ? uv : 0;
  return out;
}

}  // namespace

PollSet::PollSet(Loop& loop) : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_.is_open()) std::abort();
  auto poll = Poll::create(
      loop, epoll_.get(),
      [](void* context, int, int) noexcept { static_cast<PollSet*>(context)->dispatch(); }, this);
  if (!poll) std::abort();
  poll_ = std::move(*poll);
  poll_.update(UV_READABLE);
}

/// One batch for one turn: what else is ready is told of in the next one, after the loop's timers.
void PollSet::dispatch() {
  const int count = ::epoll_wait(epoll_.get(), ready_.data(), static_cast<int>(ready_.size()), 0);
  count_ = static_cast<std::size_t>(std::max(count, 0));
  for (next_ = 0; next_ < count_;) {
    const epoll_event& event = ready_[next_++];
    if (event.data.ptr != nullptr) static_cast<Watch*>(event.data.ptr)->tell(event.events);
  }
  next_ = count_ = 0;
}

void PollSet::forget(const Watch& watch) {
  for (std::size_t i = next_; i < count_; ++i) {
    if (ready_[i].data.ptr == &watch) ready_[i].data.ptr = nullptr;
  }
}

void Watch::open(PollSet& set, int fd, Poll::Handler handler, void* context) {
  assert(!is_open());
  set_ = &set;
  fd_ = fd;
  handler_ = handler;
  context_ = context;
}

bool Watch::update(int events) {
  assert(is_open());
  if (events == events_) return true;
  if (events == 0) {
    remove();
    return true;
  }
  epoll_event event{to_epoll(events), {}};
  event.data.ptr = this;
  const int operation = events_ == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  if (::epoll_ctl(set_->epoll_.get(), operation, fd_, &event) != 0) return false;
  events_ = static_cast<std::uint8_t>(events);
  return true;
}

void Watch::close() {
  if (!is_open()) return;
  remove();
  set_->forget(*this);
  set_ = nullptr;
}

void Watch::remove() {
  if (events_ == 0) return;
  epoll_event unused{};
  static_cast<void>(::epoll_ctl(set_->epoll_.get(), EPOLL_CTL_DEL, fd_, &unused));
  events_ = 0;
}

/// As uv_poll has it: an error alone, and a hang-up alone, are readiness of all that is waited for;
/// an error stops the watch and is told as such, except to who waits for PRIORITIZED.
void Watch::tell(std::uint32_t ready) {
  const std::uint32_t wanted = to_epoll(events_);
  if (wanted == 0) return;  // stopped since it was taken from the kernel
  ready &= wanted | EPOLLERR | EPOLLHUP;
  if (ready == EPOLLERR || ready == EPOLLHUP) ready |= wanted;
  if (ready == 0) return;
  if ((ready & EPOLLERR) != 0 && (ready & EPOLLPRI) == 0) {
    remove();
    handler_(context_, UV_EBADF, 0);
    return;
  }
  handler_(context_, 0, to_uv(ready));
}

}  // namespace adit::uv
