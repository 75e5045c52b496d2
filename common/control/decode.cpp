// Bytes -> values: one `read` for each struct, whose tags are those of `write` in encode.cpp.
// A little more than 400 lines: the list of structs is the protocol and reads best in one piece.
#include <algorithm>
#include <optional>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "common/bytes/byte_reader.hpp"
#include "common/control/codec.hpp"
#include "common/control/message_type.hpp"

namespace adit::control {

namespace {

using Bytes = std::span<const std::uint8_t>;

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

bool read(Bytes bytes, bool& out) {
  std::uint64_t wide = 0;
  if (!read(bytes, wide) || wide > 1) return false;
  out = wide == 1;
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

/// An enumeration whose last value is `last`.
template <class Enum>

requires(std::is_enum_v<Enum>) bool read(Bytes bytes, Enum& out, Enum last) {
  std::uint8_t number = 0;
  if (!read(bytes, number) || number > static_cast<std::uint8_t>(last)) return false;
  out = static_cast<Enum>(number);
  return true;
}

bool read(Bytes bytes, ListenAddress& out) {
  return for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    switch (tag) {
      case 1:
        return read(value, out.address);
      case 2:
        return read(value, out.port);
      case 3:
        return read(value, out.protocol, Protocol::Http);
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

bool read(Bytes bytes, PlainHttp& out) {
  return for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    switch (tag) {
      case 1:
        return read(value, out.port);
      case 2:
        return read(value, out.action, HttpAction::Forward);
      case 3:
        return read(value, out.target.address);
      case 4:
        return read(value, out.target.port);
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
      case 7:
        return read(value, route.http.emplace());
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
      case 4:
        return read(value, out.privacy, Privacy::None);
      default:
        return true;
    }
  });
}

bool read(Bytes bytes, Table& out) {
  std::size_t routes = 0;
  const bool is_whole = for_each_field(bytes, [&](std::uint16_t tag, Bytes) {
    routes += tag == 3 ? 1 : 0;
    return true;
  });
  if (!is_whole) return false;
  // A route takes more than 64 bytes; a lie must not make us reserve more.
  out.routes.reserve(std::min(routes, bytes.size() / 64));
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
  return for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    switch (tag) {
      case 1:
        return read(value, out.table);
      case 2:
        return read(value, out.digest);
      default:
        return true;
    }
  });
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
      case 16:
        return read(value, out.cache_problem);
      default:
        return true;
    }
  });
}

bool read(Bytes bytes, Failure& out) {
  return for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    if (tag == 1) return read(value, out.what);
    return tag != 2 || read(value, out.is_passing);
  });
}

template <class T>
Result<Message> decode_as(Bytes fields) {
  T message;
  if (!read(fields, message)) return fail(malformed("a field is cut off or out of range"));
  return Message(std::move(message));
}

Result<Message> decode_message(std::uint16_t type, Bytes fields) {
  switch (static_cast<MessageType>(type)) {
    case MessageType::Hello:
      return decode_as<Hello>(fields);
    case MessageType::HelloReply:
      return decode_as<HelloReply>(fields);
    case MessageType::Check:
      return decode_as<Check>(fields);
    case MessageType::CheckReply:
      return decode_as<CheckReply>(fields);
    case MessageType::Set:
      return decode_as<Set>(fields);
    case MessageType::SetReply:
      return decode_as<SetReply>(fields);
    case MessageType::StatsRequest:
      return decode_as<StatsRequest>(fields);
    case MessageType::Stats:
      return decode_as<Stats>(fields);
    case MessageType::Failure:
      return decode_as<Failure>(fields);
  }
  return Message(Failure{fmt::format("message type {} is not known to this version", type)});
}

}  // namespace

Result<Envelope> decode(std::span<const std::uint8_t> body) {
  ByteReader in(body);
  const auto type = in.u16();
  const auto id = in.u32();
  if (!type || !id) return fail(malformed("shorter than its header"));
  auto message = decode_message(*type, *in.bytes(in.remaining()));
  if (!message) return fail(std::move(message).error());
  return Envelope{*id, std::move(*message)};
}

Result<Table> decode_table(std::span<const std::uint8_t> bytes) {
  Table table;
  if (!read(bytes, table)) return fail(malformed("a route table that is cut off or out of range"));
  return table;
}

}  // namespace adit::control
