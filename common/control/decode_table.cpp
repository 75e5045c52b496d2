// Bytes -> a route table and what it is made of.
#include <algorithm>
#include <optional>
#include <utility>

#include "common/control/codec.hpp"
#include "common/control/field_reader.hpp"

namespace adit::control {

namespace {

using control::read;  // the functions below would hide it

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
      case 5:
        return read(value, out.proxy_protocol, ProxyProtocol::V2);
      default:
        return true;
    }
  });
}

bool read(Bytes bytes, AlpnTarget& out) {
  return for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    switch (tag) {
      case 1:
        return read(value, out.protocol);
      case 2:
        return read(value, out.target.address);
      case 3:
        return read(value, out.target.port);
      default:
        return true;
    }
  });
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

}  // namespace

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
      case 5:
        return read(value, out.accept_proxy.emplace_back());
      case 6:
        return append(value, out.source_addresses);
      case 7:
        return read(value, out.access);
      case 8:
        return append(value, out.devices);
      case 9:
        return read(value, out.tunnel);
      default:
        return true;
    }
  });
}

Route empty_route() {
  static const HostPattern catch_all = *HostPattern::parse("*");
  return {.name = {}, .pattern = catch_all, .port = 443, .site = {}, .targets = {}};
}

bool read(Bytes bytes, Route& route) {
  // What it was before is forgotten, but its memory is used again.
  Route fresh = empty_route();
  for (auto text : {&Route::name, &Route::site}) {
    (route.*text).clear();
    (fresh.*text).swap(route.*text);
  }
  route.targets.clear();
  fresh.targets.swap(route.targets);
  route = std::move(fresh);
  bool has_pattern = false;
  const bool is_whole = for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    switch (tag) {
      case 1:
        return read(value, route.name);
      case 2: {
        const std::string_view text(reinterpret_cast<const char*>(value.data()), value.size());
        auto parsed = HostPattern::parse(text);
        // Whoever looks at the bytes is to see the same name.
        if (!parsed || parsed->wire_text() != text) return false;
        route.pattern = std::move(*parsed);
        return has_pattern = true;
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
      case 13:
        return read(value, route.protocol, Protocol::Raw);
      case 8:
        return read(value, route.proxy_protocol, ProxyProtocol::V2);
      case 9:
        return read(value, route.alpn.emplace_back());
      case 10:
        return read(value, route.check, HealthCheck::Tls);
      case 11:
        return read(value, route.access);
      case 12:
        return read(value, route.limits);
      default:
        return true;
    }
  });
  return is_whole && has_pattern;
}

bool read(Bytes bytes, ListenAddress& out) {
  return for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    switch (tag) {
      case 1:
        return read(value, out.address);
      case 2:
        return read(value, out.port);
      case 3:
        return read(value, out.protocol, Protocol::Raw);
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
      case 3:
        return read(value, out.routes.emplace_back(empty_route()));
      default:
        return true;
    }
  });
}

Result<Table> decode_table(std::span<const std::uint8_t> bytes) {
  Table table;
  if (!read(bytes, table)) return fail(malformed("a route table that is cut off or out of range"));
  return table;
}

}  // namespace adit::control
