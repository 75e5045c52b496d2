#include "controller/apply/undo.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace adit::apply {

namespace {

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-_./:=+,@").find(c) != std::string_view::npos;
}

std::string owner_option(const std::string& owner) {
  return owner == config::kDefaultOwner ? "" : " --owner " + shell_word(owner);
}

/// A change of the key alone: going back to a revision would keep the new one.
std::string undo_key(const PatchSite& patch, const config::Resources& before) {
  const auto site = before.sites.find(patch.name);
  if (site == before.sites.end() || !site->second.public_key) return {};
  return fmt::format("adit site set-key {} {}", shell_word(patch.name),
                     site->second.public_key->base64());
}

bool is_key_only(const PatchSite& patch) {
  return patch.patch.size() == 1 && patch.patch.contains("public_key");
}

}  // namespace

std::string shell_word(const std::string& word) {
  if (!word.empty() && std::all_of(word.begin(), word.end(), is_plain)) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string undo_of(const ChangeRequest& request, const std::vector<config::Change>& changes,
                    const config::Resources& before, std::uint64_t previous_revision) {
  if (changes.empty()) return {};
  const config::Change& first = changes.front();
  if (const auto* patch = std::get_if<PatchSite>(&request.action); patch && is_key_only(*patch)) {
    return undo_key(*patch, before);
  }
  const bool is_one_put = std::holds_alternative<PutHost>(request.action) ||
                          std::holds_alternative<PutSite>(request.action);
  if (is_one_put && changes.size() == 1 && first.sign == '+') {
    return fmt::format("adit {} rm {}{}", first.kind, shell_word(first.name),
                       owner_option(request.owner));
  }
  return fmt::format("adit rollback {}", previous_revision);
}

}  // namespace adit::apply
