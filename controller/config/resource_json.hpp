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
/// positions. "owner" is read where it stands.
Checked<Resources> resources_from_json(const nlohmann::json& document);
Checked<Site> site_from_json(const std::string& name, const nlohmann::json& document);
Checked<Host> host_from_json(const std::string& name, const nlohmann::json& document);

}  // namespace adit::config
