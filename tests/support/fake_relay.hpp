// A relay's control socket played by a thread: one script for each connection that it takes, in
// order. A script speaks the real codec, or bytes of its own.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/control/codec.hpp"
#include "common/control/frame.hpp"
#include "common/os/unix_socket.hpp"
#include "common/unique_fd.hpp"
#include "tests/support/temp_dir.hpp"

namespace adit::test {

class FakeRelay {
 public:
  /// One connection from the relay's side.
  class Peer {
   public:
    explicit Peer(UniqueFd fd) : fd_(std::move(fd)) {}

    /// The controller's next message; nothing when it has closed.
    std::optional<control::Envelope> receive() {
      while (true) {
        auto body = reader_.next();
        if (!body) return std::nullopt;
        if (*body) return control::decode(**body).value();
        std::array<std::uint8_t, 65536> chunk{};
        const ssize_t count = ::read(fd_.get(), chunk.data(), chunk.size());
        if (count <= 0) return std::nullopt;
        reader_.feed(std::span(chunk).first(static_cast<std::size_t>(count)));
      }
    }

    /// False when the controller has closed.
    bool send(std::span<const std::uint8_t> bytes) {
      while (!bytes.empty()) {
        const ssize_t count = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (count <= 0) return false;
        bytes = bytes.subspan(static_cast<std::size_t>(count));
      }
      return true;
    }

    bool answer(std::uint32_t id, const control::Message& message) {
      return send(control::frame(control::encode({id, message})));
    }

    /// Takes the hello and answers as a relay of this version does.
    void greet() {
      const auto hello = receive();
      if (hello) answer(hello->id, control::HelloReply{control::kProtocolVersion, "fake-relay 1"});
    }

    /// Blocks until the controller closes.
    void wait_for_close() {
      while (receive()) {
      }
    }

   private:
    UniqueFd fd_;
    control::FrameReader reader_;
  };

  using Script = std::function<void(Peer&)>;

  explicit FakeRelay(std::vector<Script> scripts)
      : listening_(listen()), thread_([this, scripts = std::move(scripts)] { play(scripts); }) {}

  ~FakeRelay() { ::shutdown(listening_.get(), SHUT_RDWR); }

  FakeRelay(const FakeRelay&) = delete;
  FakeRelay& operator=(const FakeRelay&) = delete;

  [[nodiscard]] std::string path() const { return folder_.file("relay.sock"); }

 private:
  UniqueFd listen() const {
    UniqueFd fd = os::listen_unix(path(), 0666).value();
    const int flags = ::fcntl(fd.get(), F_GETFL);
    ::fcntl(fd.get(), F_SETFL, flags & ~O_NONBLOCK);
    return fd;
  }

  void play(const std::vector<Script>& scripts) const {
    for (const auto& script : scripts) {
      UniqueFd fd(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!fd.is_open()) return;
      Peer peer(std::move(fd));
      script(peer);
    }
  }

  TempDir folder_;
  UniqueFd listening_;
  std::jthread thread_;
};

}  // namespace adit::test
