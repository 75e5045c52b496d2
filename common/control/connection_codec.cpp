// Messages about connections <-> bytes: `read` of each struct has the tags of its `write`.
#include "common/control/connection_codec.hpp"

namespace adit::control {

namespace {

using control::read;  // the functions below would hide it

void write(FieldWriter& out, const Leg& value) {
  out.number(1, value.rtt_us);
  out.number(2, value.retransmits);
}

bool read(Bytes bytes, Leg& out) {
  return for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    switch (tag) {
      case 1:
        return read(value, out.rtt_us);
      case 2:
        return read(value, out.retransmits);
      default:
        return true;
    }
  });
}

void write(FieldWriter& out, const Endpoint& value) {
  out.address(1, value.address);
  out.number(2, value.port);
}

bool read(Bytes bytes, Endpoint& out) {
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

void write(FieldWriter& out, const ConnectionRecord& value) {
  out.number(1, value.id);
  out.nested(2, [&](FieldWriter& inner) { write(inner, value.client); });
  out.text(3, value.host);
  out.text(4, value.route);
  out.nested(5, [&](FieldWriter& inner) { write(inner, value.target); });
  out.text(6, value.state);
  out.number(7, value.started_ms);
  out.number(8, value.duration_ms);
  out.number(9, value.connect_us);
  out.number(10, value.bytes_to_target);
  out.number(11, value.bytes_to_client);
  out.number(12, value.spliced_bytes);
  out.nested(13, [&](FieldWriter& inner) { write(inner, value.client_leg); });
  out.nested(14, [&](FieldWriter& inner) { write(inner, value.target_leg); });
}

/// Who, where and how it goes; numbers are read_numbers'.
bool read_record(std::uint16_t tag, Bytes value, ConnectionRecord& out) {
  switch (tag) {
    case 2:
      return read(value, out.client);
    case 3:
      return read(value, out.host);
    case 4:
      return read(value, out.route);
    case 5:
      return read(value, out.target);
    case 6:
      return read(value, out.state);
    case 13:
      return read(value, out.client_leg);
    case 14:
      return read(value, out.target_leg);
    default:
      return true;
  }
}

bool read_numbers(std::uint16_t tag, Bytes value, ConnectionRecord& out) {
  switch (tag) {
    case 1:
      return read(value, out.id);
    case 7:
      return read(value, out.started_ms);
    case 8:
      return read(value, out.duration_ms);
    case 9:
      return read(value, out.connect_us);
    case 10:
      return read(value, out.bytes_to_target);
    case 11:
      return read(value, out.bytes_to_client);
    case 12:
      return read(value, out.spliced_bytes);
    default:
      return true;
  }
}

bool read(Bytes bytes, ConnectionRecord& out) {
  return for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    return read_record(tag, value, out) && read_numbers(tag, value, out);
  });
}

bool append_record(Bytes bytes, std::vector<ConnectionRecord>& out) {
  return read(bytes, out.emplace_back());
}

}  // namespace

void write(FieldWriter& out, const ConnectionsRequest& value) {
  out.number(1, value.after_id);
  out.number(2, value.most);
  out.text(3, value.route);
}

bool read(Bytes bytes, ConnectionsRequest& out) {
  return for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    switch (tag) {
      case 1:
        return read(value, out.after_id);
      case 2:
        return read(value, out.most);
      case 3:
        return read(value, out.route);
      default:
        return true;
    }
  });
}

void write(FieldWriter& out, const Connections& value) {
  for (const ConnectionRecord& each : value.connections) {
    out.nested(1, [&](FieldWriter& inner) { write(inner, each); });
  }
  out.number(2, static_cast<std::uint64_t>(value.has_more));
}

bool read(Bytes bytes, Connections& out) {
  return for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    if (tag == 1) return append_record(value, out.connections);
    return tag != 2 || read(value, out.has_more);
  });
}

void write(FieldWriter& out, const RecordsRequest& value) {
  out.number(1, value.from);
  out.number(2, value.most);
  out.number(3, value.log);
}

bool read(Bytes bytes, RecordsRequest& out) {
  return for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    switch (tag) {
      case 1:
        return read(value, out.from);
      case 2:
        return read(value, out.most);
      case 3:
        return read(value, out.log);
      default:
        return true;
    }
  });
}

void write(FieldWriter& out, const Records& value) {
  for (const ConnectionRecord& each : value.records) {
    out.nested(1, [&](FieldWriter& inner) { write(inner, each); });
  }
  out.number(2, value.next);
  out.number(3, value.lost);
  out.number(4, value.log);
}

bool read(Bytes bytes, Records& out) {
  return for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    switch (tag) {
      case 1:
        return append_record(value, out.records);
      case 2:
        return read(value, out.next);
      case 3:
        return read(value, out.lost);
      case 4:
        return read(value, out.log);
      default:
        return true;
    }
  });
}

void write(FieldWriter& out, const Kill& value) {
  out.number(1, value.id);
}

bool read(Bytes bytes, Kill& out) {
  return for_each_field(
      bytes, [&](std::uint16_t tag, Bytes value) { return tag != 1 || read(value, out.id); });
}

void write(FieldWriter& out, const KillReply& value) {
  out.number(1, static_cast<std::uint64_t>(value.was_found));
}

bool read(Bytes bytes, KillReply& out) {
  return for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    return tag != 1 || read(value, out.was_found);
  });
}

}  // namespace adit::control
