#include "controller/config/ownership.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "controller/config/resource_reader.hpp"
#include "controller/config/utf8.hpp"

namespace adit::config {

namespace {

constexpr std::size_t kMaxNamedHosts = 5;

/// Problems of changes point at where the resource was written, if it was.
class Changer {
 public:
  Changer(const Resources& head, std::string owner, const SourceMap& positions)
      : out_(head), owner_(std::move(owner)), positions_(positions) {
    if (!is_valid_owner(owner_)) {
      problem(
          {}, "owner",
          fmt::format("{} is not a name for an owner; use 1 to 63 of a-z, 0-9, '.', '_' and '-', "
                      "beginning with a letter or digit",
                      in_quotes(owner_)));
    }
  }

  void put(const std::string& name, Site site) {
    const auto found = out_.sites.find(name);
    if (found != out_.sites.end()) {
      if (!may_change("sites", "site", name, found->second.owner)) return;
      if (!site.public_key) site.public_key = found->second.public_key;
      if (!site.address) site.address = found->second.address;
    }
    site.owner = owner_;
    out_.sites[name] = std::move(site);
  }

  void put(const std::string& name, Host host) {
    const auto found = out_.hosts.find(name);
    if (found != out_.hosts.end() && !may_change("hosts", "host", name, found->second.owner))
      return;
    host.owner = owner_;
    out_.hosts[name] = std::move(host);
  }

  void put(Relay relay) {
    if (out_.relay && !may_change("relay", "relay", {}, out_.relay->owner)) return;
    relay.owner = owner_;
    out_.relay = std::move(relay);
  }

  void remove_host(const std::string& name) {
    const auto found = out_.hosts.find(name);
    if (found == out_.hosts.end()) {
      return problem({}, "hosts." + name, fmt::format("no host {}", in_quotes(name)),
                     Errc::NotFound);
    }
    if (may_change("hosts", "host", name, found->second.owner)) out_.hosts.erase(found);
  }

  void remove_site(const std::string& name) {
    const auto found = out_.sites.find(name);
    if (found == out_.sites.end()) {
      return problem({}, "sites." + name,
                     name == kDirectSite ? std::string("the site direct is built in")
                                         : fmt::format("no site {}", in_quotes(name)),
                     Errc::NotFound);
    }
    if (!may_change("sites", "site", name, found->second.owner)) return;
    refuse_users_of(name);
    out_.sites.erase(found);
  }

  /// Removes everything of the owner that `document` does not name.
  void prune(const Resources& document) {
    if (owner_ == kDefaultOwner) {
      return problem({}, "owner",
                     fmt::format("prune removes what the owner no longer writes, and \"{}\" is "
                                 "everybody at the command line; say --owner NAME",
                                 kDefaultOwner));
    }
    std::erase_if(out_.hosts, [&](const auto& entry) {
      return entry.second.owner == owner_ && !document.hosts.contains(entry.first);
    });
    std::erase_if(out_.sites, [&](const auto& entry) {
      const bool is_pruned = entry.second.owner == owner_ && !document.sites.contains(entry.first);
      if (is_pruned) refuse_users_of(entry.first);
      return is_pruned;
    });
    if (out_.relay && out_.relay->owner == owner_ && !document.relay) out_.relay.reset();
  }

  Checked<Resources> result() {
    if (problems_.empty()) return std::move(out_);
    sort_problems(problems_);
    return tl::unexpected(std::move(problems_));
  }

 private:
  bool may_change(std::string_view kind, std::string_view what, const std::string& name,
                  const std::string& owner) {
    if (owner == owner_) return true;
    const bool is_named = !name.empty();
    problem(is_named ? fmt::format("{}/{}", kind, name) : std::string(kind),
            is_named ? fmt::format("{}.{}", kind, name) : std::string(kind),
            fmt::format("{}{} belongs to owner \"{}\"; use --owner {}", what,
                        is_named ? " " + name : "", owner, owner),
            Errc::Conflict);
    return false;
  }

  void refuse_users_of(const std::string& site) {
    std::vector<std::string> users;
    std::size_t count = 0;
    for (const auto& [name, host] : out_.hosts) {
      if (host.site != site) continue;
      if (++count <= kMaxNamedHosts) users.push_back(name);
    }
    if (count == 0) return;
    const std::string more =
        count > users.size() ? fmt::format(" and {} more", count - users.size()) : "";
    problem({}, "sites." + site,
            fmt::format("site {} is used by {}{}; remove or move the host{} first", site,
                        fmt::join(users, ", "), more, count == 1 ? "" : "s"),
            Errc::Conflict);
  }

  void problem(const std::string& key, std::string path, std::string what,
               Errc code = Errc::Invalid) {
    Problem out;
    if (const auto found = positions_.find(key); found != positions_.end()) {
      out.file = found->second.file;
      out.line = found->second.line;
      out.column = found->second.column;
    }
    out.path = std::move(path);
    out.what = std::move(what);
    out.code = code;
    problems_.push_back(std::move(out));
  }

