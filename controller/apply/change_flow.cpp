#include "controller/apply/change_flow.hpp"

#include <cerrno>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/control/codec.hpp"
#include "controller/apply/undo.hpp"
#include "controller/config/resource_json.hpp"

namespace adit::apply {

ChangeFlow::ChangeFlow(store::Store& store, RelayLink& relay, Reconciler& reconciler,
                       std::shared_ptr<const NodeContext> node, Networks own_networks)
    : store_(store),
      relay_(relay),
      reconciler_(reconciler),
      node_(std::move(node)),
      own_networks_(std::move(own_networks)) {}

Result<void> ChangeFlow::load() {
  auto head = store_.head();
  if (!head) return fail(std::move(head).error());
  become(state_of(head->number, std::move(head->resources)));
  return {};
}

std::shared_ptr<const State> ChangeFlow::state_of(std::uint64_t revision,
                                                  config::Resources resources) const {
  auto state = std::make_shared<State>();
  state->revision = revision;
  state->desired = plan::build_desired(resources, node_->identity, revision);
  state->resources = std::move(resources);
  state->table_digest = control::digest(state->desired.table);
  return state;
}

void ChangeFlow::become(std::shared_ptr<const State> next) {
  state_ = std::move(next);
  set_privacy(state_->desired.table.settings.privacy);
  // Shares the State's life: the Desired is a part of it.
  reconciler_.set_desired(std::shared_ptr<const plan::Desired>(state_, &state_->desired));
}

config::NodeFacts ChangeFlow::facts() const {
  config::NodeFacts facts;
  facts.pool = node_->identity.pool;
  facts.own_networks = own_networks_();
  facts.node_key = node_->identity.public_key;
  return facts;
}

Answer<config::Resources> ChangeFlow::completed(config::Checked<config::Resources> merged) const {
  if (!merged) return refuse(std::move(merged).error());
  auto whole = config::complete_and_validate(std::move(*merged), state_->resources, facts(), {});
  if (!whole) return refuse(std::move(whole).error());
  return std::move(*whole);
}

Answer<config::Resources> ChangeFlow::wanted_by(const ChangeRequest& request) const {
  if (!config::is_valid_owner(request.owner)) {
    return refuse(Errc::Invalid,
                  "an owner has 1 to 63 of a-z, 0-9, '.', '_' and '-', a letter or digit first");
  }
  return std::visit([&](const auto& action) { return wanted_by(action, request.owner); },
                    request.action);
}

Answer<config::Resources> ChangeFlow::wanted_by(const ApplyFiles& action,
                                                const std::string& owner) const {
  auto whole = config::apply_files(action.files, state_->resources, {owner, action.prune}, facts());
  if (!whole) return refuse(std::move(whole).error());
  return std::move(*whole);
}

Answer<config::Resources> ChangeFlow::wanted_by(const PutHost& action,
                                                const std::string& owner) const {
  auto wanted = completed(config::put_host(state_->resources, action.name, action.host, owner));
  if (!wanted || !action.only_if_new || *wanted == state_->resources) return wanted;
  const auto pattern = HostPattern::parse(action.name);
  const std::string name = pattern ? pattern->wire_text() : action.name;
  const auto known = state_->resources.hosts.find(name);
  if (known == state_->resources.hosts.end()) return wanted;
  return refuse(Errc::Conflict,
                fmt::format("host {} is there already, at site {} with other settings; remove it "
                            "first (`adit host rm`), or change it with `adit apply`",
                            name, known->second.site));
}

Answer<config::Resources> ChangeFlow::wanted_by(const RemoveHost& action,
                                                const std::string& owner) const {
  auto rest = config::remove_host(state_->resources, action.name, owner);
  if (!rest) return refuse(std::move(rest).error());
  return std::move(*rest);  // what is taken away cannot make the rest invalid
}

Answer<config::Resources> ChangeFlow::wanted_by(const PutSite& action,
                                                const std::string& owner) const {
  auto wanted = completed(config::put_site(state_->resources, action.name, action.site, owner));
  const bool is_new = !state_->resources.sites.contains(action.name);
  if (!wanted || !action.only_if_new || is_new || *wanted == state_->resources) return wanted;
  return refuse(Errc::Conflict,
                fmt::format("site {} is there already with other settings; change it with `adit "
                            "apply`, its key with `adit site set-key`",
                            action.name));
}

Answer<config::Resources> ChangeFlow::wanted_by(const RemoveSite& action,
                                                const std::string& owner) const {
  auto rest = config::remove_site(state_->resources, action.name, owner);
  if (!rest) return refuse(std::move(rest).error());
  return std::move(*rest);
}

Answer<config::Resources> ChangeFlow::wanted_by(const PatchSite& action,
                                                const std::string& owner) const {
  const auto known = state_->resources.sites.find(action.name);
  if (known == state_->resources.sites.end()) {
    return refuse(Errc::NotFound, fmt::format("there is no site {}", action.name));
  }
  if (action.patch.contains("public_key") && action.patch["public_key"].is_null()) {
    return refuse(Errc::Invalid, "public_key: a key can be replaced, not taken away");
  }
  auto site = config::patched(action.name, known->second, action.patch);
  if (!site) return refuse(std::move(site).error());
  if (action.patch.size() == 1 && action.patch.contains("public_key")) {
    return completed(config::set_site_key(state_->resources, action.name, *site->public_key));
  }
  return completed(config::put_site(state_->resources, action.name, std::move(*site), owner));
}

Answer<config::Resources> ChangeFlow::wanted_by(const Rollback& action,
                                                const std::string& /*owner*/) const {
  config::Resources old;  // revision 0: nothing at all
  if (action.revision != 0) {
    auto revision = store_.get(action.revision);
    if (!revision) return refuse(revision.error());
    old = std::move(revision->resources);
  }
  return completed(config::rollback(state_->resources, old));
}

Answer<void> ChangeFlow::check_table(const State& next, std::vector<std::string>& warnings) const {
  if (next.table_digest == state_->table_digest) return {};
  auto problems = relay_.check(next.desired.table);
  if (!problems && problems.error().sys_errno == ECANCELED) {
    return refuse(Errc::Unavailable, "the controller is ending; nothing was changed");
  }
  if (!problems) {
    warnings.push_back(
        fmt::format("nobody could say whether the relay can do this: {}", problems.error().what));
    return {};
  }
  if (problems->empty()) return {};
  return refuse(Errc::Conflict,
                fmt::format("the relay refuses this table and goes on with the one it has: {}",
                            fmt::join(*problems, "; ")));
}

Result<void> ChangeFlow::commit(const ChangeRequest& request, const State& next,
                                std::int64_t wall) {
  store::Revision revision;
  revision.number = next.revision;
  revision.owner = request.owner;
  revision.uid = request.uid;
  revision.time = wall;
  revision.message = request.message;
  revision.resources = next.resources;
  auto number = store_.commit(state_->revision, revision);
  if (!number) return fail(std::move(number).error());
  return {};
}

Answer<ChangeResult> ChangeFlow::change(const ChangeRequest& request, const Now& now) {
  const std::uint64_t head = state_->revision;
  if (request.expected_revision && *request.expected_revision != head) {
    Refusal refusal{Errc::Conflict,
                    fmt::format("the revision is {} now, not {}; look at it again", head,
                                *request.expected_revision),
                    {},
                    true};
    return tl::unexpected<Refusal>(std::move(refusal));
  }
  auto wanted = wanted_by(request);
  if (!wanted) return tl::unexpected<Refusal>(std::move(wanted).error());

  ChangeResult result;
  result.revision = head;
  result.previous_revision = head;
  result.changes = config::changes(state_->resources, *wanted);
  if (*wanted == state_->resources) {
    // Asked for again: what is not done yet is tried at once.
    result.steps = request.dry_run ? reconciler_.preview(state_->desired, now)
                                   : reconciler_.apply(now).reports;
    return result;
  }
  const auto next = state_of(head + 1, std::move(*wanted));
  if (auto checked = check_table(*next, result.warnings); !checked) {
    return tl::unexpected<Refusal>(std::move(checked).error());
  }
  if (request.dry_run) {
    result.steps = reconciler_.preview(next->desired, now);
    return result;
  }
  Undo undo = undo_of(request, result.changes, state_->resources, next->resources, head);
  result.undo = std::move(undo.command);
  result.undo_note = std::move(undo.note);
  if (auto committed = commit(request, *next, now.wall); !committed) {
    return refuse(committed.error());
  }
  become(next);
  result.revision = next->revision;
  Execution done = reconciler_.apply(now);
  result.steps = std::move(done.reports);
  std::move(done.warnings.begin(), done.warnings.end(), std::back_inserter(result.warnings));
  return result;
}

Result<std::vector<store::RevisionInfo>> ChangeFlow::revisions(std::size_t limit) {
  return store_.list(limit);
}

}  // namespace adit::apply
