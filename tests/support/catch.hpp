// The common subset of Catch2 v2 (Debian 12) and v3 (Debian 13).
#pragma once

#include <string>

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>

/// The matchers of version 3 by the names that they have in version 2.
namespace Catch {
using Matchers::EndsWith;
using Matchers::StartsWith;

inline auto Contains(const std::string& part) {
  return Matchers::ContainsSubstring(part);
}
}  // namespace Catch
#else
#include <catch2/catch.hpp>
#endif
