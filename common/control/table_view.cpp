#include "common/control/table_view.hpp"

#include "common/control/field_reader.hpp"
#include "common/control/message_type.hpp"

namespace adit::control {

namespace {

/// Tags of Table, Route and PlainHttp: see decode_table.cpp.
enum : std::uint16_t { kTableRevision = 1, kTableSettings = 2, kTableRoute = 3 };

enum : std::uint16_t {
  kRouteName = 1,
  kRoutePattern = 2,
  kRoutePort = 3,
  kRouteHttp = 7,
  kRouteProtocol = 13,
};

enum : std::uint16_t { kHttpPort = 1 };

std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// The keys of a route that `read` has found good: no field of it can be wrong.
RouteKey key_in(Bytes route) {
  RouteKey key{{}, {}, {443, Protocol::Tls}, std::nullopt};
  static_cast<void>(for_each_field(route, [&](std::uint16_t tag, Bytes value) {
    switch (tag) {
      case kRouteName:
        key.name = text_of(value);
        return true;
      case kRoutePattern:
        key.pattern = text_of(value);
        return true;
      case kRoutePort:
        return read(value, key.port.number);
      case kRouteProtocol:
        return read(value, key.port.protocol, Protocol::Raw);
      case kRouteHttp:
        key.http_port = PlainHttp{}.port;
        return for_each_field(value, [&](std::uint16_t inner, Bytes number) {
          return inner != kHttpPort || read(number, *key.http_port);
        });
      default:
        return true;
    }
  }));
  return key;
}

}  // namespace

RouteKey key_of(const Route& route) {
  RouteKey key{route.name, route.pattern.wire_text(), route.public_port(), std::nullopt};
  if (route.http) key.http_port = route.http->port;
  return key;
}

Result<TableView> TableView::parse(std::span<const std::uint8_t> bytes, const OnRoute& on_route) {
  TableView view;
  view.bytes_ = bytes;
  view.routes_.reserve(likely_routes(bytes));
  Route scratch = empty_route();
  const auto read_next = [&](Bytes value) {
    if (!read(value, scratch)) return false;
    const bool is_elaborate =
        scratch.check != HealthCheck::None || scratch.access.is_set() || scratch.targets.size() > 1;
    view.routes_.push_back({static_cast<std::uint32_t>(value.data() - bytes.data()),
                            static_cast<std::uint32_t>(value.size()), is_elaborate});
    if (on_route) on_route(view, view.size() - 1, scratch);
    return true;
  };
  const bool is_whole = for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    switch (tag) {
      case kTableRevision:
        return read(value, view.revision_);
      case kTableSettings:
        return read(value, view.settings_);
      case kTableRoute:
        return read_next(value);
      default:
        return true;
    }
  });
  if (!is_whole) return fail(malformed("a route table that is cut off or out of range"));
  view.routes_.shrink_to_fit();
  return view;
}

std::span<const std::uint8_t> TableView::route_bytes(std::size_t place) const {
  return bytes_.subspan(routes_[place].offset, routes_[place].size);
}

RouteKey TableView::key(std::size_t place) const {
  return key_in(route_bytes(place));
}

Route TableView::route(std::size_t place) const {
  Route out = empty_route();
  read_route(place, out);
  return out;
}

void TableView::read_route(std::size_t place, Route& out) const {
  static_cast<void>(read(route_bytes(place), out));  // parse() has read it before
}

Result<std::optional<TableRequest>> read_table_request(std::span<const std::uint8_t> body) {
  ByteReader in(body);
  const auto type = in.u16();
  const auto id = in.u32();
  if (!id) return std::optional<TableRequest>();
  const bool is_set = *type == static_cast<std::uint16_t>(MessageType::Set);
  if (!is_set && *type != static_cast<std::uint16_t>(MessageType::Check)) {
    return std::optional<TableRequest>();
  }
  TableRequest request{*id, is_set, {}, 0};
  std::size_t tables = 0;
  const bool is_whole =
      for_each_field(*in.bytes(in.remaining()), [&](std::uint16_t tag, Bytes value) {
        if (tag == 1) {
          request.table = value;
          ++tables;
        }
        return tag != 2 || !is_set || read(value, request.digest);
      });
  if (!is_whole) return fail(malformed("a field is cut off or out of range"));
  if (tables > 1) return fail(malformed("more than one route table"));
  return std::optional(request);
}

}  // namespace adit::control
