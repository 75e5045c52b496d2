#include "relay/hello_buffers.hpp"

#include <utility>

namespace adit::relay {

namespace {
/// Hellos with a post-quantum key share are about 1900 bytes.
constexpr std::size_t kUsualHello = 4096;
constexpr std::size_t kMaxSpare = 64;
}  // namespace

std::unique_ptr<HelloBuffer> HelloBuffers::lend() {
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
  if (!budget_->take_bytes(bytes.size())) return false;
  buffer.bytes.insert(buffer.bytes.end(), bytes.begin(), bytes.end());
  return true;
}

void HelloBuffers::give_back(std::unique_ptr<HelloBuffer> buffer) {
  budget_->give_back_bytes(buffer->bytes.size());
  buffer->bytes.clear();
  if (buffer->bytes.capacity() <= kUsualHello && spare_.size() < kMaxSpare) {
    spare_.push_back(std::move(buffer->bytes));
  }
}

}  // namespace adit::relay
