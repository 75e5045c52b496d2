// Values -> bytes: one `write` for each struct, whose tags are those of `read` in decode.cpp.
#include <algorithm>
#include <bit>
#include <cstring>
#include <span>
#include <variant>

#include "common/bytes/byte_reader.hpp"
#include "common/bytes/byte_writer.hpp"
#include "common/control/codec.hpp"
#include "common/control/connection_codec.hpp"
#include "common/control/field_writer.hpp"
#include "common/control/message_type.hpp"

namespace adit::control {

namespace {

using control::write;  // the functions below would hide it

/// Tells tables apart, not attackers: a word at a time, each of whose bits reaches all others
/// through the rotation and the multiplication.
class Hash {
 public:
  void add(std::span<const std::uint8_t> bytes) {
    for (; bytes.size() >= sizeof(std::uint64_t); bytes = bytes.subspan(sizeof(std::uint64_t))) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data(), sizeof word);
      mix(word);
    }
    std::uint64_t last = 0;
    for (const std::uint8_t byte : bytes) last = last << 8 | byte;
    mix(last);
    mix(bytes.size());
  }

  [[nodiscard]] std::uint64_t finish() const {
    const std::uint64_t folded = state_ ^ state_ >> 32;
    return folded == 0 ? 1 : folded;
  }

 private:
  void mix(std::uint64_t word) {
    constexpr std::uint64_t kGoldenRatio = 0x9e3779b97f4a7c15ULL;
    state_ = std::rotl(state_ ^ word, 29) * kGoldenRatio;
  }

  std::uint64_t state_ = 0xcbf29ce484222325ULL;
};

std::uint64_t count_of(Milliseconds value) {
  return static_cast<std::uint64_t>(value.count());
}

void write(FieldWriter& out, const ListenAddress& value) {
  out.address(1, value.address);
  out.number(2, value.port);
  if (value.protocol != Protocol::Tls) out.number(3, static_cast<std::uint64_t>(value.protocol));
}

void write(FieldWriter& out, const Target& value) {
  out.address(1, value.endpoint.address);
  out.number(2, value.endpoint.port);
  out.number(3, value.weight);
}

/// A default is not written: a table that does without is the same bytes as before there was one.
void write_proxy_protocol(FieldWriter& out, std::uint16_t tag, ProxyProtocol value) {
  if (value != ProxyProtocol::None) out.number(tag, static_cast<std::uint64_t>(value));
}

void write(FieldWriter& out, const PlainHttp& value) {
  out.number(1, value.port);
  out.number(2, static_cast<std::uint64_t>(value.action));
  out.address(3, value.target.address);
  out.number(4, value.target.port);
  write_proxy_protocol(out, 5, value.proxy_protocol);
}

void write(FieldWriter& out, const AlpnTarget& value) {
  out.text(1, value.protocol);
  out.address(2, value.target.address);
  out.number(3, value.target.port);
}

void write(FieldWriter& out, const IpPrefix& value) {
  out.address(1, value.address());
  out.number(2, value.length());
}

void write_all(FieldWriter& out, std::uint16_t tag, const std::vector<IpPrefix>& prefixes) {
  for (const IpPrefix& prefix : prefixes) {
    out.nested(tag, [&](FieldWriter& inner) { write(inner, prefix); });
  }
}

void write(FieldWriter& out, const Access& value) {
  out.number_unless_0(1, static_cast<std::uint64_t>(value.from));
  write_all(out, 2, value.allow);
  write_all(out, 3, value.deny);
  for (const Grant& grant : value.grants) {
    out.nested(4, [&](FieldWriter& inner) {
      write(inner, grant.prefix);
      inner.number(3, grant.until);
    });
  }
}

void write(FieldWriter& out, const RouteLimits& value) {
  out.number_unless_0(1, value.connections);
  out.number_unless_0(2, value.connections_per_client);
  out.number_unless_0(3, value.rate_per_client);
  out.number_unless_0(4, value.bandwidth);
  out.number_unless_0(5, value.bandwidth_per_client);
}

/// A value that is not there is not written: a table without it has the bytes that it always had.
template <class T>
void write(FieldWriter& out, std::uint16_t tag, const Rare<T>& value) {
  if (value.is_set()) out.nested(tag, [&](FieldWriter& inner) { write(inner, *value); });
}

