#include "controller/apply/undo.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace adit::apply {

namespace {

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-_./:=+,@").find(c) != std::string_view::npos;
}

std::string owner_option(const std::string& owner) {
  return owner == config::kDefaultOwner ? "" : " --owner " + shell_word(owner);
}

/// True if `change` did no more to a site than to give it another key.
bool is_key_only(const config::Change& change, const config::Resources& before,
                 const config::Resources& after) {
  if (change.kind != "site" || change.sign != '~') return false;
  config::Site site = before.sites.at(change.name);
  site.public_key = after.sites.at(change.name).public_key;
  return site == after.sites.at(change.name);
}

std::string note_of_first_key(const std::string& site) {
  const std::string name = shell_word(site);
  return fmt::format(
      "the first key of {} can be replaced (adit site set-key {} KEY); it goes only with its site "
      "(adit site rm {})",
      site, name, name);
}

/// The keys of sites that were there before and are still there: what a rollback keeps.
void add_keys(Undo& undo, const config::Resources& before, const config::Resources& after) {
  std::vector<std::string> notes;
  for (const auto& [name, site] : before.sites) {
    const auto now = after.sites.find(name);
    if (now == after.sites.end() || now->second.public_key == site.public_key) continue;
    if (!site.public_key) {
      notes.push_back(note_of_first_key(name));
      continue;
    }
    if (!undo.command.empty()) undo.command += " && ";
    undo.command +=
        fmt::format("adit site set-key {} {}", shell_word(name), site.public_key->base64());
  }
  undo.note = fmt::format("{}", fmt::join(notes, "; "));
}

}  // namespace

std::string shell_word(const std::string& word) {
  if (!word.empty() && std::all_of(word.begin(), word.end(), is_plain)) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

Undo undo_of(const ChangeRequest& request, const std::vector<config::Change>& changes,
             const config::Resources& before, const config::Resources& after,
             std::uint64_t previous_revision) {
  if (changes.empty()) return {};
  const config::Change& first = changes.front();
  const bool is_one_put = std::holds_alternative<PutHost>(request.action) ||
                          std::holds_alternative<PutSite>(request.action);
  if (is_one_put && changes.size() == 1 && first.sign == '+') {
    return {fmt::format("adit {} rm {}{}", first.kind, shell_word(first.name),
                        owner_option(request.owner)),
            ""};
  }
  Undo undo;
  const bool is_all_keys =
      std::all_of(changes.begin(), changes.end(),
                  [&](const config::Change& change) { return is_key_only(change, before, after); });
  if (!is_all_keys) undo.command = fmt::format("adit rollback {}", previous_revision);
  add_keys(undo, before, after);
  return undo;
}

}  // namespace adit::apply
