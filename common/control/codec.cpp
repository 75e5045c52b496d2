#include "common/control/codec.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "common/bytes/byte_reader.hpp"
#include "common/bytes/byte_writer.hpp"

namespace adit::control {

namespace {

using Bytes = std::span<const std::uint8_t>;

enum class Type : std::uint16_t {
  Hello = 1,
  HelloReply = 2,
  Check = 3,
  CheckReply = 4,
  Set = 5,
  SetReply = 6,
  StatsRequest = 7,
  Stats = 8,
  Failure = 0xffff,
};

// --- writing
// -----------------------------------------------------------------------------------------

class FieldWriter {
 public:
  explicit FieldWriter(ByteWriter& out) : out_(out) {}

  void number(std::uint16_t tag, std::uint64_t value) {
    header(tag, 8);
    out_.u64(value);
  }

  void text(std::uint16_t tag, std::string_view value) {
    header(tag, value.size());
    out_.text(value);
  }

  void address(std::uint16_t tag, const IpAddress& value) {
    header(tag, value.bytes().size());
    out_.bytes(value.bytes());
  }

  /// A nested value of fields, written by `write(FieldWriter&)`.
  template <class Write>
  void nested(std::uint16_t tag, Write write) {
    out_.u16(tag);
    const std::size_t length_at = out_.size();
    out_.u32(0);
    FieldWriter inner(out_);
    write(inner);
    out_.patch_u32(length_at, static_cast<std::uint32_t>(out_.size() - length_at - 4));
  }

 private:
  void header(std::uint16_t tag, std::size_t length) {
    out_.u16(tag);
    out_.u32(static_cast<std::uint32_t>(length));
  }

  ByteWriter& out_;
};

std::uint64_t count_of(Milliseconds value) {
  return static_cast<std::uint64_t>(value.count());
}

void write(FieldWriter& out, const ListenAddress& value) {
  out.address(1, value.address);
  out.number(2, value.port);
}

void write(FieldWriter& out, const Target& value) {
  out.address(1, value.endpoint.address);
  out.number(2, value.endpoint.port);
  out.number(3, value.weight);
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
}

void write(FieldWriter& out, const Failure& value) {
  out.text(1, value.what);
}

// --- reading
// -----------------------------------------------------------------------------------------

Error malformed(std::string_view what) {
  return {Errc::Protocol, fmt::format("control message: {}", what), 0};
}

/// Calls `on_field(tag, value) -> bool` for each field; false from it, or a cut-off field, ends in
/// false.
template <class OnField>
bool for_each_field(Bytes bytes, OnField on_field) {
  ByteReader in(bytes);
  while (!in.is_at_end()) {
    const auto tag = in.u16();
    const auto length = in.u32();
    if (!tag || !length) return false;
    const auto value = in.bytes(*length);
    if (!value || !on_field(*tag, *value)) return false;
  }
  return true;
}

bool read(Bytes bytes, std::uint64_t& out) {
  if (bytes.size() != 8) return false;
  out = *ByteReader(bytes).u64();
  return true;
}

template <class Number>

requires(std::is_unsigned_v<Number>) bool read(Bytes bytes, Number& out) {
  std::uint64_t wide = 0;
  if (!read(bytes, wide) || !std::in_range<Number>(wide)) return false;
  out = static_cast<Number>(wide);
  return true;
}

bool read(Bytes bytes, Milliseconds& out) {
  constexpr std::uint64_t kLongest = std::uint64_t{1000} * 86'400 * 3'650;  // ten years
  std::uint64_t count = 0;
  if (!read(bytes, count) || count > kLongest) return false;
  out = Milliseconds(count);
  return true;
}

bool read(Bytes bytes, std::string& out) {
  out.assign(bytes.begin(), bytes.end());
  return true;
}

bool read(Bytes bytes, IpAddress& out) {
  if (bytes.size() != 4 && bytes.size() != 16) return false;
  out = IpAddress(bytes);
  return true;
}

bool read(Bytes bytes, ListenerStats& out);
bool read(Bytes bytes, RouteStats& out);

template <class T>
bool append(Bytes bytes, std::vector<T>& out) {
  return read(bytes, out.emplace_back());
}

bool read(Bytes bytes, ListenAddress& out) {
  return for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    switch (tag) {
      case 1:
        return read(value, out.address);
      case 2:
        return read(value, out.port);
      default:
        return true;
    }
  });
}

