// Bytes -> messages.
#include <map>
#include <utility>

#include <fmt/format.h>

#include "common/control/codec.hpp"
#include "common/control/connection_codec.hpp"
#include "common/control/field_reader.hpp"
#include "common/control/message_type.hpp"

namespace adit::control {

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

namespace {

using control::read;  // the functions below would hide it

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
      case 17:
        return append(value, out.sites_down);
      case 18:
        return read(value, out.route_count);
      case 19:
        return read(value, out.sandbox.seccomp, Protection::Missing);
      case 20:
        return read(value, out.sandbox.landlock, Protection::Missing);
      default:
        return true;
    }
  });
}

bool read(Bytes bytes, SiteState& out) {
  return for_each_field(
      bytes, [&](std::uint16_t tag, Bytes value) { return tag != 1 || append(value, out.down); });
}

bool read(Bytes bytes, SiteStateReply&) {
  return for_each_field(bytes, [](std::uint16_t, Bytes) { return true; });
}

bool read(Bytes bytes, Reload&) {
  return for_each_field(bytes, [](std::uint16_t, Bytes) { return true; });
}

bool read(Bytes bytes, ReloadReply&) {
  return for_each_field(bytes, [](std::uint16_t, Bytes) { return true; });
}

bool read(Bytes bytes, HealthRequest&) {
  return for_each_field(bytes, [](std::uint16_t, Bytes) { return true; });
}

bool read(Bytes bytes, TargetHealth& out) {
  return for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    switch (tag) {
      case 1:
        return read(value, out.route);
      case 2:
        return read(value, out.target.address);
      case 3:
        return read(value, out.target.port);
      case 4:
        return read(value, out.state, TargetState::Down);
      case 5:
        return read(value, out.since);
      case 6:
        return read(value, out.failures);
      case 7:
        return read(value, out.last_error);
      case 8:
        return read(value, out.last_connected.emplace());
      case 9:
        return read(value, out.connect_us);
      default:
        return true;
    }
  });
}

bool read(Bytes bytes, HealthReply& out) {
  return for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    return tag != 1 || read(value, out.targets.emplace_back());
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
    case MessageType::ConnectionsRequest:
      return decode_as<ConnectionsRequest>(fields);
    case MessageType::Connections:
      return decode_as<Connections>(fields);
    case MessageType::RecordsRequest:
      return decode_as<RecordsRequest>(fields);
    case MessageType::Records:
      return decode_as<Records>(fields);
    case MessageType::Kill:
      return decode_as<Kill>(fields);
    case MessageType::KillReply:
      return decode_as<KillReply>(fields);
    case MessageType::SiteState:
      return decode_as<SiteState>(fields);
    case MessageType::SiteStateReply:
      return decode_as<SiteStateReply>(fields);
    case MessageType::Reload:
      return decode_as<Reload>(fields);
    case MessageType::ReloadReply:
      return decode_as<ReloadReply>(fields);
    case MessageType::HealthRequest:
      return decode_as<HealthRequest>(fields);
    case MessageType::HealthReply:
      return decode_as<HealthReply>(fields);
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

}  // namespace adit::control
