#include "common/uv/poll_set.hpp"

#include <array>
#include <fstream>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <sys/mman.h>

#include "relay/socket_options.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/relay_io/tcp_pair.hpp"

namespace adit::uv {

namespace {

/// One end of a connection that is watched, and what its handler was told.
struct Watched {
  explicit Watched(PollSet& in) : set(&in) { watch.open(in, pair.near.get(), &tell, this); }

  static void tell(void* context, int status, int events) noexcept {
    auto& self = *static_cast<Watched*>(context);
    ++self.calls;
    self.status = status;
    self.events = events;
    if (self.other != nullptr) self.other->renew();
    if (self.takes) self.take();
    if (self.asks != 0) CHECK(self.watch.update(self.asks));
  }

  /// As an owner does that reads once, and less than it asks for.
  void take() {
    std::array<char, 64> room{};
    REQUIRE(::recv(pair.near.get(), room.data(), room.size(), 0) >= 0);
    watch.used_up(UV_READABLE);
  }

  /// As a connection does that dials its next target: another socket, at the same address.
  void renew() {
    watch.close();
    pair = test::tcp_pair();
    watch.open(*set, pair.near.get(), &tell, this);
    CHECK(watch.update(UV_READABLE));
  }

  void ask(int events_to_ask) {
    asks = events_to_ask;
    REQUIRE(watch.update(asks));
  }

  /// How the kernel watches it: the mask, from /proc/self/fdinfo; 0: not at all.
  [[nodiscard]] std::uint32_t mask() const {
    std::ifstream info(fmt::format("/proc/self/fdinfo/{}", set->fd()));
    std::string word;
    while (info >> word) {
      if (word != "tfd:") continue;
      int fd = 0;
      std::uint32_t events = 0;
      info >> fd >> word >> std::hex >> events >> std::dec;
      if (fd == pair.near.get()) return events;
    }
    return 0;
  }

  void send() const { REQUIRE(::send(pair.far.get(), "x", 1, MSG_NOSIGNAL) == 1); }

  PollSet* set;
  test::TcpPair pair = test::tcp_pair();
  Watch watch;
  int calls = 0;
  int status = 0;
  int events = 0;
  int asks = 0;              ///< what the handler asks for anew
  bool takes = false;        ///< whether it takes what there is
  Watched* other = nullptr;  ///< renewed when this one is told of anything
};

struct Bench {
  void turn() { set.turn(false); }

