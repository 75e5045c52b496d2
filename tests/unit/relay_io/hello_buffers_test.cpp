#include "relay/hello_buffers.hpp"

#include <array>
#include <utility>

#include <sys/socket.h>

#include "common/unique_fd.hpp"
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

TEST_CASE("hello_buffers: what is left is sent from wherever the last write ended", "[relay]") {
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
  const UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  HelloBuffer hello;
  hello.proxy_header = {1, 2, 3, 4, 5};
  hello.bytes = {6, 7, 8, 9};
  const std::vector<std::uint8_t> whole{1, 2, 3, 4, 5, 6, 7, 8, 9};
  for (std::size_t sent = 0; sent < whole.size(); ++sent) {
    CAPTURE(sent);
    hello.sent = sent;
    CHECK(hello.client_bytes_sent() == (sent > 5 ? sent - 5 : 0));
    CHECK_FALSE(hello.is_sent());
    const std::vector<std::uint8_t> left(whole.begin() + static_cast<std::ptrdiff_t>(sent),
                                         whole.end());
    REQUIRE(send_held(ours.get(), hello) == static_cast<ssize_t>(left.size()));
    std::vector<std::uint8_t> got(whole.size());
    const ssize_t count = ::recv(theirs.get(), got.data(), got.size(), 0);
    REQUIRE(count == static_cast<ssize_t>(left.size()));
    got.resize(left.size());
    CHECK(got == left);
  }
  hello.sent = whole.size();
  CHECK(hello.is_sent());
  CHECK(hello.client_bytes_sent() == 4);
}

}  // namespace adit::relay
