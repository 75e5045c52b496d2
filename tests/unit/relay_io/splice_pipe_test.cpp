#include "relay/splice_pipe.hpp"

#include <string>
#include <utility>

#include <sys/resource.h>

#include "relay/pipe_pool.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/relay_io/tcp_pair.hpp"

namespace adit::relay {

namespace {
std::span<const std::uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
}  // namespace

TEST_CASE("splice_pipe: counts what it holds, in and out", "[relay]") {
  auto pipe = SplicePipe::create();
  REQUIRE(pipe);
  CHECK(pipe->capacity() >= kSmallPipe);
  auto from = test::tcp_pair();
  auto to = test::tcp_pair();
  CHECK(pipe->fill_from(from.near.get()).status == IoStatus::WantRead);
  REQUIRE(::send(from.far.get(), "12345", 5, 0) == 5);
  REQUIRE(test::wait_readable(from.near.get()));
  const IoResult in = pipe->fill_from(from.near.get());
  CHECK(in.status == IoStatus::Done);
  CHECK(in.bytes == 5);
  CHECK(pipe->held() == 5);
  CHECK_FALSE(pipe->is_proven_empty());
  CHECK(pipe->drain_to(to.near.get()).bytes == 5);
  CHECK(pipe->is_proven_empty());
  REQUIRE(test::wait_readable(to.far.get()));
  CHECK(test::read_now(to.far.get()) == "12345");
  ::shutdown(from.far.get(), SHUT_WR);
  REQUIRE(test::wait_readable(from.near.get()));
  CHECK(pipe->fill_from(from.near.get()).status == IoStatus::Eof);
}

TEST_CASE("splice_pipe: takes a whole scratch buffer", "[relay]") {
  auto pipe = SplicePipe::create();
  REQUIRE(pipe);
  CHECK(pipe->put(bytes_of(std::string(kSmallPipe, 'x'))));
  CHECK(pipe->held() == kSmallPipe);
}

TEST_CASE("splice_pipe: after a failure it is empty for nobody", "[relay]") {
  auto pipe = SplicePipe::create();
  REQUIRE(pipe);
  REQUIRE(pipe->put(bytes_of("abc")));
  CHECK(pipe->drain_to(-1).status == IoStatus::Failed);
  CHECK_FALSE(pipe->is_proven_empty());
}

TEST_CASE("pipe_pool: lends what came back empty and destroys the rest", "[relay]") {
  PipeBudget budget(2);
  PipePool pool(budget, 4);
  const TimePoint now{};
  auto first = pool.lend(now);
  auto second = pool.lend(now);
  REQUIRE(first);
  REQUIRE(second);
  CHECK_FALSE(pool.lend(now));
  REQUIRE(first->put(bytes_of("stale")));
  pool.give_back(std::move(first));
  const auto third = pool.lend(now);
  REQUIRE(third);
  CHECK(third->held() == 0);
  const SplicePipe* known = second.get();
  pool.give_back(std::move(second));
  auto again = pool.lend(now);
  CHECK(again.get() == known);
  pool.give_back(std::move(again));
  budget.give_back();  // `third` ends outside of the pool
}

TEST_CASE("pipe_pool: a refusal of the kernel is not asked for again at once", "[relay]") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  PipeBudget budget(8);
  PipePool pool(budget, 4);
  const TimePoint now{};
  const rlimit none{0, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const bool was_lent = pool.lend(now) != nullptr;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK_FALSE(was_lent);
  CHECK_FALSE(pool.lend(now + Milliseconds{10}));
  auto later = pool.lend(now + Seconds{5});
  CHECK(later);
  if (later) pool.give_back(std::move(later));
}

}  // namespace adit::relay