bool read(Bytes bytes, Target& out) {
  return for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    switch (tag) {
      case 1:
        return read(value, out.endpoint.address);
      case 2:
        return read(value, out.endpoint.port);
      case 3:
        return read(value, out.weight);
      default:
        return true;
    }
  });
}

std::optional<Route> read_route(Bytes bytes) {
  std::optional<HostPattern> pattern;
  std::string pattern_text;
  Route route{
      .name = {}, .pattern = *HostPattern::parse("*"), .port = 443, .site = {}, .targets = {}};
  const bool is_whole = for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    switch (tag) {
      case 1:
        return read(value, route.name);
      case 2: {
        read(value, pattern_text);
        const auto parsed = HostPattern::parse(pattern_text);
        if (parsed) pattern = *parsed;
        return parsed.has_value();
      }
      case 3:
        return read(value, route.port);
      case 4:
        return read(value, route.site);
      case 5: {
        Target target;
        if (!read(value, target)) return false;
        route.targets.push_back(target);
        return true;
      }
      case 6:
        return read(value, route.drain);
      default:
        return true;
    }
  });
  if (!is_whole || !pattern) return std::nullopt;
  route.pattern = *pattern;
  return route;
}

bool read(Bytes bytes, Timeouts& out) {
  return for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    switch (tag) {
      case 1:
        return read(value, out.hello);
      case 2:
        return read(value, out.connect);
      case 3:
        return read(value, out.hold);
      case 4:
        return read(value, out.idle);
      case 5:
        return read(value, out.half_closed);
      default:
        return true;
    }
  });
}

bool read(Bytes bytes, Limits& out) {
  return for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    switch (tag) {
      case 1:
        return read(value, out.connections);
      case 2:
        return read(value, out.connections_per_client);
      case 3:
        return read(value, out.rate_per_client);
      default:
        return true;
    }
  });
}

bool read(Bytes bytes, Settings& out) {
  return for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    switch (tag) {
      case 1:
        return append(value, out.addresses);
      case 2:
        return read(value, out.timeouts);
      case 3:
        return read(value, out.limits);
      case 4: {
        std::uint8_t level = 0;
        if (!read(value, level) || level > static_cast<std::uint8_t>(Privacy::None)) return false;
        out.privacy = static_cast<Privacy>(level);
        return true;
      }
      default:
        return true;
    }
  });
}

bool read(Bytes bytes, Table& out) {
  return for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    switch (tag) {
      case 1:
        return read(value, out.revision);
      case 2:
        return read(value, out.settings);
      case 3: {
        auto route = read_route(value);
        if (!route) return false;
        out.routes.push_back(std::move(*route));
        return true;
      }
      default:
        return true;
    }
  });
}

bool read(Bytes bytes, Hello& out) {
  return for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    switch (tag) {
      case 1:
        return read(value, out.oldest_version);
      case 2:
        return read(value, out.newest_version);
      case 3:
        return read(value, out.software);
      default:
        return true;
    }
  });
}

bool read(Bytes bytes, HelloReply& out) {
  return for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    switch (tag) {
      case 1:
        return read(value, out.version);
      case 2:
        return read(value, out.software);
      default:
        return true;
    }
  });
}

bool read(Bytes bytes, Check& out) {
  return for_each_field(
      bytes, [&](std::uint16_t tag, Bytes value) { return tag != 1 || read(value, out.table); });
}

bool read(Bytes bytes, CheckReply& out) {
  return for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    return tag != 1 || append(value, out.problems);
  });
}

bool read(Bytes bytes, Set& out) {
  return for_each_field(
      bytes, [&](std::uint16_t tag, Bytes value) { return tag != 1 || read(value, out.table); });
}

bool read(Bytes bytes, SetReply& out) {
  return for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    switch (tag) {
      case 1:
        return append(value, out.problems);
      case 2:
        return read(value, out.warning);
      case 3:
        return read(value, out.revision);
      default:
        return true;
    }
  });
}

bool read(Bytes bytes, StatsRequest&) {
  return for_each_field(bytes, [](std::uint16_t, Bytes) { return true; });
}

bool read(Bytes bytes, ListenerStats& out) {
  return for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    switch (tag) {
      case 1:
        return read(value, out.configured);
      case 2:
        return read(value, out.bound_port);
      case 3:
        return read(value, out.problem);
      default:
        return true;
    }
  });
}

bool read(Bytes bytes, RouteStats& out) {
  return for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    switch (tag) {
      case 1:
        return read(value, out.name);
      case 2:
        return read(value, out.active);
      case 3:
        return read(value, out.connections);
      case 4:
        return read(value, out.bytes_to_target);
      case 5:
        return read(value, out.bytes_to_client);
      default:
        return true;
    }
  });
}

