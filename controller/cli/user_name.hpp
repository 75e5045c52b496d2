// Names of users, for people: a uid is what is recorded.
#pragma once

#include <cstdint>
#include <string>

namespace adit::cli {

/// The user's name by getpwuid_r(3); the number as text where none is known.
std::string user_name(std::uint32_t uid);

}  // namespace adit::cli
