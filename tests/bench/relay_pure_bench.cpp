// What the relay's pure parts cost: time to read a ClientHello and to find a route, memory of a
// table of 100 000 routes and each step of its push. Build with the release preset; prints one line
// per figure.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <malloc.h>
#include <time.h>

#include "common/control/codec.hpp"
#include "common/control/frame.hpp"
#include "relay/admission.hpp"
#include "relay/client_hello.hpp"
#include "relay/prefix_set.hpp"
#include "relay/route_table.hpp"
#include "relay/table_cache.hpp"
#include "relay/timer_wheel.hpp"
#include "tests/support/client_hello_builder.hpp"
#include "tests/support/random.hpp"
#include "tests/support/tables.hpp"

namespace {

using namespace adit;
using namespace adit::relay;

constexpr std::size_t kRoutes = 100'000;
std::size_t sink = 0;  // printed at the end, so that no work can be left out

std::size_t heap_bytes() {
  const struct mallinfo2 info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

/// Of this process, so that what else runs on the machine counts little.
std::chrono::nanoseconds cpu_time() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

/// Prints nanoseconds of CPU per call of `work(i)`.
template <class Work>
void measure(const char* what, std::size_t count, Work work) {
  for (std::size_t i = 0; i < count / 10; ++i) work(i);
  const auto begin = cpu_time();
  for (std::size_t i = 0; i < count; ++i) work(i);
  const std::chrono::duration<double, std::nano> took = cpu_time() - begin;
  std::printf("%-58s %9.1f ns\n", what, took.count() / static_cast<double>(count));
}

void measure_hellos() {
  const auto read = [](const test::Bytes& stream) {
    return [&stream](std::size_t) {
      ClientHelloReader reader;
      sink += static_cast<std::size_t>(reader.feed(stream));
      sink += reader.hello().server_name->wire_text().size();
    };
  };
  const auto browser = test::browser_hello("jellyfin.example.com").record();
  const auto large = test::post_quantum_hello("jellyfin.example.com");
  const auto one = large.record();
  const auto two = test::two_records(large.message(), 1'000);
  const auto many = test::records_of(large.message(), 1);
  std::printf("hello sizes: %zu and %zu bytes\n", browser.size(), one.size());
  measure("read a hello of 517 bytes", 1'000'000, read(browser));
  measure("read a hello of 1.9 kB", 1'000'000, read(one));
  measure("read a hello of 1.9 kB in two records", 1'000'000, read(two));
  measure("read a hello of 1.9 kB in records of one byte", 20'000, read(many));
  measure("read a hello of 1.9 kB, fed byte by byte", 20'000, [&](std::size_t) {
    ClientHelloReader reader;
    for (std::size_t size = 1; size <= one.size(); ++size) {
      sink += static_cast<std::size_t>(reader.feed(std::span(one).first(size)));
    }
  });
}

control::Table large_table() {
  std::vector<control::Route> routes;
  routes.reserve(kRoutes);
  for (std::size_t i = 0; i < kRoutes; ++i) {
    const std::string name = "host" + std::to_string(i) + ".example.com";
    routes.push_back(test::make_route("host/" + name, i % 10 == 0 ? "*." + name : name));
  }
  return test::make_table(std::move(routes));
}

void measure_routes() {
  const control::Table values = large_table();
  RouteStates states;
  const std::size_t before = heap_bytes();
  auto begin = cpu_time();
  const auto table = RouteTable::build(values, nullptr, states).value();
  std::chrono::duration<double, std::milli> took = cpu_time() - begin;
  std::printf("%-58s %9.1f ms\n", "build a table of 100 000 routes", took.count());
  std::printf("%-58s %9zu bytes\n", "memory of a route, everything included",
              (heap_bytes() - before) / kRoutes);
  begin = cpu_time();
  const auto again = RouteTable::build(values, table.get(), states).value();
  took = cpu_time() - begin;
  std::printf("%-58s %9.1f ms\n", "build it again with nothing changed", took.count());

  std::vector<HostName> names;
  for (std::size_t i = 0; i < kRoutes; ++i) {
    const std::size_t mixed = i * 7'919 % kRoutes;  // no order that a cache would like
    const std::string name = "host" + std::to_string(mixed) + ".example.com";
    names.push_back(HostName::parse(mixed % 10 == 0 ? "x." + name : name).value());
  }
  measure("find a route among 100 000 (one in ten a wildcard)", 2'000'000,
          [&](std::size_t i) { sink += (*table->find({443}, &names[i % kRoutes]))->spec.port; });
  const HostName hot = names[1];
  measure("find the same route again", 5'000'000,
          [&](std::size_t) { sink += (*table->find({443}, &hot))->spec.port; });
  const HostName unknown = HostName::parse("nobody.example.org").value();
  measure("find that there is none", 5'000'000,
          [&](std::size_t) { sink += table->find({443}, &unknown) == nullptr ? 1 : 0; });
}

/// Prints milliseconds of CPU of one call of `work`, and returns what it returns.
template <class Work>
auto step(const char* what, Work work) {
  const auto begin = cpu_time();
  auto result = work();
  const std::chrono::duration<double, std::milli> took = cpu_time() - begin;
  std::printf("push of 100 000 routes: %-34s %9.1f ms\n", what, took.count());
  return result;
}

/// What a relay does with a Set, step by step, on top of a table of other routes of the same names.
void measure_push() {
  control::Table values = large_table();
  RouteStates states;
  auto before = RouteTable::build(values, nullptr, states).value();
  for (control::Route& route : values.routes) route.targets.front().endpoint.port = 8443;
  const auto stream = control::frame(control::encode({1, control::Set{values, 1}}));
  std::printf("push of 100 000 routes: %zu bytes\n", stream.size());
  const auto body = step("frame, in reads of 256 KiB", [&] {
    constexpr std::size_t kReadBytes = std::size_t{256} << 10;
    control::FrameReader reader;
    for (std::size_t at = 0; at < stream.size(); at += kReadBytes) {
      reader.feed(std::span(stream).subspan(at, std::min(kReadBytes, stream.size() - at)));
    }
    return reader.next().value().value();
  });
  const auto request = control::read_table_request(body).value().value();
  auto checked = step("read and check", [&] { return check_table(request.table).value(); });
  sink += checked.problems.size();
  auto table = step("build", [&] {
    return RouteTable::build({}, std::move(checked), before.get(), states, request.digest);
  });
  step("free the table before", [&] { return std::exchange(before, nullptr) != nullptr; });
  sink += step("encode the cache", [&] { return encode_table_cache(table->encoded(), 1).size(); });
  sink += step("checksum", [&] { return control::checksum(table->encoded()); });
  sink += table->size();
}

void measure_admission_and_timers() {
  const TimePoint start{Seconds(1'000)};
  Admission admission({20'000, 200, 1'000'000});
  TimePoint now = start;
  const IpAddress base = IpAddress::parse("198.18.0.0").value();
  measure("admit and release, 10 000 clients", 2'000'000, [&](std::size_t i) {
    const IpAddress client = base.plus(static_cast<std::uint32_t>(i % 10'000));
    now += std::chrono::microseconds(10);
    if (admission.admit(client, now) == AdmitResult::Admitted) admission.release(client);
  });
  TimerWheel wheel(start);
  std::vector<TimerNode> nodes(20'000);
  measure("arm a timer again, 20 000 armed", 5'000'000, [&](std::size_t i) {
    wheel.arm(nodes[i % nodes.size()], start + Milliseconds(5'000 + i % 3'600'000));
  });
}

void measure_prefixes() {
  test::Random random(1);
  std::vector<IpPrefix> prefixes;
  for (std::size_t i = 0; i < kRoutes; ++i) {
    const IpAddress address(random.bytes(i % 2 == 0 ? 4 : 16));
    prefixes.emplace_back(address, static_cast<unsigned>(random.number(8, i % 2 == 0 ? 32 : 64)));
  }
  auto begin = cpu_time();
  const PrefixSet set(prefixes);
  const std::chrono::duration<double, std::milli> took = cpu_time() - begin;
  std::printf("%-58s %9.1f ms\n", "build a set of 100 000 prefixes (half of them IPv6)",
              took.count());
  std::printf("%-58s %9zu bytes\n", "memory of a prefix", set.memory_bytes() / kRoutes);
  std::vector<IpAddress> clients;
  for (std::size_t i = 0; i < kRoutes; ++i) {
    clients.push_back(random.one_in(2) ? prefixes[random.below(kRoutes)].address()
                                       : IpAddress(random.bytes(random.one_in(2) ? 4 : 16)));
  }
  measure("look an address up among 100 000 prefixes", 5'000'000,
          [&](std::size_t i) { sink += set.longest(clients[i % kRoutes]).value_or(1); });
}

}  // namespace

int main() {
  measure_hellos();
  measure_routes();
  measure_push();
  measure_prefixes();
  measure_admission_and_timers();
  std::printf("sizeof: reader %zu, timer node %zu, timer wheel %zu bytes (%zu)\n",
              sizeof(ClientHelloReader), sizeof(TimerNode), sizeof(TimerWheel), sink % 10);
  return 0;
}
