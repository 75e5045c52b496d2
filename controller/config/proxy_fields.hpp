// What a person writes about the PROXY protocol and about protocols in the ClientHello:
// proxy_protocol, http_proxy_protocol, alpn, relay.accept_proxy.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "controller/config/resources.hpp"
#include "controller/config/schema.hpp"

namespace adit::config {

/// "none", "v1" or "v2".
std::string_view to_string(control::ProxyProtocol version);

/// none | v1 | v2; a problem and nullopt for anything else.
std::optional<control::ProxyProtocol> read_proxy_protocol(Reader& reader, const Value& value);

/// {PROTOCOL: ADDRESS:PORT}, or a list of such maps, whose order counts (a map's is that of the
/// text; JSON objects have none, so revisions hold a list). Up to 16 protocols, each once.
void read_alpn(Reader& reader, const Value& value, Host& out);

/// A list of up to 256 networks, each once; not the whole internet.
void read_accept_proxy(Reader& reader, const Value& value, Relay& out);

}  // namespace adit::config