  Resources out_;
  std::string owner_;
  const SourceMap& positions_;
  Problems problems_;
};

/// A change of one resource that was not read from a file.
template <class Do>
Checked<Resources> change(const Resources& head, const std::string& owner, Do&& act) {
  const SourceMap nowhere;
  Changer changer(head, owner, nowhere);
  act(changer);
  return changer.result();
}

/// An empty folder or a list of files that came to nothing is hardly meant to remove everything.
Problem nothing_to_prune_by(const std::string& owner) {
  return {{},
          0,
          0,
          "prune",
          fmt::format("the files hold nothing, so all that owner {} has would be removed; if that "
                      "is meant, apply a file with {{}}",
                      in_quotes(owner))};
}

Problems invalid_name(std::string path, const std::string& name, std::string_view why) {
  return {Problem{{}, 0, 0, std::move(path), fmt::format("{}: {}", in_quotes(name), why)}};
}

}  // namespace

bool is_valid_owner(std::string_view owner) {
  const auto is_word = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !owner.empty() && owner.size() <= 63 && is_word(owner.front()) &&
         std::ranges::all_of(
             owner, [&](char c) { return is_word(c) || c == '.' || c == '_' || c == '-'; });
}

Checked<Resources> apply(const Resources& head, const Document& document,
                         const ApplyOptions& options) {
  Changer changer(head, options.owner, document.positions);
  for (const auto& [name, site] : document.resources.sites) changer.put(name, site);
  for (const auto& [name, host] : document.resources.hosts) changer.put(name, host);
  if (document.resources.relay) changer.put(*document.resources.relay);
  if (options.prune) changer.prune(document.resources);
  return changer.result();
}

Checked<Resources> apply_files(const std::vector<SourceFile>& files, const Resources& head,
                               const ApplyOptions& options, const NodeFacts& facts) {
  PartialDocument read = read_yaml_partial(files);
  // A file that is not YAML may hold what the others refer to: nothing more can be said.
  if (!read.is_yaml) return tl::unexpected(std::move(read.problems));
  Problems problems = std::move(read.problems);
  const auto collect = [&](const Problems& more) {
    problems.insert(problems.end(), more.begin(), more.end());
  };
  auto wanted = apply(head, read.document, options);
  if (options.prune && read.is_empty) {
    collect({nothing_to_prune_by(options.owner)});
  } else if (!wanted) {
    collect(wanted.error());
  } else {
    wanted = complete_and_validate(std::move(*wanted), head, facts, read.document.positions,
                                   read.broken);
    if (!wanted) collect(wanted.error());
  }
  if (problems.empty()) return wanted;
  sort_problems(problems);
  return tl::unexpected(std::move(problems));
}

Checked<Resources> put_host(const Resources& head, const std::string& name, Host host,
                            const std::string& owner) {
  const auto normal = normal_host_name(name);
  if (!normal) return tl::unexpected(invalid_name("hosts", name, normal.error().what));
  return change(head, owner, [&](Changer& changer) { changer.put(*normal, std::move(host)); });
}

Checked<Resources> put_site(const Resources& head, const std::string& name, Site site,
                            const std::string& owner) {
  if (name == kDirectSite) {
    return tl::unexpected(invalid_name("sites", name, "is built in; it cannot be written"));
  }
  if (!is_valid_site_name(name)) {
    return tl::unexpected(invalid_name("sites", name,
                                       "is not a name for a site; use 1 to 63 of a-z, 0-9 and '-', "
                                       "beginning with a letter or digit"));
  }
  return change(head, owner, [&](Changer& changer) { changer.put(name, std::move(site)); });
}

Checked<Resources> remove_host(const Resources& head, const std::string& name,
                               const std::string& owner) {
  const auto normal = normal_host_name(name);
  return change(head, owner,
                [&](Changer& changer) { changer.remove_host(normal ? *normal : name); });
}

Checked<Resources> remove_site(const Resources& head, const std::string& name,
                               const std::string& owner) {
  return change(head, owner, [&](Changer& changer) { changer.remove_site(name); });
}

Checked<Resources> set_site_key(const Resources& head, const std::string& name,
                                const wireguard::PublicKey& key) {
  Resources out = head;
  const auto found = out.sites.find(name);
  if (found == out.sites.end()) {
    return tl::unexpected(Problems{Problem{
        {}, 0, 0, "sites." + name, fmt::format("no site {}", in_quotes(name)), Errc::NotFound}});
  }
  found->second.public_key = key;
  return out;
}

Resources rollback(const Resources& head, const Resources& old) {
  Resources out = old;
  for (auto& [name, site] : out.sites) {
    const auto found = head.sites.find(name);
    if (found != head.sites.end()) site.public_key = found->second.public_key;
    site.address6.reset();  // goes with the address, and the ULA may be another by now
  }
  return out;
}

}  // namespace adit::config
