// JSON documents as YAML 1.2 block style, such that every YAML 1.1 reader takes them the same way.
// It only writes: the controller is the only reader of YAML. PURE.
#pragma once

#include <string>

#include "controller/cli/json_access.hpp"

namespace adit::cli {

/// `document` as YAML; ends with '\n'. Strings that could be read as something else are quoted.
std::string to_yaml(const Json& document);

}  // namespace adit::cli
