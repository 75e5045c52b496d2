// Bytes -> what a route or the relay asks of clients.
#include "common/control/field_reader.hpp"

namespace adit::control {

namespace {

/// `tag`s 1 and 2 of a prefix, which a grant has too.
class PrefixReader {
 public:
  bool take(std::uint16_t tag, Bytes value) {
    if (tag == 1) return has_address_ = read(value, address_);
    return tag != 2 || read(value, length_);
  }

  /// False for what is no prefix: no address, too long, host bits set.
  [[nodiscard]] bool finish(IpPrefix& out) const {
    if (!has_address_ || length_ > address_.bits()) return false;
    out = IpPrefix(address_, length_);
    return out.address() == address_;
  }

 private:
  IpAddress address_;
  std::uint8_t length_ = 0;
  bool has_address_ = false;
};

bool read(Bytes bytes, Grant& out) {
  PrefixReader prefix;
  const bool is_whole = for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    return tag == 3 ? control::read(value, out.until) : prefix.take(tag, value);
  });
  return is_whole && prefix.finish(out.prefix);
}

}  // namespace

bool read(Bytes bytes, IpPrefix& out) {
  PrefixReader prefix;
  const bool is_whole = for_each_field(
      bytes, [&](std::uint16_t tag, Bytes value) { return prefix.take(tag, value); });
  return is_whole && prefix.finish(out);
}

bool read(Bytes bytes, Access& out) {
  return for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    switch (tag) {
      case 1:
        return read(value, out.from, Audience::Devices);
      case 2:
        return append(value, out.allow);
      case 3:
        return append(value, out.deny);
      case 4:
        return read(value, out.grants.emplace_back());
      default:
        return true;
    }
  });
}

bool read(Bytes bytes, RouteLimits& out) {
  return for_each_field(bytes, [&](std::uint16_t tag, Bytes value) {
    switch (tag) {
      case 1:
        return read(value, out.connections);
      case 2:
        return read(value, out.connections_per_client);
      case 3:
        return read(value, out.rate_per_client);
      case 4:
        return read(value, out.bandwidth);
      case 5:
        return read(value, out.bandwidth_per_client);
      default:
        return true;
    }
  });
}

}  // namespace adit::control
