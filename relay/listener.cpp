#include "relay/listener.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <linux/filter.h>
#include <sys/socket.h>

#include "relay/socket_options.hpp"
#include "relay/worker.hpp"

namespace adit::relay {

namespace {

constexpr int kBacklog = 4096;  // the kernel caps it at net.core.somaxconn
constexpr unsigned kMostAtOnce = 64;

/// A filter that drops every packet to the listening socket: handshakes in flight are answered no
/// more, so its queue only gets shorter (the client's SYN is sent again, to whom listens then).
void drop_new_connections(int fd) {
  sock_filter drop{BPF_RET | BPF_K, 0, 0, 0};
  const sock_fprog program{1, &drop};
  // Where it cannot be attached, connections that come in this instant are reset.
  static_cast<void>(::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program));
}

bool is_out_of_resources(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/// accept(2) also reports what happened to the new connection: no reason to stop accepting.
bool is_of_the_client(int error) {
  return error == ECONNABORTED || error == EINTR || error == EPROTO || error == EPERM ||
         error == ENETDOWN || error == EHOSTDOWN || error == EHOSTUNREACH || error == ENETUNREACH;
}

}  // namespace

Result<std::unique_ptr<Listener>> Listener::create(Worker& worker,
                                                   control::ListenAddress configured, UniqueFd fd) {
  std::unique_ptr<Listener> listener(new Listener(worker, configured, std::move(fd)));
  // Accepted sockets inherit these: no system call per connection.
  send_at_once(listener->fd_.get());
  keep_alive(listener->fd_.get());
  allow_later_bind(listener->fd_.get());
  if (::listen(listener->fd_.get(), kBacklog) != 0) return fail_sys("listen", errno);
  listener->poll_.open(
      worker.sockets(), listener->fd_.get(),
      [](void* context, int status, int) noexcept {
        auto& self = *static_cast<Listener*>(context);
        status < 0 ? self.fail_with(-status) : self.accept_some();
      },
      listener.get());
  return listener;
}

Listener::Listener(Worker& worker, control::ListenAddress configured, UniqueFd fd)
    : worker_(&worker), configured_(configured), fd_(std::move(fd)) {}

void Listener::pause() {
  static_cast<void>(poll_.update(0));  // which cannot fail
  is_paused_ = true;
}

void Listener::resume() {
  // It is still bound. If it cannot listen, accepting fails again.
  if (std::exchange(is_destroyed_, false)) static_cast<void>(::listen(fd_.get(), kBacklog));
  is_paused_ = false;
  watch();
}

void Listener::watch() {
  if (!poll_.update(UV_READABLE)) fail_with(errno);
}

void Listener::accept_the_last() {
  drop_new_connections(fd_.get());
  while (accept_one() == Accepted::One) {
  }
}

/// As many as likely wait: a call that finds nothing costs as much as half an accepted client. One,
/// then two, four and so on while each turn finds that the one before has not taken all.
void Listener::accept_some() {
  const bool has_left_some = worker_->sockets().turns() == last_turn_ + 1;
  batch_ = has_left_some ? std::min(2 * batch_, kMostAtOnce) : 1;
  last_turn_ = worker_->sockets().turns();
  for (unsigned i = 0; i < batch_; ++i) {
    switch (accept_one()) {
      case Accepted::One:
        continue;
      case Accepted::None:
        last_turn_ = 0;
        break;
      case Accepted::OutOfResources:
        worker_->pause_accepting();
        break;
      case Accepted::Failed:
        fail_with(errno);
        break;
    }
    break;
  }
  if (!is_paused_) watch();
}

/// Readiness would go on without end, or, after libuv saw an error, never come again.
void Listener::fail_with(int error) {
  pause();
  // shutdown(2) leaves no error behind.
  const int cause = take_socket_error(fd_.get());
  is_destroyed_ = cause != 0;
  worker_->retry_accepting(configured_, is_destroyed_ ? cause : error);
}

Listener::Accepted Listener::accept_one() {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  UniqueFd fd(::accept4(fd_.get(), reinterpret_cast<sockaddr*>(&storage), &size,
                        SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd.is_open()) {
    if (is_out_of_resources(errno)) return Accepted::OutOfResources;
    if (is_of_the_client(errno)) return Accepted::One;
    return errno == EAGAIN ? Accepted::None : Accepted::Failed;
  }
  const auto client = Endpoint::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage), size);
  if (client) worker_->take(std::move(fd), *client, configured_.public_port());
  return Accepted::One;
}

}  // namespace adit::relay
