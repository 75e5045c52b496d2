// Keys of the design whose part is not built yet: their form is checked, their default is silently
// fine, and everything else is "… is not in this version".
#pragma once

#include "controller/config/schema.hpp"

namespace adit::config {

/// Fields of one resource that are refused unless they have their default.
void later_gateway(Reader& reader, const Value& value);   ///< router | host
void later_netmap(Reader& reader, const Value& value);    ///< a prefix, or a map of prefixes
void later_mtu(Reader& reader, const Value& value);       ///< 1280..9000
void later_nat(Reader& reader, const Value& value);       ///< true | false
void later_resolver(Reader& reader, const Value& value);  ///< an address, with or without a port
void later_check(Reader& reader, const Value& value);     ///< none | tcp | tls
void later_host_dns(Reader& reader, const Value& value);  ///< {proxied, ttl}

/// The top-level keys `dns`, `ports` and `devices`; an empty map is fine.
void later_dns(Reader& reader, const Value& value);
void later_ports(Reader& reader, const Value& value);
void later_devices(Reader& reader, const Value& value);

/// Any of the above as a field of a T.
template <auto kRead, class T>
void later(Reader& reader, const Value& value, T& /*out*/) {
  kRead(reader, value);
}

}  // namespace adit::config
