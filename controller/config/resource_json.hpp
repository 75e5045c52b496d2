// Resources <-> JSON: the documents of the API and of stored revisions, with the same keys as the
// YAML. PURE.
#pragma once

#include <nlohmann/json.hpp>

#include "controller/config/problem.hpp"
#include "controller/config/resources.hpp"

namespace adit::config {

/// `{"sites": {…}, "hosts": {…}, "relay": {…}}`; every resource has "owner". Optional members that
/// are absent are left out.
nlohmann::json to_json(const Resources& resources);
nlohmann::json to_json(const Site& site);
nlohmann::json to_json(const Host& host);
nlohmann::json to_json(const Relay& relay);

/// The same rules and messages as the YAML reader (one implementation behind both), without
/// positions. A document of ours: "owner" and keys of later versions are read where they stand.
Checked<Resources> resources_from_json(const nlohmann::json& document);
/// Documents that people send: what the YAML refuses is refused.
Checked<Site> site_from_json(const std::string& name, const nlohmann::json& document);
Checked<Host> host_from_json(const std::string& name, const nlohmann::json& document);
/// `site` with the JSON merge patch (RFC 7386, an object) that people send: what it writes is
/// theirs, what it leaves is ours.
Checked<Site> patched(const std::string& name, const Site& site, const nlohmann::json& patch);

}  // namespace adit::config
