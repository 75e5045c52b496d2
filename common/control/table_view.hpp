// TableView: a route table that stays encoded. Its settings are values; its routes are where they
// stand in the borrowed bytes, so that 100 000 of them weigh what they weigh on the wire and cost
// nothing until somebody asks for one. PURE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "common/control/messages.hpp"
#include "common/result.hpp"

namespace adit::control {

/// By what a route is found. Borrowed from where it stands.
struct RouteKey {
  std::string_view name;
  std::string_view pattern;  ///< HostPattern::wire_text
  PublicPort port;
  std::optional<std::uint16_t> http_port;  ///< nothing: plain HTTP does not know it

  /// Whether clients of `on` are the route's.
  [[nodiscard]] bool is_on(const PublicPort& on) const {
    return on.protocol == Protocol::Http ? http_port == on.number : port == on;
  }
};

[[nodiscard]] RouteKey key_of(const Route& route);

class TableView {
 public:
  /// What else is to be done with each route while it is decoded once: `table` is whole up to
  /// `place`, and `route` valid for the call.
  using OnRoute =
      std::function<void(const TableView& table, std::size_t place, const Route& route)>;

  /// `bytes` (encode_table, or a Set's) must stay where they are as long as the view.
  /// Errc::Protocol for what decode_table would not read.
  static Result<TableView> parse(std::span<const std::uint8_t> bytes, const OnRoute& on_route = {});

  /// About how many routes there are in `bytes`: for reserving, without looking at them.
  static std::size_t likely_routes(std::span<const std::uint8_t> bytes) {
    constexpr std::size_t kLikelyRouteBytes = 200;
    return bytes.size() / kLikelyRouteBytes;
  }

  [[nodiscard]] std::uint64_t revision() const { return revision_; }

  [[nodiscard]] const Settings& settings() const { return settings_; }

  [[nodiscard]] std::span<const std::uint8_t> bytes() const { return bytes_; }

  /// How many routes there are; those below are for a place below it, in the table's order.
  [[nodiscard]] std::size_t size() const { return routes_.size(); }

  [[nodiscard]] std::span<const std::uint8_t> route_bytes(std::size_t place) const;
  [[nodiscard]] RouteKey key(std::size_t place) const;
  [[nodiscard]] Route route(std::size_t place) const;
  /// The same into `out`, whose memory is used again.
  void read_route(std::size_t place, Route& out) const;

  /// Whether it has a check, several targets, or rules of access: what has to be made before its
  /// first connection.
  [[nodiscard]] bool is_elaborate(std::size_t place) const { return routes_[place].is_elaborate; }

 private:
  struct Span {
    std::uint32_t offset;  ///< in bytes_
    std::uint32_t size : 31;
    std::uint32_t is_elaborate : 1;
  };

  std::span<const std::uint8_t> bytes_;
  std::uint64_t revision_ = 0;
  Settings settings_;
  std::vector<Span> routes_;
};

/// A Check or a Set whose table stays encoded: borrowed from the body that it was read from.
struct TableRequest {
  std::uint32_t id = 0;  ///< of the message
  bool is_set = false;
  std::span<const std::uint8_t> table;
  std::uint64_t digest = 0;  ///< of a Set
};

/// Nothing for a body of another message; Errc::Protocol for one whose fields are cut off, or that
/// has more than one table. What is in the table is not looked at. A body without a table asks for
/// an empty one.
Result<std::optional<TableRequest>> read_table_request(std::span<const std::uint8_t> body);

}  // namespace adit::control
