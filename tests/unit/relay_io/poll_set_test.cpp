#include "common/uv/poll_set.hpp"

#include <memory>

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
  }

  /// As a connection does that dials its next target: another socket, at the same address.
  void renew() {
    watch.close();
    pair = test::tcp_pair();
    watch.open(*set, pair.near.get(), &tell, this);
    CHECK(watch.update(UV_READABLE));
  }

  void send() const { REQUIRE(::send(pair.far.get(), "x", 1, MSG_NOSIGNAL) == 1); }

  PollSet* set;
  test::TcpPair pair = test::tcp_pair();
  Watch watch;
  int calls = 0;
  int status = 0;
  int events = 0;
  Watched* other = nullptr;  ///< renewed when this one is told of anything
};

struct Bench {
  /// One turn of the loop, without waiting.
  void turn() { uv_run(loop.get(), UV_RUN_NOWAIT); }

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
  REQUIRE(watched.watch.update(UV_READABLE));
  for (int turns = 1; turns <= 3; ++turns) {
    bench.turn();
    CHECK(watched.calls == turns);
    CHECK(watched.events == UV_READABLE);
  }
  REQUIRE(watched.watch.update(UV_WRITABLE));
  bench.turn();
  CHECK(watched.events == UV_WRITABLE);
  REQUIRE(watched.watch.update(0));
  bench.turn();
  CHECK(watched.calls == 4);
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

TEST_CASE("poll_set: a socket that somebody else holds leaves the set, too", "[relay]") {
  Bench bench;
  auto watched = std::make_unique<Watched>(bench.set);
  REQUIRE(watched->watch.update(UV_READABLE));
  // As one that was sent by SCM_RIGHTS, or whose link below /proc is read.
  const UniqueFd copy(::dup(watched->pair.near.get()));
  const UniqueFd far(::dup(watched->pair.far.get()));
  bench.turn();
  watched.reset();
  REQUIRE(::send(far.get(), "x", 1, MSG_NOSIGNAL) == 1);
  REQUIRE(test::wait_readable(copy.get()));
  pollfd loop{uv_backend_fd(bench.loop.get()), POLLIN, 0};
  CHECK(::poll(&loop, 1, 0) == 0);  // else it would tell a watch that is no more
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
