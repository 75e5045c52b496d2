#include "relay/hello_buffers.hpp"

#include <utility>

#include "tests/support/catch.hpp"

namespace adit::relay {

namespace {
constexpr std::size_t kUsual = 4096;
}

TEST_CASE("hello_buffers: the budget counts what is reserved", "[relay]") {
  HelloBudget budget;
  HelloBuffers buffers(budget);
  auto buffer = buffers.lend();
  REQUIRE(buffer);
  CHECK(budget.bytes() == buffer->bytes.capacity());
  const std::vector<std::uint8_t> bytes(kMaxBufferedBytes, 1);
  for (std::size_t size = 0; size < kMaxBufferedBytes;) {
    const std::size_t count = std::min<std::size_t>(3001, kMaxBufferedBytes - size);
    REQUIRE(buffers.append(*buffer, std::span(bytes).first(count)));
    size += count;
    REQUIRE(buffer->bytes.size() == size);
    REQUIRE(buffer->bytes.capacity() <= std::max(kUsual, 2 * size));
    REQUIRE(budget.bytes() == buffer->bytes.capacity());
  }
  CHECK(buffer->bytes.capacity() == kMaxBufferedBytes);
  buffers.give_back(std::move(buffer));
  CHECK(budget.bytes() == 0);
}

TEST_CASE("hello_buffers: nothing is lent or grown beyond the budget", "[relay]") {
  HelloBudget budget;
  HelloBuffers buffers(budget);
  std::vector<std::unique_ptr<HelloBuffer>> lent;
  constexpr std::size_t kAll = HelloBudget::kMaxBytes / kUsual;
  while (lent.size() < kAll) {
    lent.push_back(buffers.lend());
    REQUIRE(lent.back());
  }
  CHECK_FALSE(buffers.lend());
  const std::vector<std::uint8_t> bytes(kUsual, 1);
  CHECK(buffers.append(*lent.back(), bytes));
  CHECK_FALSE(buffers.append(*lent.back(), std::span(bytes).first(1)));
  CHECK(lent.back()->bytes.size() == kUsual);
  buffers.give_back(std::move(lent.front()));
  CHECK(buffers.append(*lent.back(), std::span(bytes).first(1)));
  CHECK_FALSE(buffers.lend());
}

}  // namespace adit::relay
