#include "relay/hello_buffers.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include <sys/socket.h>
#include <sys/uio.h>

namespace adit::relay {

namespace {
/// Hellos with a post-quantum key share are about 1900 bytes.
constexpr std::size_t kUsualHello = 4096;
constexpr std::size_t kMaxSpare = 64;
}  // namespace

ssize_t send_held(int fd, const HelloBuffer& hello) {
  const auto part = [](std::span<const std::uint8_t> bytes, std::size_t sent) {
    const auto left = bytes.subspan(std::min(sent, bytes.size()));
    return iovec{const_cast<std::uint8_t*>(left.data()), left.size()};  // only read from
  };
  std::array<iovec, 2> parts{part(hello.proxy_header, hello.sent),
                             part(hello.bytes, hello.client_bytes_sent())};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  return ::sendmsg(fd, &message, MSG_NOSIGNAL);
}

std::unique_ptr<HelloBuffer> HelloBuffers::lend() {
  if (!budget_->take_bytes(kUsualHello)) return nullptr;
  auto buffer = std::make_unique<HelloBuffer>();
  if (!spare_.empty()) {
    buffer->bytes = std::move(spare_.back());
    spare_.pop_back();
  } else {
    buffer->bytes.reserve(kUsualHello);
  }
  return buffer;
}

bool HelloBuffers::append(HelloBuffer& buffer, std::span<const std::uint8_t> bytes) {
  const std::size_t needed = buffer.bytes.size() + bytes.size();
  const std::size_t reserved = buffer.bytes.capacity();
  assert(needed <= kMaxBufferedBytes);
  if (needed > reserved) {
    const std::size_t grown = std::clamp(2 * reserved, needed, kMaxBufferedBytes);
    if (!budget_->take_bytes(grown - reserved)) return false;
    buffer.bytes.reserve(grown);
  }
  buffer.bytes.insert(buffer.bytes.end(), bytes.begin(), bytes.end());
  return true;
}

std::unique_ptr<HelloBuffer> HelloBuffers::adopt(std::span<const std::uint8_t> bytes) {
  auto buffer = std::make_unique<HelloBuffer>();
  buffer->bytes.reserve(std::max(bytes.size(), kUsualHello));
  buffer->bytes.assign(bytes.begin(), bytes.end());
  budget_->add_bytes(buffer->bytes.capacity());
  return buffer;
}

void HelloBuffers::give_back(std::unique_ptr<HelloBuffer> buffer) {
  budget_->give_back_bytes(buffer->bytes.capacity());
  buffer->bytes.clear();
  if (buffer->bytes.capacity() <= kUsualHello && spare_.size() < kMaxSpare) {
    spare_.push_back(std::move(buffer->bytes));
  }
}

}  // namespace adit::relay
