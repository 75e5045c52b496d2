#include "common/uv/poll_set.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
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

constexpr std::uint32_t kAllEdges = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET;

/// What stands in epoll_event::data: generation (32 bits), slot (32 bits).
constexpr unsigned kGenerationShift = 32;
/// The loop's own descriptor.
constexpr std::uint32_t kLoopSlot = 0;

}  // namespace

// --- PollSet

PollSet::PollSet(Loop& loop)
    : loop_(&loop), epoll_(::epoll_create1(EPOLL_CLOEXEC)), slots_(kLoopSlot + 1) {
  epoll_event event{EPOLLIN, {}};
  event.data.u64 = kLoopSlot;
  if (!epoll_.is_open() ||
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, uv_backend_fd(loop.get()), &event) != 0) {
    std::abort();
  }
}

void PollSet::run() {
  for (is_stopped_ = false; !is_stopped_;) turn(true);
}

/// One batch for one turn: what else is ready is told of in the next one, after the loop's timers.
void PollSet::turn(bool may_wait) {
  ++turns_;
  // 0 also where the loop has something to tell its own set of.
  const int timeout = may_wait ? uv_backend_timeout(loop_->get()) : 0;
  const int count =
      ::epoll_wait(epoll_.get(), ready_.data(), static_cast<int>(ready_.size()), timeout);
  uv_update_time(loop_->get());
  bool is_loop_ready = count <= 0;  // a timer
  for (int i = 0; i < count; ++i) {
    if (!tell(ready_[static_cast<std::size_t>(i)])) is_loop_ready = true;
  }
  if (is_loop_ready || uv_backend_timeout(loop_->get()) == 0) uv_run(loop_->get(), UV_RUN_NOWAIT);
}

/// False: it is the loop's.
bool PollSet::tell(const epoll_event& event) {
  const auto slot = static_cast<std::uint32_t>(event.data.u64);
  if (slot == kLoopSlot) return false;
  const auto generation = static_cast<std::uint32_t>(event.data.u64 >> kGenerationShift);
  if (slots_[slot].generation == generation) slots_[slot].watch->tell(event.events);
  return true;
}

std::uint32_t PollSet::take_slot(Watch& watch) {
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  slots_[slot].watch = &watch;
  return slot;
}

void PollSet::free_slot(std::uint32_t slot) {
  slots_[slot].watch = nullptr;
  ++slots_[slot].generation;
  free_slots_.push_back(slot);
}

bool PollSet::control(int operation, const Watch& watch, std::uint32_t events) const {
  epoll_event event{events, {}};
  event.data.u64 = std::uint64_t{slots_[watch.slot_].generation} << kGenerationShift | watch.slot_;
  return ::epoll_ctl(epoll_.get(), operation, watch.fd_, &event) == 0;
}

// --- Watch

Watch::~Watch() {
  if (!is_open()) return;
  // In Level the kernel would tell of it in every turn for as long as somebody else holds the
  // socket (a process that it was sent to, or that reads /proc/PID/fd).
  if (mode_ == Mode::Level) leave();
  set_->free_slot(slot_);
}

void Watch::open(PollSet& set, int fd, Poll::Handler handler, void* context) {
  assert(!is_open());
  set_ = &set;
  fd_ = fd;
  handler_ = handler;
  context_ = context;
  slot_ = set.take_slot(*this);
}

bool Watch::update(int events) {
  assert(is_open());
  if (events == 0) {
    leave();
    return true;
  }
  switch (mode_) {
    case Mode::Out:
      if (!set_->control(EPOLL_CTL_ADD, *this, kAllEdges)) return false;
      mode_ = Mode::Edge;
      ready_ = 0;
      break;
    case Mode::Edge:
      if ((ready_ & events) == 0) break;
      if (!set_->control(EPOLL_CTL_MOD, *this, to_epoll(events))) return false;
      mode_ = Mode::Level;
      ready_ = 0;
      break;
    case Mode::Level:
      if (events == wanted_) break;
      if (!set_->control(EPOLL_CTL_MOD, *this, to_epoll(events))) return false;
      break;
  }
  wanted_ = static_cast<std::uint8_t>(events);
  return true;
}

void Watch::used_up(int events) {
  if ((ready_ & (UV_DISCONNECT | UV_PRIORITIZED)) != 0) events &= ~UV_READABLE;
  ready_ &= static_cast<std::uint8_t>(~events);
}

void Watch::close() {
  if (!is_open()) return;
  leave();
  set_->free_slot(slot_);
  set_ = nullptr;
}

void Watch::leave() {
  if (mode_ != Mode::Out) static_cast<void>(set_->control(EPOLL_CTL_DEL, *this, 0));
  mode_ = Mode::Out;
  wanted_ = ready_ = 0;
}

/// As uv_poll has it: an error alone, and a hang-up alone, are readiness of all that is waited for;
/// an error stops the watch and is told as such, except to who waits for PRIORITIZED.
void Watch::tell(std::uint32_t ready) {
  // The kernel says how things stand, not only what is new.
  if (mode_ == Mode::Edge) ready_ = static_cast<std::uint8_t>(to_uv(ready));
  const std::uint32_t wanted = to_epoll(wanted_);
  if (wanted == 0) return;  // stopped, perhaps since this was taken from the kernel
  ready &= wanted | EPOLLERR | EPOLLHUP;
  if (ready == EPOLLERR || ready == EPOLLHUP) ready |= wanted;
  if (ready == 0) return;
  if ((ready & EPOLLERR) != 0 && (ready & EPOLLPRI) == 0) {
    if (mode_ == Mode::Level) leave();
    wanted_ = 0;
    handler_(context_, UV_EBADF, 0);
    return;
  }
  handler_(context_, 0, to_uv(ready));
}

}  // namespace adit::uv
