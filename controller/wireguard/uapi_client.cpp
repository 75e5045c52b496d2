#include "controller/wireguard/uapi_client.hpp"

#include <cerrno>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/os/unix_socket.hpp"
#include "controller/secrets/wipe.hpp"
#include "controller/wireguard/uapi_codec.hpp"

namespace adit::wireguard {
namespace {

constexpr Milliseconds kDeadline{5000};
/// A thousand new peers keep wireguard-go busy for seconds where others use the processor too.
constexpr Milliseconds kSetDeadline{20'000};
constexpr std::size_t kAnswerLimit = 64 * 1024 * 1024;  // some 100 000 peers
constexpr std::size_t kFirstRoom = 64 * 1024;

/// Waits for `events`; false at the deadline.
bool wait_for(int fd, short events, TimePoint deadline) {
  while (true) {
    const auto left =
        std::chrono::duration_cast<Milliseconds>(deadline - SteadyClock::now()).count();
    if (left <= 0) return false;
    pollfd waiting{fd, events, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(left));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

/// Doubles the room of `text`; a plain resize would leave a copy of a key in the old place.
void grow(std::string& text) {
  std::string larger(2 * text.size(), '\0');
  text.copy(larger.data(), text.size());
  secrets::wipe(text);
  text = std::move(larger);
}

constexpr const char* kSilent = "userspace WireGuard did not answer in time";

}  // namespace

Result<UapiClient> UapiClient::connect(const std::string& path) {
  auto fd = os::connect_unix(path, true);
  if (!fd) return fail(fd.error());
  return UapiClient(std::move(*fd));
}

Result<void> UapiClient::send(const std::string& request, TimePoint deadline) {
  std::size_t sent = 0;
  while (sent < request.size()) {
    const ssize_t part =
        ::send(fd_.get(), request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (part >= 0) {
      sent += static_cast<std::size_t>(part);
    } else if (errno == EAGAIN) {
      if (!wait_for(fd_.get(), POLLOUT, deadline)) return fail(Errc::Unavailable, kSilent);
    } else if (errno != EINTR) {
      return fail_sys("write to userspace WireGuard", errno);
    }
  }
  return {};
}

Result<void> UapiClient::receive(std::string& answer, TimePoint deadline) {
  answer.assign(kFirstRoom, '\0');
  std::size_t size = 0;
  while (true) {
    if (size == answer.size()) grow(answer);
    const ssize_t got = ::read(fd_.get(), answer.data() + size, answer.size() - size);
    if (got == 0) {  // it closes without a word on an operation that it does not know
      return fail(Errc::Protocol, "userspace WireGuard closed the connection without an answer");
    }
    if (got < 0 && errno == EAGAIN) {
      if (!wait_for(fd_.get(), POLLIN, deadline)) return fail(Errc::Unavailable, kSilent);
      continue;
    }
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_sys("read from userspace WireGuard", errno);
    size += static_cast<std::size_t>(got);
    if (uapi::is_complete(std::string_view(answer).substr(0, size))) break;
    if (size > kAnswerLimit) return fail(Errc::Protocol, "userspace WireGuard answers without end");
  }
  answer.resize(size);
  return {};
}

Result<Device> UapiClient::get(const std::string& interface) {
  const auto deadline = SteadyClock::now() + kDeadline;
  if (auto sent = send(uapi::encode_get(), deadline); !sent) return fail(sent.error());
  std::string answer;
  const secrets::WipeAtExit wiper(answer);
  if (auto received = receive(answer, deadline); !received) return fail(received.error());
  return uapi::parse_get(answer, interface);
}

Result<void> UapiClient::set(const std::string& request) {
  const auto deadline = SteadyClock::now() + kSetDeadline;
  if (auto sent = send(request, deadline); !sent) return sent;
  std::string answer;
  if (auto received = receive(answer, deadline); !received) return received;
  const auto code = uapi::parse_errno(answer);
  if (!code) return fail(code.error());
  if (*code != 0) return fail_sys("userspace WireGuard refused it", *code);
  return {};
}

bool UapiClient::wait_for_end(TimePoint deadline) {
  return wait_for(fd_.get(), POLLIN | POLLRDHUP, deadline);
}

}  // namespace adit::wireguard
