// A pump that may read only so much at a time: with pipes, without, and while it streams.
#include <string>
#include <vector>

#include "relay/pump.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/relay_io/tcp_pair.hpp"

namespace adit::relay {
namespace {

struct Bench {
  explicit Bench(unsigned pipes) : budget(pipes) {}

  ~Bench() { pump.close(pool); }

  PumpStatus run(std::uint64_t allowed) {
    return pump.run(from.near.get(), to.near.get(), {&pool, scratch, SteadyClock::now()}, allowed);
  }

  void send(const std::string& text) {
    REQUIRE(::send(from.far.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(text.size()));
    REQUIRE(test::wait_readable(from.near.get()));
  }

  std::string received() {
    std::string out;
    while (test::wait_readable(to.far.get())) {
      const std::string more = test::read_now(to.far.get());
      out += more;
      if (more.empty() || out.size() >= pump_total) break;
    }
    return out;
  }

  std::size_t pump_total = 0;
  test::TcpPair from = test::tcp_pair();
  test::TcpPair to = test::tcp_pair();
  PipeBudget budget;
  PipePool pool{budget, 2};
  std::vector<std::uint8_t> scratch = std::vector<std::uint8_t>(kSmallPipe);
  Pump pump;
};

TEST_CASE("pump: reads no more than it is allowed", "[relay]") {
  const unsigned pipes = GENERATE(4U, 0U);
  const std::uint64_t allowed = GENERATE(1U, 100U, 5'000U);
  CAPTURE(pipes, allowed);
  Bench bench(pipes);
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += static_cast<char>('a' + i % 26);
  bench.send(text);
  CHECK(bench.run(0) == PumpStatus::Throttled);
  CHECK(bench.pump.take_read() == 0);
  std::size_t total = 0;
  while (total < 20 * allowed && total < text.size()) {
    const PumpStatus status = bench.run(allowed);
    const std::uint64_t read = bench.pump.take_read();
    REQUIRE(read <= allowed);
    CHECK((status == PumpStatus::Throttled) == (read == allowed));
    total += read;
  }
  CHECK(bench.pump.take_moved() == total);
  CHECK_FALSE(bench.pump.is_blocked());
  bench.pump_total = total;
  CHECK(bench.received() == text.substr(0, total));
}

TEST_CASE("pump: small portions of a stream are spliced", "[relay]") {
  Bench bench(4);
  bench.send(std::string(60'000, 'a'));
  for (int i = 0; i < 10; ++i) CHECK(bench.run(2'048) == PumpStatus::Throttled);
  CHECK(bench.pump.take_moved() == 10 * 2'048);
  CHECK(bench.pump.take_spliced() >= 7 * 2'048);
}

TEST_CASE("pump: the end comes behind the last bytes, however small the portions", "[relay]") {
  const unsigned pipes = GENERATE(4U, 0U);
  CAPTURE(pipes);
  Bench bench(pipes);
  bench.send(std::string(10'000, 'a'));
  ::shutdown(bench.from.far.get(), SHUT_WR);
  std::size_t total = 0;
  for (int turns = 0; turns < 100 && !bench.pump.is_finished(); ++turns) {
    static_cast<void>(bench.run(1'000));
    total += bench.pump.take_read();
    if (total < 10'000) CHECK_FALSE(bench.pump.is_finished());
  }
  CHECK(bench.pump.is_finished());
  bench.pump_total = 10'000;
  CHECK(bench.received().size() == 10'000);
  char byte = 0;
  REQUIRE(test::wait_readable(bench.to.far.get()));
  CHECK(::read(bench.to.far.get(), &byte, 1) == 0);
}

TEST_CASE("pump: what was read before passes without an allowance", "[relay]") {
  Bench bench(4);
  while (!bench.pump.is_blocked()) {
    test::fill(bench.from.far.get());
    REQUIRE(test::wait_readable(bench.from.near.get()));
    static_cast<void>(bench.run(Pump::kUnlimited));
  }
  static_cast<void>(bench.pump.take_read());
  static_cast<void>(bench.pump.take_moved());
  for (int turns = 0; turns < 1'000 && bench.pump.is_blocked(); ++turns) {
    test::read_now(bench.to.far.get());
    static_cast<void>(bench.run(0));
  }
  CHECK_FALSE(bench.pump.is_blocked());
  CHECK(bench.pump.take_read() == 0);
  CHECK(bench.pump.take_moved() > 0);
}

}  // namespace
}  // namespace adit::relay
