// Tree -> Resources: the tables of keys of sites, hosts and the relay.
#pragma once

#include "controller/config/resources.hpp"
#include "controller/config/schema.hpp"

namespace adit::config {

/// Adds what the document `root` names to `out`; a resource that is there already is a problem. All
/// problems and positions go to `reader`.
void read_document(Reader& reader, const Node& root, Resources& out);

/// A single resource, as the API sends it; `name` is only for paths.
void read_site(Reader& reader, const Value& value, const std::string& name, Site& out);
void read_host(Reader& reader, const Value& value, const std::string& name, Host& out);
void read_relay(Reader& reader, const Value& value, Relay& out);

/// The normal text of a host's name or pattern; Errc::Invalid says what is wrong, and for names
/// beyond ASCII which form to write.
Result<std::string> normal_host_name(std::string_view written);

}  // namespace adit::config
