// One line of a verification: what was looked at and what came of it.
#pragma once

#include <string>

#include "common/error.hpp"

namespace adit::cli {

enum class CheckState { Passed, Failed, Unchecked };

struct Check {
  std::string name;  ///< stable: "relay_libraries"
  CheckState state = CheckState::Unchecked;
  std::string detail;  ///< one sentence for people

  bool operator==(const Check&) const = default;
};

/// Why a check could not be made: always with what would make it possible.
inline std::string unchecked_because(const Error& error) {
  if (error.code == Errc::Denied) return "not checked (run as root)";
  return "not checked (" + error.what + ")";
}

}  // namespace adit::cli
