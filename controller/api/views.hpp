// The documents that the API shows of a snapshot: one function for each. PURE.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "controller/api/live_view.hpp"
#include "controller/apply/requests.hpp"

namespace adit::api {

/// GET /v1/status
nlohmann::json status_json(const LiveView& view);

/// One item of GET /v1/hosts: the resource as written, its effective target and port, its counters.
nlohmann::json host_item(const LiveView& view, const std::string& name, const config::Host& host);
/// One item of GET /v1/sites.
nlohmann::json site_item(const LiveView& view, const std::string& name, const config::Site& site);
/// One item of GET /v1/routes: what the relay is given.
nlohmann::json route_item(const LiveView& view, const control::Route& route);

nlohmann::json to_json(const apply::StepReport& report);
nlohmann::json to_json(const apply::ChangeResult& result);
nlohmann::json to_json(const store::RevisionInfo& revision);

}  // namespace adit::api
