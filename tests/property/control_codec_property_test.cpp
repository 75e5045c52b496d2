// decode∘encode = id for messages of random values, whole and framed, and no damage to the bytes
// is ever read past.
#include <limits>
#include <string>
#include <vector>

#include "common/control/codec.hpp"
#include "common/control/frame.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/random.hpp"

namespace adit::control {
namespace {

using test::Random;

IpAddress random_address(Random& random) {
  return IpAddress(random.bytes(random.one_in(2) ? 4 : 16));
}

std::string random_text(Random& random) {
  const auto bytes = random.bytes(random.below(40));
  return {bytes.begin(), bytes.end()};
}

std::uint64_t random_u64(Random& random) {
  return random.one_in(4) ? std::numeric_limits<std::uint64_t>::max()
                          : random.number(0, std::uint64_t{1} << random.number(0, 63));
}

std::uint32_t random_u32(Random& random) {
  return static_cast<std::uint32_t>(random_u64(random));
}

std::uint16_t random_u16(Random& random) {
  return static_cast<std::uint16_t>(random_u64(random));
}

Milliseconds random_time(Random& random) {
  return Milliseconds(random.number(0, std::uint64_t{86'400'000} * 3'650));
}

HostPattern random_pattern(Random& random) {
  if (random.one_in(10)) return HostPattern::parse("*").value();
  const std::string name = random.label(63) + "." + random.label(20) + ".test";
  return HostPattern::parse(random.one_in(2) ? name : "*." + name).value();
}

IpPrefix random_prefix(Random& random) {
  const IpAddress address = random_address(random);
  return {address, static_cast<unsigned>(random.number(0, address.bits()))};
}

std::vector<IpPrefix> random_prefixes(Random& random) {
  std::vector<IpPrefix> out;
  for (std::size_t i = random.below(4); i > 0; --i) out.push_back(random_prefix(random));
  return out;
}

Access random_access(Random& random) {
  Access out;
  if (random.one_in(2)) return out;
  out.from = random.one_in(2) ? Audience::Public : Audience::Devices;
  out.allow = random_prefixes(random);
  out.deny = random_prefixes(random);
  for (std::size_t i = random.below(3); i > 0; --i) {
    out.grants.push_back({random_prefix(random), random_u64(random)});
  }
  return out;
}

RouteLimits random_limits(Random& random) {
  if (random.one_in(2)) return {};
  return {random_u32(random), random_u32(random), random_u32(random), random_u64(random),
          random_u64(random)};
}

Table random_table(Random& random) {
  Table table;
  table.revision = random_u64(random);
  for (std::size_t i = random.below(4); i > 0; --i) {
    table.settings.addresses.push_back(random_address(random));
  }
  table.settings.timeouts = {random_time(random), random_time(random), random_time(random),
                             random_time(random), random_time(random)};
  table.settings.limits = {random_u32(random), random_u32(random), random_u32(random)};
  table.settings.privacy = static_cast<Privacy>(random.below(3));
  for (std::size_t i = random.below(3); i > 0; --i) {
    const IpAddress address = random_address(random);
    table.settings.accept_proxy.emplace_back(
        address, static_cast<unsigned>(random.number(0, address.bits())));
    table.settings.source_addresses.push_back(random_address(random));
  }
  table.settings.access = random_access(random);
  table.settings.devices = random_prefixes(random);
  table.settings.tunnel = random_text(random);
  for (std::size_t i = random.below(6); i > 0; --i) {
    Route route{.name = random_text(random),
                .pattern = random_pattern(random),
                .port = random_u16(random),
                .check = static_cast<HealthCheck>(random.below(3)),
                .site = random_text(random),
                .targets = {},
                .drain = random_time(random)};
    for (std::size_t t = random.below(4); t > 0; --t) {
      route.targets.push_back({{random_address(random), random_u16(random)}, random_u16(random)});
    }
    route.protocol = random.one_in(3) ? Protocol::Raw : Protocol::Tls;
    route.proxy_protocol = static_cast<ProxyProtocol>(random.below(3));
    for (std::size_t a = random.below(3); a > 0; --a) {
      route.alpn.push_back({random_text(random), {random_address(random), random_u16(random)}});
    }
    route.access = random_access(random);
    route.limits = random_limits(random);
    table.routes.push_back(std::move(route));
  }
  return table;
}

Stats random_stats(Random& random) {
  Stats stats;
  stats.software = random_text(random);
  stats.supervisor_pid = random_u32(random);
  stats.data_pid = random_u32(random);
  stats.revision = random_u64(random);
  stats.table_digest = random_u64(random);
  stats.workers = random_u32(random);
  stats.active = random_u64(random);
  stats.accepted = random_u64(random);
  stats.bytes_to_target = random_u64(random);
  stats.bytes_to_client = random_u64(random);
  stats.spliced_bytes = random_u64(random);
  stats.effective_limits = {random_u32(random), random_u32(random), random_u32(random)};
  for (std::size_t i = random.below(5); i > 0; --i) {
    stats.closed[random_text(random)] = random_u64(random);
    stats.listeners.push_back(
        {{random_address(random), random_u16(random)}, random_u16(random), random_text(random)});
    stats.routes.push_back({random_text(random), random_u64(random), random_u64(random),
                            random_u64(random), random_u64(random)});
  }
  stats.cache_problem = random_text(random);
  if (random.one_in(2)) stats.sites_down = {random_text(random)};
  return stats;
}

ConnectionRecord random_record(Random& random) {
  return {random_u64(random),
          {random_address(random), random_u16(random)},
          random_text(random),
          random_text(random),
          {random_address(random), random_u16(random)},
          random_text(random),
          random_u64(random),
          random_u64(random),
          random_u64(random),
          random_u64(random),
          random_u64(random),
          random_u64(random),
          {random_u64(random), random_u64(random)},
          {random_u64(random), random_u64(random)}};
}

std::vector<ConnectionRecord> random_records(Random& random) {
  std::vector<ConnectionRecord> records;
  for (std::size_t i = random.below(4); i > 0; --i) records.push_back(random_record(random));
  return records;
}

HealthReply random_health(Random& random) {
  HealthReply reply;
  for (std::size_t i = random.below(5); i > 0; --i) {
    TargetHealth& target = reply.targets.emplace_back();
    target.route = random_text(random);
    target.target = {random_address(random), random_u16(random)};
    target.state = static_cast<TargetState>(random.below(4));
    target.since = random_time(random);
    target.failures = random_u32(random);
    target.last_error = random_text(random);
    if (random.one_in(2)) target.last_connected = random_time(random);
    target.connect_us = random_u32(random);
  }
  return reply;
}

Message random_message(Random& random) {
  switch (random.below(std::variant_size_v<Message>)) {
    case 0:
      return Hello{random_u16(random), random_u16(random), random_text(random)};
    case 1:
      return HelloReply{random_u16(random), random_text(random)};
    case 2:
      return Check{random_table(random)};
    case 3:
      return CheckReply{{random_text(random), random_text(random)}};
    case 4:
      return Set{random_table(random), random_u64(random)};
    case 5:
      return SetReply{{random_text(random)}, random_text(random), random_u64(random)};
    case 6:
      return StatsRequest{};
    case 7:
      return random_stats(random);
    case 8:
      return HealthRequest{};
    case 9:
      return random_health(random);
    case 10:
      return ConnectionsRequest{random_u64(random), random_u32(random), random_text(random)};
    case 11:
      return Connections{random_records(random), random.one_in(2)};
    case 12:
      return RecordsRequest{random_u64(random), random_u32(random), random_u64(random)};
    case 13:
      return Records{random_records(random), random_u64(random), random_u64(random),
                     random_u64(random)};
    case 14:
      return Kill{random_u64(random)};
    case 15:
      return KillReply{random.one_in(2)};
    case 16:
      return SiteState{{random_text(random), random_text(random)}};
    case 17:
      return SiteStateReply{};
    case 18:
      return Reload{};
    case 19:
      return ReloadReply{};
    default:
      return Failure{random_text(random)};
  }
}

TEST_CASE("codec property: what is encoded and framed decodes to itself", "[property]") {
  const auto seed = GENERATE(range<std::uint64_t>(1, 9));
  CAPTURE(seed);
  Random random(seed);
  for (int i = 0; i < 500; ++i) {
    CAPTURE(i);
    const Envelope envelope{random_u32(random), random_message(random)};
    const auto stream = frame(encode(envelope));
    FrameReader reader;
    const std::size_t cut = random.below(stream.size() + 1);
    reader.feed(std::span(stream).first(cut));
    reader.feed(std::span(stream).subspan(cut));
    const auto body = reader.next();
    REQUIRE(body);
    REQUIRE(*body);
    const auto decoded = decode(**body);
    REQUIRE(decoded);
    REQUIRE(*decoded == envelope);
  }
}

TEST_CASE("codec property: damaged bytes decode to an error or to a message that encodes",
          "[property]") {
  const auto seed = GENERATE(range<std::uint64_t>(1, 9));
  CAPTURE(seed);
  Random random(seed);
  for (int i = 0; i < 500; ++i) {
    CAPTURE(i);
    auto bytes = encode({1, random_message(random)});
    for (std::size_t hits = random.number(1, 4); hits > 0; --hits) {
      bytes[random.below(bytes.size())] = random.byte();
    }
    bytes.resize(bytes.size() - random.below(2));
    bytes.shrink_to_fit();
    const auto decoded = decode(bytes);
    if (!decoded) continue;
    const auto again = decode(encode(*decoded));
    REQUIRE(again);
    REQUIRE(*again == *decoded);
  }
}

TEST_CASE("codec property: a table's digest depends on all but its revision", "[property]") {
  Random random(11);
  for (int i = 0; i < 200; ++i) {
    CAPTURE(i);
    const Table table = random_table(random);
    Table other = random_table(random);
    const bool is_same = table.settings == other.settings && table.routes == other.routes;
    REQUIRE((digest(table) == digest(other)) == is_same);
    other = table;
    other.revision = random_u64(random);
    REQUIRE(digest(other) == digest(table));
  }
}

}  // namespace
}  // namespace adit::control
