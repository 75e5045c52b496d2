// The relay client against a fake relay that speaks the codec, speaks it badly, or says nothing.
#include "controller/apply/relay_client.hpp"

#include <future>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/bytes/byte_writer.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/fake_relay.hpp"

using adit::Errc;
using adit::Milliseconds;
using adit::SteadyClock;
using adit::UniqueFd;
using adit::apply::RelayClient;
using adit::test::FakeRelay;
using adit::test::TempDir;
namespace control = adit::control;
namespace os = adit::os;

namespace {

os::Patience in(Milliseconds time) {
  return {SteadyClock::now() + time, {}};
}

os::Patience enough() {
  return in(Milliseconds(60'000));
}

control::Stats stats_with(std::uint64_t accepted) {
  control::Stats stats;
  stats.software = "fake-relay 1";
  stats.accepted = accepted;
  return stats;
}

/// Greets, then answers every question in kind until the client closes.
void serve(FakeRelay::Peer& peer) {
  peer.greet();
  std::uint64_t asked = 0;
  while (const auto question = peer.receive()) {
    ++asked;
    if (std::holds_alternative<control::StatsRequest>(question->message)) {
      peer.answer(question->id, stats_with(asked));
    } else if (const auto* set = std::get_if<control::Set>(&question->message)) {
      peer.answer(question->id, control::SetReply{{}, "", set->table.revision});
    } else if (const auto* check = std::get_if<control::Check>(&question->message)) {
      peer.answer(question->id, control::CheckReply{{std::to_string(check->table.routes.size())}});
    }
  }
}

control::Table table_of(std::size_t routes) {
  control::Table table;
  table.revision = 7;
  for (std::size_t i = 0; i < routes; ++i) {
    const std::string name = "h" + std::to_string(i) + ".example.com";
    table.routes.push_back({.name = "host/" + name,
                            .pattern = adit::HostPattern::parse(name).value(),
                            .port = 443,
                            .site = "home",
                            .targets = {{adit::Endpoint::parse("10.30.0.200:443").value(), 1}},
                            .drain = {}});
  }
  return table;
}

Errc code_of_stats(RelayClient& client, const os::Patience& patience) {
  const auto stats = client.stats(patience);
  REQUIRE_FALSE(stats);
  CAPTURE(stats.error().what);
  CHECK_FALSE(stats.error().what.empty());
  return stats.error().code;
}

}  // namespace

TEST_CASE("relay_client: asks over one connection and knows whom it speaks with", "[apply]") {
  FakeRelay relay({serve});
  RelayClient client(relay.path(), "adit-controller test");
  CHECK_FALSE(client.is_connected());
  CHECK(client.version() == 0);
  CHECK(client.stats(enough()).value().accepted == 1);
  CHECK(client.check(table_of(3), enough()).value().problems == std::vector<std::string>{"3"});
  CHECK(client.set(table_of(1), enough()).value().revision == 7);
  CHECK(client.stats(enough()).value().accepted == 4);
  CHECK(client.is_connected());
  CHECK(client.relay_software() == "fake-relay 1");
  CHECK(client.version() == control::kProtocolVersion);
}

TEST_CASE("relay_client: a table is set with the digest by which it is known again", "[apply]") {
  std::promise<std::uint64_t> digest;
  FakeRelay relay({[&](FakeRelay::Peer& peer) {
    peer.greet();
    const auto question = peer.receive();
    digest.set_value(std::get<control::Set>(question->message).digest);
    peer.answer(question->id, control::SetReply{});
  }});
  RelayClient client(relay.path(), "test");
  REQUIRE(client.set(table_of(2), enough()));
  CHECK(digest.get_future().get() == control::digest(table_of(2)));
}

TEST_CASE("relay_client: who owns the socket is not for the relay to say", "[apply]") {
  FakeRelay relay({[](FakeRelay::Peer& peer) {
    peer.greet();
    const auto question = peer.receive();
    control::Stats stats = stats_with(1);
    stats.supervisor_pid = 1;
    stats.data_pid = 2;
    peer.answer(question->id, stats);
  }});
  RelayClient client(relay.path(), "test");
  const auto stats = client.stats(enough()).value();
  CHECK(stats.supervisor_pid == static_cast<std::uint32_t>(::getpid()));  // who listens
  CHECK(stats.data_pid == 2);
}

TEST_CASE("relay_client: introduces itself with its versions", "[apply]") {
  std::promise<control::Hello> said;
  auto hello = said.get_future();
  FakeRelay relay({[&](FakeRelay::Peer& peer) {
    const auto first = peer.receive();
    said.set_value(std::get<control::Hello>(first->message));
    peer.answer(first->id, control::HelloReply{});
    const auto question = peer.receive();
    peer.answer(question->id, stats_with(1));
  }});
  RelayClient client(relay.path(), "adit-controller test");
  REQUIRE(client.stats(enough()));
  CHECK(hello.get() == control::Hello{control::kOldestProtocolVersion, control::kProtocolVersion,
                                      "adit-controller test"});
}

TEST_CASE("relay_client: a table larger than any socket buffer passes", "[apply]") {
  FakeRelay relay({serve});
  RelayClient client(relay.path(), "test");
  CHECK(client.check(table_of(50'000), enough()).value().problems ==
        std::vector<std::string>{"50000"});
}

TEST_CASE("relay_client: answers may come in pieces and with fields of a later version",
          "[apply]") {
  FakeRelay relay({[](FakeRelay::Peer& peer) {
    peer.greet();
    const auto question = peer.receive();
    auto body = control::encode({question->id, stats_with(42)});
    adit::ByteWriter later;  // tag u16 | length u32 | value: a tag that nobody knows
    later.u16(0xeeee);
    later.u32(3);
    later.text("abc");
    body.insert(body.end(), later.view().begin(), later.view().end());
    for (const std::uint8_t byte : control::frame(body)) peer.send({&byte, 1});
    peer.wait_for_close();
  }});
  RelayClient client(relay.path(), "test");
  CHECK(client.stats(enough()).value().accepted == 42);
}

TEST_CASE("relay_client: connects anew when the relay was restarted", "[apply]") {
  const auto serve_once = [](FakeRelay::Peer& peer) {
    peer.greet();
    const auto question = peer.receive();
    peer.answer(question->id, stats_with(9));
  };
  FakeRelay relay({serve_once, serve_once, serve});
  RelayClient client(relay.path(), "test");
  for (int round = 0; round < 3; ++round) {
    CAPTURE(round);
    REQUIRE(client.stats(enough()));
  }
}

TEST_CASE("relay_client: closed in the middle of an answer is not answered", "[apply]") {
  FakeRelay relay(
      {[](FakeRelay::Peer& peer) {
         peer.greet();
         const auto question = peer.receive();
         const auto whole = control::frame(control::encode({question->id, stats_with(1)}));
         peer.send(std::span(whole).first(whole.size() / 2));
       },
       serve});
  RelayClient client(relay.path(), "test");
  CHECK(code_of_stats(client, enough()) == Errc::Unavailable);
  CHECK_FALSE(client.is_connected());
  CHECK(client.stats(enough()));
}

TEST_CASE("relay_client: nobody listens", "[apply]") {
  const TempDir folder;
  RelayClient missing(folder.file("relay.sock"), "test");
  CHECK(code_of_stats(missing, enough()) == Errc::NotFound);
  { (void)os::listen_unix(folder.file("dead.sock"), 0600).value(); }
  RelayClient dead(folder.file("dead.sock"), "test");
  CHECK(code_of_stats(dead, enough()) == Errc::Unavailable);
}

TEST_CASE("relay_client: never waits longer than it was told", "[apply]") {
  const auto silent = [](FakeRelay::Peer& peer) { peer.wait_for_close(); };
  const auto silent_after_hello = [](FakeRelay::Peer& peer) {
    peer.greet();
    peer.wait_for_close();
  };
  const auto dripping = [](FakeRelay::Peer& peer) {  // one byte after the other of a frame that
    peer.greet();                                    // never ends
    const std::array<std::uint8_t, 4> length{0, 255, 255, 255};
    bool is_open = peer.send(length);
    const std::uint8_t byte = 0;
    while (is_open) is_open = peer.send({&byte, 1});
  };
  FakeRelay relay({GENERATE_COPY(FakeRelay::Script(silent), FakeRelay::Script(silent_after_hello),
                                 FakeRelay::Script(dripping))});
  RelayClient client(relay.path(), "test");
  const auto begun = SteadyClock::now();
  CHECK(code_of_stats(client, in(Milliseconds(150))) == Errc::Unavailable);
  const auto took = SteadyClock::now() - begun;
  CHECK(took >= Milliseconds(149));
  CHECK(took < Milliseconds(30'000));  // far below a wait without deadline, far above any jitter
  CHECK_FALSE(client.is_connected());
}

TEST_CASE("relay_client: a relay that takes no connection does not hold us", "[apply]") {
  const TempDir folder;
  const UniqueFd listening = os::listen_unix(folder.file("relay.sock"), 0600).value();
  std::vector<UniqueFd> backlog;  // nobody accepts: the queue fills up
  while (true) {
    auto fd = os::connect_unix(folder.file("relay.sock"), true);
    if (!fd) break;
    backlog.push_back(std::move(*fd));
  }
  RelayClient client(folder.file("relay.sock"), "test");
  CHECK(code_of_stats(client, enough()) == Errc::Unavailable);
}

TEST_CASE("relay_client: a stop request ends the wait", "[apply]") {
  std::stop_source stop;
  FakeRelay relay({[&](FakeRelay::Peer& peer) {
    peer.greet();
    if (peer.receive()) stop.request_stop();
    peer.wait_for_close();
  }});
  RelayClient client(relay.path(), "test");
  const os::Patience patience{SteadyClock::now() + std::chrono::hours(1), stop.get_token()};
  CHECK(code_of_stats(client, patience) == Errc::Unavailable);
}

TEST_CASE("relay_client: what is no proper answer is a protocol error", "[apply]") {
  struct Case {
    const char* name;
    FakeRelay::Script script;
  };

  const auto raw = [](std::vector<std::uint8_t> bytes) {
    return [bytes = std::move(bytes)](FakeRelay::Peer& peer) {
      peer.receive();
      peer.send(bytes);
      peer.wait_for_close();
    };
  };
  const auto reply = [](control::Message message, std::uint32_t id_offset) {
    return [message = std::move(message), id_offset](FakeRelay::Peer& peer) {
      peer.greet();
      const auto question = peer.receive();
      peer.answer(question->id + id_offset, message);
      peer.wait_for_close();
    };
  };
  const auto greeting = [](control::Message message) {
    return [message = std::move(message)](FakeRelay::Peer& peer) {
      const auto hello = peer.receive();
      peer.answer(hello->id, message);
      peer.wait_for_close();
    };
  };
  const std::vector<Case> cases{
      {"text of another protocol", raw({'H', 'T', 'T', 'P', '/', '1', '.', '1'})},
      {"a frame beyond the limit", raw({0xff, 0xff, 0xff, 0xff})},
      {"an empty frame", raw({0, 0, 0, 0})},
      {"a version that we never offered", greeting(control::HelloReply{99, "future-relay"})},
      {"version 0", greeting(control::HelloReply{0, "odd-relay"})},
      {"no common version", greeting(control::Failure{"speaks control protocol 3 to 4"})},
      {"no greeting", greeting(stats_with(1))},
      {"an answer to another question", reply(stats_with(1), 1)},
      {"another kind of answer", reply(control::SetReply{}, 0)},
      {"a failure", reply(control::Failure{"cannot do that"}, 0)},
  };
  for (const auto& each : cases) {
    CAPTURE(each.name);
    FakeRelay relay({each.script});
    RelayClient client(relay.path(), "test");
    CHECK(code_of_stats(client, enough()) == Errc::Protocol);
  }
}

TEST_CASE("relay_client: a relay that reloads is one to ask again", "[apply]") {
  FakeRelay relay({[](FakeRelay::Peer& peer) {
    peer.greet();
    const auto first = peer.receive();
    peer.answer(first->id, control::Failure{"reloading; try again", true});
    const auto second = peer.receive();
    peer.answer(second->id, stats_with(1));
    peer.wait_for_close();
  }});
  RelayClient client(relay.path(), "test");
  CHECK(code_of_stats(client, enough()) == Errc::Unavailable);
  CHECK(client.stats(enough()).has_value());  // over the same connection
}

TEST_CASE("relay_client: says why when the relay does not take us", "[apply]") {
  // The relay closes without a word. Root and the relay's own user are never refused, so the
  // client runs as another user where we are root; elsewhere this must stay "unavailable".
  FakeRelay relay({[](FakeRelay::Peer& peer) { (void)peer; }});
  REQUIRE(::chmod(std::filesystem::path(relay.path()).parent_path().c_str(), 0755) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const bool is_other = ::geteuid() == 0 && ::setresuid(65534, 65534, 65534) == 0;
    RelayClient client(relay.path(), "test");
    const auto stats = client.stats(enough());
    const bool is_right =
        !stats && (is_other ? stats.error().code == Errc::Denied &&
                                  stats.error().what.find("--controller-user") != std::string::npos
                            : stats.error().code == Errc::Unavailable);
    ::_exit(is_right ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}