bool read_closed(Bytes bytes, std::map<std::string, std::uint64_t>& out) {
  std::string reason;
  std::uint64_t count = 0;
  const bool is_whole = for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    switch (tag) {
      case 1:
        return read(value, reason);
      case 2:
        return read(value, count);
      default:
        return true;
    }
  });
  if (is_whole) out[reason] = count;
  return is_whole;
}

bool read(Bytes bytes, Stats& out) {
  return for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    switch (tag) {
      case 1:
        return read(value, out.software);
      case 2:
        return read(value, out.supervisor_pid);
      case 3:
        return read(value, out.data_pid);
      case 4:
        return read(value, out.revision);
      case 5:
        return read(value, out.table_digest);
      case 6:
        return read(value, out.workers);
      case 7:
        return read(value, out.active);
      case 8:
        return read(value, out.accepted);
      case 9:
        return read(value, out.bytes_to_target);
      case 10:
        return read(value, out.bytes_to_client);
      case 11:
        return read(value, out.spliced_bytes);
      case 12:
        return read(value, out.effective_limits);
      case 13:
        return read_closed(value, out.closed);
      case 14:
        return append(value, out.listeners);
      case 15:
        return append(value, out.routes);
      default:
        return true;
    }
  });
}

bool read(Bytes bytes, Failure& out) {
  return for_each_field(
      bytes, [&](std::uint16_t tag, Bytes value) { return tag != 1 || read(value, out.what); });
}

template <class T>
Result<Message> decode_as(Bytes fields) {
  T message;
  if (!read(fields, message)) return fail(malformed("a field is cut off or out of range"));
  return Message(std::move(message));
}

Result<Message> decode_message(std::uint16_t type, Bytes fields) {
  switch (static_cast<Type>(type)) {
    case Type::Hello:
      return decode_as<Hello>(fields);
    case Type::HelloReply:
      return decode_as<HelloReply>(fields);
    case Type::Check:
      return decode_as<Check>(fields);
    case Type::CheckReply:
      return decode_as<CheckReply>(fields);
    case Type::Set:
      return decode_as<Set>(fields);
    case Type::SetReply:
      return decode_as<SetReply>(fields);
    case Type::StatsRequest:
      return decode_as<StatsRequest>(fields);
    case Type::Stats:
      return decode_as<Stats>(fields);
    case Type::Failure:
      return decode_as<Failure>(fields);
  }
  return Message(Failure{fmt::format("message type {} is not known to this version", type)});
}

struct TypeOf {
  Type operator()(const Hello&) const { return Type::Hello; }

  Type operator()(const HelloReply&) const { return Type::HelloReply; }

  Type operator()(const Check&) const { return Type::Check; }

  Type operator()(const CheckReply&) const { return Type::CheckReply; }

  Type operator()(const Set&) const { return Type::Set; }

  Type operator()(const SetReply&) const { return Type::SetReply; }

  Type operator()(const StatsRequest&) const { return Type::StatsRequest; }

  Type operator()(const Stats&) const { return Type::Stats; }

  Type operator()(const Failure&) const { return Type::Failure; }
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

Result<Envelope> decode(std::span<const std::uint8_t> body) {
  ByteReader in(body);
  const auto type = in.u16();
  const auto id = in.u32();
  if (!type || !id) return fail(malformed("shorter than its header"));
  auto message = decode_message(*type, *in.bytes(in.remaining()));
  if (!message) return fail(std::move(message).error());
  return Envelope{*id, std::move(*message)};
}

std::vector<std::uint8_t> encode_table(const Table& table) {
  ByteWriter out;
  FieldWriter fields(out);
  write(fields, table);
  return out.take();
}

Result<Table> decode_table(std::span<const std::uint8_t> bytes) {
  Table table;
  if (!read(bytes, table)) return fail(malformed("a route table that is cut off or out of range"));
  return table;
}

std::uint64_t digest(const Table& table) {
  std::vector<std::uint8_t> bytes = encode_table(table);
  // The revision is the value of the first field: set to 0 here, a copy of the table is not needed.
  constexpr std::size_t kRevisionAt = 6;
  std::fill_n(bytes.begin() + kRevisionAt, sizeof table.revision, std::uint8_t{0});
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3ULL;
  return hash == 0 ? 1 : hash;
}

}  // namespace adit::control
