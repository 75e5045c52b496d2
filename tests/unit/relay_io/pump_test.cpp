#include "relay/pump.hpp"

#include <string>
#include <vector>

#include "relay/socket_options.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/relay_io/tcp_pair.hpp"

namespace adit::relay {

namespace {

/// A source and a sink as a pump sees them, with the test holding the other ends.
struct Bench {
  explicit Bench(unsigned pipes = 4) : budget(pipes) {}

  ~Bench() { pump.close(pool); }

  PumpStatus run() {
    return pump.run(
        from.near.get(), to.near.get(),
        {&pool, scratch, SteadyClock::now(), may_splice, has_source_ended, closes_sink});
  }

  void send(const std::string& text) {
    REQUIRE(::send(from.far.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(text.size()));
    REQUIRE(test::wait_readable(from.near.get()));
  }

  /// Sends and pumps until the sink is full; how much was sent.
  std::size_t block() {
    std::size_t sent = 0;
    while (!pump.is_blocked()) {
      sent += test::fill(from.far.get());
      REQUIRE(test::wait_readable(from.near.get()));
      run();
    }
    return sent;
  }

  /// Reads at the sink and pumps in turn until the pump waits for the source or is done.
  std::string drain() {
    std::string out;
    for (int turns = 0; turns < 10'000; ++turns) {
      out += test::read_now(to.far.get());
      const PumpStatus status = run();
      if (status != PumpStatus::Turn && status != PumpStatus::SinkFull) break;
    }
    while (test::is_under_way(to.near.get())) {
      REQUIRE(test::wait_readable(to.far.get()));
      out += test::read_now(to.far.get());
    }
    return out + test::read_now(to.far.get());
  }

  /// The same until the FIN was passed on: what the source had no room for arrives later.
  std::string drain_to_end() {
    std::string out;
    while (!pump.is_finished()) {
      out += test::read_now(to.far.get());
      const PumpStatus status = run();
      if (status != PumpStatus::SourceEmpty && status != PumpStatus::SourceShort) continue;
      REQUIRE(test::wait_readable(from.near.get()));
    }
    return out + drain();
  }

  test::TcpPair from = test::tcp_pair();
  test::TcpPair to = test::tcp_pair();
  PipeBudget budget;
  PipePool pool{budget, 2};
  std::vector<std::uint8_t> scratch = std::vector<std::uint8_t>(kSmallPipe);
  bool may_splice = true;
  bool has_source_ended = false;
  bool closes_sink = false;
  Pump pump;
};

void wait_for_fin(int fd) {
  pollfd watched{fd, POLLRDHUP, 0};
  REQUIRE(::poll(&watched, 1, 5000) == 1);
}

}  // namespace

TEST_CASE("pump: small talk passes without splice", "[relay]") {
  Bench bench;
  bench.send("hello");
  CHECK(bench.run() == PumpStatus::SourceEmpty);
  REQUIRE(test::wait_readable(bench.to.far.get()));
  CHECK(test::read_now(bench.to.far.get()) == "hello");
  CHECK(bench.pump.take_moved() == 5);
  CHECK(bench.pump.take_spliced() == 0);
  CHECK_FALSE(bench.pump.is_blocked());
}

TEST_CASE("pump: a full sink holds bytes, FIN waits for them", "[relay]") {
  const unsigned pipes = GENERATE(4U, 0U);  // with pipes, and left in the source's queue
  CAPTURE(pipes);
  Bench bench(pipes);
  std::size_t sent = bench.block();
  sent += test::fill(bench.from.far.get());
  ::shutdown(bench.from.far.get(), SHUT_WR);
  CHECK(bench.run() == PumpStatus::SinkFull);
  CHECK_FALSE(bench.pump.is_finished());
  CHECK(bench.drain_to_end().size() == sent);
  CHECK(bench.pump.is_finished());
  char byte = 0;
  CHECK(::read(bench.to.far.get(), &byte, 1) == 0);
  CHECK(bench.pump.take_moved() == sent);
}

TEST_CASE("pump: the pipe goes back as soon as it is empty", "[relay]") {
  Bench bench(1);
  bench.block();
  CHECK(bench.pool.lend(SteadyClock::now()) == nullptr);
  bench.drain();
  auto pipe = bench.pool.lend(SteadyClock::now());
  REQUIRE(pipe != nullptr);
  CHECK(pipe->is_proven_empty());
  bench.pool.give_back(std::move(pipe));
}

TEST_CASE("pump: a stream is spliced, small talk after it is not", "[relay]") {
  Bench bench;
  for (int i = 0; i < 8; ++i) {
    bench.send(std::string(60'000, 'a'));
    bench.run();
    test::wait_readable(bench.to.far.get());
    test::read_now(bench.to.far.get());
  }
  CHECK(bench.pump.take_spliced() > 0);
  for (int i = 0; i < 8; ++i) {
    bench.send("a");
    const bool is_still_a_stream = i < 3;
    CHECK(bench.run() == (is_still_a_stream ? PumpStatus::SourceShort : PumpStatus::SourceEmpty));
  }
  static_cast<void>(bench.pump.take_spliced());
  bench.send("a");
  CHECK(bench.run() == PumpStatus::SourceEmpty);
  CHECK(bench.pump.take_spliced() == 0);
}

TEST_CASE("pump: where it may not splice, a stream is copied and a full sink loses nothing",
          "[relay]") {
  Bench bench;
  bench.may_splice = false;
  bench.scratch.resize(kLargePipe);
  for (int i = 0; i < 8; ++i) {
    bench.send(std::string(60'000, 'a'));
    CHECK(bench.drain().size() == 60'000);
  }
  CHECK(bench.pump.take_spliced() == 0);
  CHECK(bench.pump.take_moved() == 8 * 60'000);
  const std::size_t sent = bench.block();
  ::shutdown(bench.from.far.get(), SHUT_WR);
  CHECK(bench.drain_to_end().size() == sent);
  CHECK(bench.pump.take_moved() == sent);
}

TEST_CASE("pump: an urgent byte stops nothing and takes nothing with it", "[relay]") {
  const unsigned pipes = GENERATE(4U, 0U);
  const bool is_stream = GENERATE(true, false);
  const bool has_end = GENERATE(true, false);
  CAPTURE(pipes, is_stream, has_end);
  Bench bench(pipes);
  for (int i = 0; i < 4 && is_stream; ++i) {
    bench.send(std::string(60'000, 'a'));
    bench.drain();
  }
  bench.send("before");
  REQUIRE(::send(bench.from.far.get(), "!", 1, MSG_OOB) == 1);
  bench.send("behind");
  if (has_end) ::shutdown(bench.from.far.get(), SHUT_WR);
  // As a loop does: again for as long as the source says that there is something.
  std::string out;
  for (int turns = 0; turns < 100 && out.size() < 12; ++turns) {
    bench.run();
    out += test::read_now(bench.to.far.get());
  }
  CHECK(out == "beforebehind");
  if (has_end) {
    bench.drain_to_end();
    CHECK(bench.pump.is_finished());
  } else {
    bench.run();
    pollfd source{bench.from.near.get(), POLLIN, 0};
    CHECK(::poll(&source, 1, 0) == 0);
    CHECK_FALSE(bench.pump.is_finished());
  }
}

TEST_CASE("pump: a FIN that is known goes with the last bytes, and once", "[relay]") {
  Bench bench;
  bench.has_source_ended = true;
  bench.closes_sink = GENERATE(false, true);
  CAPTURE(bench.closes_sink);
  bench.send("the last bytes");
  ::shutdown(bench.from.far.get(), SHUT_WR);
  wait_for_fin(bench.from.near.get());
  CHECK(bench.run() == PumpStatus::Finished);
  CHECK(bench.pump.is_finished());
  CHECK(bench.pump.take_moved() == 14);
  // Who closes the sink next says FIN by that, and lets go what MSG_MORE held back.
  if (bench.closes_sink) bench.to.near.reset();
  REQUIRE(test::wait_readable(bench.to.far.get()));
  CHECK(test::read_now(bench.to.far.get()) == "the last bytes");
  char byte = 0;
  REQUIRE(test::wait_readable(bench.to.far.get()));
  CHECK(::read(bench.to.far.get(), &byte, 1) == 0);
}

TEST_CASE("pump: more bytes than one read takes are no end, whatever is known", "[relay]") {
  Bench bench;
  bench.has_source_ended = true;
  const std::string bytes(kSmallPipe + 1, 'x');
  bench.send(bytes);
  ::shutdown(bench.from.far.get(), SHUT_WR);
  wait_for_fin(bench.from.near.get());
  CHECK(bench.drain_to_end().size() == bytes.size());
}

TEST_CASE("pump: resets of either side are told apart", "[relay]") {
  Bench bench;
  SECTION("the source") {
    reset_on_close(bench.from.far.get());
    bench.from.far.reset();
    REQUIRE(test::wait_readable(bench.from.near.get()));
    CHECK(bench.run() == PumpStatus::SourceFailed);
    CHECK(bench.pump.error() == ECONNRESET);
  }
  SECTION("the sink") {
    reset_on_close(bench.to.far.get());
    bench.to.far.reset();
    REQUIRE(test::wait_readable(bench.to.near.get()));
    bench.send("lost");
    CHECK(bench.run() == PumpStatus::SinkFailed);
    CHECK(bench.pump.error() == ECONNRESET);
  }
  SECTION("an end that was announced as a reset is no FIN") {
    bench.pump.expect_reset();
    bench.send("the last bytes");
    ::shutdown(bench.from.far.get(), SHUT_WR);
    while (bench.run() == PumpStatus::SourceEmpty) {
    }
    CHECK_FALSE(bench.pump.is_finished());
    REQUIRE(test::wait_readable(bench.to.far.get()));
    CHECK(test::read_now(bench.to.far.get()) == "the last bytes");
    char byte = 0;
    CHECK(::read(bench.to.far.get(), &byte, 1) == -1);
  }
}

}  // namespace adit::relay
