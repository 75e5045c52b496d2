#include "relay/control_server.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>

#include "common/control/codec.hpp"
#include "common/log.hpp"
#include "common/os/unix_socket.hpp"
#include "common/version.hpp"

namespace adit::relay {

namespace {

constexpr std::size_t kMaxSessions = 16;
constexpr Milliseconds kPause{200};
constexpr std::size_t kReadBytes = std::size_t{256} << 10;

std::string software() {
  return fmt::format("adit-relay {}", kVersion);
}

}  // namespace

/// One controller. It says hello, then asks; member functions return whether it goes on.
class ControlServer::Session {
 public:
  enum class Next { Continue, Finished };

  Session(ControlServer& server, UniqueFd fd) : server_(&server), fd_(std::move(fd)) {}

  [[nodiscard]] Result<void> start(uv::Loop& loop) {
    auto poll = uv::Poll::create(loop, fd_.get(), &Session::on_ready, this);
    if (!poll) return fail(std::move(poll).error());
    poll_ = std::move(*poll);
    update_interest();
    return {};
  }

 private:
  static void on_ready(void* context, int status, int events) noexcept {
    auto* session = static_cast<Session*>(context);
    if (session->advance(status, events) == Next::Finished) session->server_->remove(*session);
  }

  Next advance(int status, int events) {
    if (status < 0) return Next::Finished;
    if ((events & UV_WRITABLE) != 0 && !write()) return Next::Finished;
    if ((events & UV_READABLE) != 0 && !read()) return Next::Finished;
    if (!answer_whole_frames()) return Next::Finished;
    update_interest();
    return is_ending_ && out_.empty() ? Next::Finished : Next::Continue;
  }

  void update_interest() { poll_.update(out_.empty() ? UV_READABLE : UV_WRITABLE); }

  bool read() {
    static thread_local std::array<std::uint8_t, kReadBytes> chunk;
    const ssize_t count = ::recv(fd_.get(), chunk.data(), chunk.size(), 0);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    reader_.feed(std::span(chunk).first(static_cast<std::size_t>(count)));
    return count > 0;
  }

  /// False when the controller is gone.
  bool write() {
    while (sent_ < out_.size()) {
      const ssize_t count =
          ::send(fd_.get(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return errno == EAGAIN;
      sent_ += static_cast<std::size_t>(count);
    }
    out_ = {};
    sent_ = 0;
    return true;
  }

  /// One answer at a time: the next request waits until the last answer was taken.
  bool answer_whole_frames() {
    while (out_.empty() && !is_ending_) {
      auto body = reader_.next();
      if (!body) return false;
      if (!*body) return true;
      auto reply = reply_to(std::move(**body));
      if (!reply) {
        log::warning("relay: control: {}; continuing", reply.error().what);
        return false;
      }
      out_ = control::frame(control::encode(*reply));
      if (!write()) return false;
    }
    return true;
  }

  Result<control::Envelope> reply_to(std::vector<std::uint8_t>&& body) {
    // A table of 100 000 routes is not to become as many values: it stays as it came.
    const auto table = control::read_table_request(body);
    if (!table) return fail(table.error());
    if (*table) {
      return control::Envelope{(*table)->id, is_greeted_
                                                 ? server_->answers_.table(**table, std::move(body))
                                                 : refuse_ungreeted()};
    }
    const auto envelope = control::decode(body);
    if (!envelope) return fail(envelope.error());
    return control::Envelope{envelope->id, reply_to(envelope->message)};
  }

  control::Message reply_to(const control::Message& request) {
    if (const auto* hello = std::get_if<control::Hello>(&request)) return greet(*hello);
    return is_greeted_ ? server_->answers_.message(request) : refuse_ungreeted();
  }

  control::Message refuse_ungreeted() {
    is_ending_ = true;
    return control::Failure{"the first message must be a hello"};
  }

  control::Message greet(const control::Hello& hello) {
    const std::uint16_t version = std::min(hello.newest_version, control::kProtocolVersion);
    if (version < std::max(hello.oldest_version, control::kOldestProtocolVersion)) {
      is_ending_ = true;
      return control::Failure{fmt::format("{} speaks control protocol {} to {}, {} speaks {} to {}",
                                          software(), control::kOldestProtocolVersion,
                                          control::kProtocolVersion, hello.software,
                                          hello.oldest_version, hello.newest_version)};
    }
    is_greeted_ = true;
    return control::HelloReply{version, software()};
  }

  ControlServer* server_;
  UniqueFd fd_;
  uv::Poll poll_;
  control::FrameReader reader_;
  std::vector<std::uint8_t> out_;
  std::size_t sent_ = 0;
  bool is_greeted_ = false;
  bool is_ending_ = false;  ///< as soon as `out_` is written
};

Result<std::unique_ptr<ControlServer>> ControlServer::create(uv::Loop& loop, UniqueFd listening,
                                                             std::vector<uid_t> allowed,
                                                             Answers answers) {
  std::unique_ptr<ControlServer> server(
      new ControlServer(std::move(listening), std::move(allowed), std::move(answers)));
  server->loop_ = &loop;
  auto poll = uv::Poll::create(
      loop, server->listening_.get(),
      [](void* context, int, int) noexcept { static_cast<ControlServer*>(context)->accept(); },
      server.get());
  if (!poll) return fail(std::move(poll).error());
  server->poll_ = std::move(*poll);
  server->poll_.update(UV_READABLE);
  server->resume_.emplace(loop, [self = server.get()] { self->poll_.update(UV_READABLE); });
  return server;
}

ControlServer::ControlServer(UniqueFd listening, std::vector<uid_t> allowed, Answers answers)
    : listening_(std::move(listening)),
      allowed_(std::move(allowed)),
      answers_(std::move(answers)) {}

ControlServer::~ControlServer() = default;

void ControlServer::accept() {
  UniqueFd fd(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (fd.is_open()) return admit(std::move(fd));
  if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) return;
  // Out of descriptors: readiness would not go away, so do not look for a while.
  poll_.update(0);
  resume_->start(kPause);
}

void ControlServer::admit(UniqueFd fd) {
  if (!is_allowed(fd.get())) return;
  if (sessions_.size() >= kMaxSessions) {
    log::warning("relay: control: more than {} controllers; continuing", kMaxSessions);
    return;
  }
  auto& session = sessions_.emplace_back(std::make_unique<Session>(*this, std::move(fd)));
  if (auto started = session->start(*loop_); !started) {
    log::warning("relay: control: {}; continuing", started.error().what);
    sessions_.pop_back();
  }
}

bool ControlServer::is_allowed(int fd) const {
  const auto peer = os::peer_credentials(fd);
  if (peer && std::ranges::find(allowed_, peer->uid) != allowed_.end()) return true;
  log::warning("relay: control: refused uid={}; continuing",
               peer ? static_cast<long>(peer->uid) : -1L);
  return false;
}

void ControlServer::remove(Session& session) {
  sessions_.remove_if([&](const auto& each) { return each.get() == &session; });
}

}  // namespace adit::relay
