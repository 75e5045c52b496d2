// Request bodies: JSON text -> checked members. Exceptions of the JSON library end here. PURE.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/result.hpp"

namespace adit::api {

/// `body` as one JSON object of bounded depth in which no object has a key twice; Errc::Invalid
/// says what is wrong, and at which byte.
Result<nlohmann::json> parse_object(std::string_view body);

/// Errc::Invalid names the first member of `object` that is not one of `known`: a misspelt
/// "dry_run" must not commit.
Result<void> require_known(const nlohmann::json& object,
                           const std::vector<std::string_view>& known);

/// The members by type; `otherwise` where there is none; Errc::Invalid where it has another type.
Result<std::string> text_member(const nlohmann::json& object, const std::string& name,
                                std::string otherwise);
Result<bool> flag_member(const nlohmann::json& object, const std::string& name, bool otherwise);

}  // namespace adit::api