  Loop loop;
  PollSet set{loop};
};

}  // namespace

TEST_CASE("poll_set: tells what is asked for, again and again until it is taken", "[relay]") {
  Bench bench;
  Watched watched(bench.set);
  bench.turn();
  CHECK(watched.calls == 0);
  watched.send();
  REQUIRE(test::wait_readable(watched.pair.near.get()));
  bench.turn();
  CHECK(watched.calls == 0);  // nothing is asked for
  watched.ask(UV_READABLE);
  for (int turns = 1; turns <= 3; ++turns) {
    bench.turn();
    CHECK(watched.calls == turns);
    CHECK(watched.events == UV_READABLE);
  }
  watched.ask(UV_WRITABLE);
  bench.turn();
  CHECK(watched.events == UV_WRITABLE);
  REQUIRE(watched.watch.update(0));
  bench.turn();
  CHECK(watched.calls == 4);
}

TEST_CASE("poll_set: who says what is used up costs the kernel no change", "[relay]") {
  Bench bench;
  Watched watched(bench.set);
  CHECK(watched.mask() == 0);
  watched.takes = true;
  watched.ask(UV_READABLE);
  for (int messages = 1; messages <= 3; ++messages) {
    watched.send();
    REQUIRE(test::wait_readable(watched.pair.near.get()));
    for (int turns = 0; turns < 3; ++turns) bench.turn();
    CHECK(watched.calls == messages);
    CHECK((watched.mask() & EPOLLET) != 0);
  }
  watched.takes = false;  // says nothing, so that it is told again
  watched.send();
  REQUIRE(test::wait_readable(watched.pair.near.get()));
  for (int turns = 1; turns <= 3; ++turns) {
    bench.turn();
    CHECK(watched.calls == 3 + turns);
    CHECK((watched.mask() & EPOLLET) == 0);
  }
}

TEST_CASE("poll_set: what was told while something else was asked for is not forgotten",
          "[relay]") {
  Bench bench;
  Watched watched(bench.set);
  watched.ask(UV_DISCONNECT);
  watched.send();
  REQUIRE(test::wait_readable(watched.pair.near.get()));
  bench.turn();
  CHECK(watched.calls == 0);
  watched.ask(UV_READABLE);
  bench.turn();
  CHECK(watched.calls == 1);
  CHECK(watched.events == UV_READABLE);
}

TEST_CASE("poll_set: a full socket is told of when it takes bytes again", "[relay]") {
  Bench bench;
  Watched watched(bench.set);
  watched.ask(UV_DISCONNECT);
  bench.turn();
  const std::size_t sent = test::fill(watched.pair.near.get());
  watched.watch.used_up(UV_WRITABLE);
  watched.ask(UV_WRITABLE);
  bench.turn();
  CHECK(watched.calls == 0);
  std::size_t received = 0;
  while (received < sent) {
    REQUIRE(test::wait_readable(watched.pair.far.get()));
    received += test::read_now(watched.pair.far.get()).size();
  }
  bench.turn();
  CHECK(watched.calls == 1);
  CHECK(watched.events == UV_WRITABLE);
}

TEST_CASE("poll_set: neither a FIN nor an urgent byte hides behind bytes that are used up",
          "[relay]") {
  Bench bench;
  Watched watched(bench.set);
  watched.ask(UV_READABLE);
  watched.takes = true;
  const bool is_urgent = GENERATE(false, true);
  CAPTURE(is_urgent);
  watched.send();
  if (is_urgent) {
    REQUIRE(::send(watched.pair.far.get(), "u", 1, MSG_OOB) == 1);
    watched.send();
  } else {
    ::shutdown(watched.pair.far.get(), SHUT_WR);
  }
  pollfd watcher{watched.pair.near.get(), static_cast<short>(is_urgent ? POLLPRI : POLLRDHUP), 0};
  REQUIRE(::poll(&watcher, 1, 5000) == 1);
  bench.turn();
  CHECK(watched.calls == 1);
  CHECK(watched.watch.has_ended() == false);  // it is asked of the kernel from now on
  bench.turn();
  CHECK(watched.calls == 2);  // although it was called used up
}

TEST_CASE("poll_set: a reset is told once and stops the watch; nobody who asked for nothing hears",
          "[relay]") {
  Bench bench;
  Watched watched(bench.set);
  const bool is_stopped = GENERATE(true, false);
  REQUIRE(watched.watch.update(UV_READABLE));
  if (is_stopped) REQUIRE(watched.watch.update(0));
  relay::reset_on_close(watched.pair.far.get());
  watched.pair.far.reset();
  REQUIRE(test::wait_readable(watched.pair.near.get()));
  for (int turns = 0; turns < 3; ++turns) bench.turn();
  CHECK(watched.calls == (is_stopped ? 0 : 1));
  if (!is_stopped) CHECK(watched.status < 0);
}

TEST_CASE("poll_set: what was ready for a closed watch is not told to its successor", "[relay]") {
  Bench bench;
  Watched first(bench.set);
  Watched second(bench.set);
  first.other = &second;
  second.other = &first;
  for (Watched* each : {&first, &second}) {
    REQUIRE(each->watch.update(UV_READABLE));
    each->send();
    REQUIRE(test::wait_readable(each->pair.near.get()));
  }
  bench.turn();
  CHECK(first.calls + second.calls == 1);
}

TEST_CASE("poll_set: of a socket that somebody else holds, too, nobody is told any more",
          "[relay]") {
  Bench bench;
  auto watched = std::make_unique<Watched>(bench.set);
  const bool is_level = GENERATE(false, true);
  const bool is_closed = GENERATE(false, true);
  CAPTURE(is_level, is_closed);
  watched->ask(UV_READABLE);
  // As one that was sent by SCM_RIGHTS, or whose link below /proc is read.
  const UniqueFd copy(::dup(watched->pair.near.get()));
  const UniqueFd far(::dup(watched->pair.far.get()));
  if (is_level) {
    watched->send();
    REQUIRE(test::wait_readable(copy.get()));
    bench.turn();
    CHECK(watched->calls == 1);
    CHECK((watched->mask() & EPOLLET) == 0);
  }
  if (is_closed) watched->watch.close();
  watched.reset();
  Watched next(bench.set);  // likely at the same place
  next.ask(UV_READABLE);
  REQUIRE(::send(far.get(), "x", 1, MSG_NOSIGNAL) == 1);
  REQUIRE(test::wait_readable(copy.get()));
  bench.turn();
  CHECK(next.calls == 0);
  pollfd set{bench.set.fd(), POLLIN, 0};
  CHECK(::poll(&set, 1, 0) == 0);  // no turn is made for it
}

TEST_CASE("poll_set: what the kernel does not take is said", "[relay]") {
  Bench bench;
  const UniqueFd file(::memfd_create("no socket", MFD_CLOEXEC));  // EPERM, as ENOSPC is hard to get
  Watch watch;
  watch.open(
      bench.set, file.get(), [](void*, int, int) noexcept {}, nullptr);
  CHECK_FALSE(watch.update(UV_READABLE));
  CHECK(watch.update(0));
}

}  // namespace adit::uv