void write(FieldWriter& out, const Route& value) {
  out.text(1, value.name);
  out.text(2, value.pattern.wire_text());
  out.number(3, value.port);
  out.text(4, value.site);
  for (const Target& target : value.targets) {
    out.nested(5, [&](FieldWriter& inner) { write(inner, target); });
  }
  out.number(6, count_of(value.drain));
  if (value.http) {
    out.nested(7, [&](FieldWriter& inner) { write(inner, *value.http); });
  }
  if (value.protocol != Protocol::Tls) out.number(13, static_cast<std::uint64_t>(value.protocol));
  write_proxy_protocol(out, 8, value.proxy_protocol);
  for (const AlpnTarget& each : value.alpn) {
    out.nested(9, [&](FieldWriter& inner) { write(inner, each); });
  }
  if (value.check != HealthCheck::None) out.number(10, static_cast<std::uint64_t>(value.check));
  write(out, 11, value.access);
  write(out, 12, value.limits);
}

void write(FieldWriter& out, const Timeouts& value) {
  out.number(1, count_of(value.hello));
  out.number(2, count_of(value.connect));
  out.number(3, count_of(value.hold));
  out.number(4, count_of(value.idle));
  out.number(5, count_of(value.half_closed));
}

void write(FieldWriter& out, const Limits& value) {
  out.number(1, value.connections);
  out.number(2, value.connections_per_client);
  out.number(3, value.rate_per_client);
}

void write(FieldWriter& out, const Settings& value) {
  for (const IpAddress& address : value.addresses) out.address(1, address);
  out.nested(2, [&](FieldWriter& inner) { write(inner, value.timeouts); });
  out.nested(3, [&](FieldWriter& inner) { write(inner, value.limits); });
  out.number(4, static_cast<std::uint64_t>(value.privacy));
  write_all(out, 5, value.accept_proxy);
  for (const IpAddress& address : value.source_addresses) out.address(6, address);
  write(out, 7, value.access);
  write_all(out, 8, value.devices);
  if (!value.tunnel.empty()) out.text(9, value.tunnel);
}

void write(FieldWriter& out, const Table& value) {
  out.number(1, value.revision);
  out.nested(2, [&](FieldWriter& inner) { write(inner, value.settings); });
  for (const Route& route : value.routes) {
    out.nested(3, [&](FieldWriter& inner) { write(inner, route); });
  }
}

void write(FieldWriter& out, const Hello& value) {
  out.number(1, value.oldest_version);
  out.number(2, value.newest_version);
  out.text(3, value.software);
}

void write(FieldWriter& out, const HelloReply& value) {
  out.number(1, value.version);
  out.text(2, value.software);
}

void write(FieldWriter& out, const Check& value) {
  out.nested(1, [&](FieldWriter& inner) { write(inner, value.table); });
}

void write(FieldWriter& out, const CheckReply& value) {
  for (const std::string& problem : value.problems) out.text(1, problem);
}

void write(FieldWriter& out, const Set& value) {
  out.nested(1, [&](FieldWriter& inner) { write(inner, value.table); });
  out.number(2, value.digest);
}

void write(FieldWriter& out, const SetReply& value) {
  for (const std::string& problem : value.problems) out.text(1, problem);
  out.text(2, value.warning);
  out.number(3, value.revision);
}

void write(FieldWriter&, const StatsRequest&) {}

void write(FieldWriter& out, const ListenerStats& value) {
  out.nested(1, [&](FieldWriter& inner) { write(inner, value.configured); });
  out.number(2, value.bound_port);
  out.text(3, value.problem);
}

void write(FieldWriter& out, const RouteStats& value) {
  out.text(1, value.name);
  out.number(2, value.active);
  out.number(3, value.connections);
  out.number(4, value.bytes_to_target);
  out.number(5, value.bytes_to_client);
}

void write(FieldWriter& out, const Stats& value) {
  out.text(1, value.software);
  out.number(2, value.supervisor_pid);
  out.number(3, value.data_pid);
  out.number(4, value.revision);
  out.number(5, value.table_digest);
  out.number(6, value.workers);
  out.number(7, value.active);
  out.number(8, value.accepted);
  out.number(9, value.bytes_to_target);
  out.number(10, value.bytes_to_client);
  out.number(11, value.spliced_bytes);
  out.nested(12, [&](FieldWriter& inner) { write(inner, value.effective_limits); });
  for (const auto& [reason, count] : value.closed) {
    out.nested(13, [&reason = reason, count = count](FieldWriter& inner) {
      inner.text(1, reason);
      inner.number(2, count);
    });
  }
  for (const ListenerStats& listener : value.listeners) {
    out.nested(14, [&](FieldWriter& inner) { write(inner, listener); });
  }
  for (const RouteStats& route : value.routes) {
    out.nested(15, [&](FieldWriter& inner) { write(inner, route); });
  }
  out.text(16, value.cache_problem);
  for (const std::string& site : value.sites_down) out.text(17, site);
  out.number(18, value.route_count);
  out.number(19, static_cast<std::uint64_t>(value.sandbox.seccomp));
  out.number(20, static_cast<std::uint64_t>(value.sandbox.landlock));
}

