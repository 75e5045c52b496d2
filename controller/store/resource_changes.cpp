#include "controller/store/resource_changes.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace adit::store {

namespace {

constexpr std::size_t kNamed = 4;

template <class Resource>
void compare(const std::string& kind, const std::map<std::string, Resource>& before,
             const std::map<std::string, Resource>& after, std::vector<ResourceChange>& changes) {
  auto old = before.begin();
  auto now = after.begin();
  while (old != before.end() || now != after.end()) {
    if (now == after.end() || (old != before.end() && old->first < now->first)) {
      changes.push_back({'-', kind, old->first, ""});
      ++old;
    } else if (old == before.end() || now->first < old->first) {
      changes.push_back({'+', kind, now->first, now->second.owner});
      ++now;
    } else {
      if (old->second != now->second) {
        changes.push_back({'~', kind, now->first, now->second.owner});
      }
      ++old;
      ++now;
    }
  }
}

std::map<std::string, config::Relay> relay_of(const config::Resources& resources) {
  if (!resources.relay) return {};
  return {{"", *resources.relay}};
}

}  // namespace

std::vector<ResourceChange> changes_between(const config::Resources& before,
                                            const config::Resources& after) {
  std::vector<ResourceChange> changes;
  compare("site", before.sites, after.sites, changes);
  compare("host", before.hosts, after.hosts, changes);
  compare("relay", relay_of(before), relay_of(after), changes);
  return changes;
}

std::string summary_of(const std::vector<ResourceChange>& changes) {
  if (changes.empty()) return "no change";
  std::string text;
  for (std::size_t i = 0; i < std::min(changes.size(), kNamed); ++i) {
    const auto& change = changes[i];
    text += fmt::format("{}{}{}{}{}", i == 0 ? "" : ", ", change.sign, change.kind,
                        change.name.empty() ? "" : " ", change.name);
  }
  if (changes.size() > kNamed) text += fmt::format(" and {} more", changes.size() - kNamed);
  return text;
}

}  // namespace adit::store
