// Changes to the whole state, as values: what an apply, a single put or remove, or a rollback makes
// of the head, under the rules of owners (DESIGN.md, "Owners"). Each result still goes through
// complete_and_validate, except where it says otherwise. PURE.
#pragma once

#include <string>
#include <vector>

#include "controller/config/problem.hpp"
#include "controller/config/resources.hpp"
#include "controller/config/validate.hpp"
#include "controller/config/yaml_reader.hpp"

namespace adit::config {

struct ApplyOptions {
  std::string owner = kDefaultOwner;
  bool prune = false;  ///< remove what `owner` has and the document does not name; not for "cli"
};

/// 1..63 of [a-z0-9._-], beginning with a letter or digit.
bool is_valid_owner(std::string_view owner);

/// `head` with everything of `document` put in under the owner. A site whose document has no key or
/// no address keeps those of the head. Problems: another owner's resource (`… belongs to owner
/// "git"; use --owner git`), prune under "cli", a pruned site that a remaining host uses.
Checked<Resources> apply(const Resources& head, const Document& document,
                         const ApplyOptions& options);

/// The whole way of `adit apply`: reads, applies, completes and validates, and reports the problems
/// of all of these steps at once. What is returned may be committed. Prune needs a file that holds
/// at least `{}`.
Checked<Resources> apply_files(const std::vector<SourceFile>& files, const Resources& head,
                               const ApplyOptions& options, const NodeFacts& facts);

/// `name` is normalised ("App.Example.com." is "app.example.com").
Checked<Resources> put_host(const Resources& head, const std::string& name, Host host,
                            const std::string& owner);
/// As apply: a key or an address that `site` leaves out stays as in the head.
Checked<Resources> put_site(const Resources& head, const std::string& name, Site site,
                            const std::string& owner);
/// Errc::NotFound when there is none, Errc::Conflict when it is another owner's.
Checked<Resources> remove_host(const Resources& head, const std::string& name,
                               const std::string& owner);
/// As remove_host; Errc::Conflict too while hosts use the site: the problem names them.
Checked<Resources> remove_site(const Resources& head, const std::string& name,
                               const std::string& owner);
/// Anybody's site: which key a home has is not a matter of who wrote its YAML.
Checked<Resources> set_site_key(const Resources& head, const std::string& name,
                                const wireguard::PublicKey& key);

/// The whole of `old`, except the public keys of sites that `head` has too: a key that was replaced
/// stays replaced.
Resources rollback(const Resources& head, const Resources& old);

/// One line of what a change does to one resource.
struct Change {
  char sign = '~';   ///< '+', '~' or '-'
  std::string kind;  ///< "site", "host" or "relay"
  std::string name;  ///< empty for the relay
  std::string what;  ///< "site home, target 10.30.0.200:443" or "drain 5s -> 30s; target added: …"

  bool operator==(const Change&) const = default;
};

/// Sites, then hosts, then the relay, each by name; empty when nothing differs.
std::vector<Change> changes(const Resources& before, const Resources& after);

}  // namespace adit::config