void write(FieldWriter& out, const SiteState& value) {
  for (const std::string& site : value.down) out.text(1, site);
}

void write(FieldWriter&, const SiteStateReply&) {}

void write(FieldWriter&, const Reload&) {}

void write(FieldWriter&, const ReloadReply&) {}

void write(FieldWriter&, const HealthRequest&) {}

void write(FieldWriter& out, const TargetHealth& value) {
  out.text(1, value.route);
  out.address(2, value.target.address);
  out.number(3, value.target.port);
  out.number(4, static_cast<std::uint64_t>(value.state));
  out.number(5, count_of(value.since));
  out.number(6, value.failures);
  out.text(7, value.last_error);
  if (value.last_connected) out.number(8, count_of(*value.last_connected));
  out.number(9, value.connect_us);
}

void write(FieldWriter& out, const HealthReply& value) {
  for (const TargetHealth& target : value.targets) {
    out.nested(1, [&](FieldWriter& inner) { write(inner, target); });
  }
}

void write(FieldWriter& out, const Failure& value) {
  out.text(1, value.what);
  out.number(2, static_cast<std::uint64_t>(value.is_passing));
}

struct TypeOf {
  MessageType operator()(const Hello&) const { return MessageType::Hello; }

  MessageType operator()(const HelloReply&) const { return MessageType::HelloReply; }

  MessageType operator()(const Check&) const { return MessageType::Check; }

  MessageType operator()(const CheckReply&) const { return MessageType::CheckReply; }

  MessageType operator()(const Set&) const { return MessageType::Set; }

  MessageType operator()(const SetReply&) const { return MessageType::SetReply; }

  MessageType operator()(const StatsRequest&) const { return MessageType::StatsRequest; }

  MessageType operator()(const Stats&) const { return MessageType::Stats; }

  MessageType operator()(const ConnectionsRequest&) const {
    return MessageType::ConnectionsRequest;
  }

  MessageType operator()(const Connections&) const { return MessageType::Connections; }

  MessageType operator()(const RecordsRequest&) const { return MessageType::RecordsRequest; }

  MessageType operator()(const Records&) const { return MessageType::Records; }

  MessageType operator()(const Kill&) const { return MessageType::Kill; }

  MessageType operator()(const KillReply&) const { return MessageType::KillReply; }

  MessageType operator()(const Reload&) const { return MessageType::Reload; }

  MessageType operator()(const ReloadReply&) const { return MessageType::ReloadReply; }

  MessageType operator()(const SiteState&) const { return MessageType::SiteState; }

  MessageType operator()(const SiteStateReply&) const { return MessageType::SiteStateReply; }

  MessageType operator()(const HealthRequest&) const { return MessageType::HealthRequest; }

  MessageType operator()(const HealthReply&) const { return MessageType::HealthReply; }

  MessageType operator()(const Failure&) const { return MessageType::Failure; }
};

}  // namespace

std::vector<std::uint8_t> encode(const Envelope& envelope) {
  ByteWriter out;
  out.u16(static_cast<std::uint16_t>(std::visit(TypeOf{}, envelope.message)));
  out.u32(envelope.id);
  FieldWriter fields(out);
  std::visit([&](const auto& message) { write(fields, message); }, envelope.message);
  return out.take();
}

std::vector<std::uint8_t> encode_table(const Table& table) {
  constexpr std::size_t kUsualRoute = 160;
  ByteWriter out;
  out.reserve((table.routes.size() + 2) * kUsualRoute);
  FieldWriter fields(out);
  write(fields, table);
  return out.take();
}

std::uint64_t digest(const Table& table) {
  const auto encoded = encode_table(table);
  return digest_of_encoded(encoded);
}

std::uint64_t digest_of_encoded(std::span<const std::uint8_t> table) {
  // The revision is the first field: a tag, a length and a number.
  constexpr std::size_t kHeader = 6;
  ByteReader in(table);
  static_cast<void>(in.u16());
  const std::size_t revision = in.u32().value_or(0);
  return checksum(table.subspan(std::min(table.size(), kHeader + revision)));
}

std::uint64_t checksum(std::span<const std::uint8_t> bytes) {
  Hash hash;
  hash.add(bytes);
  return hash.finish();
}

}  // namespace adit::control
