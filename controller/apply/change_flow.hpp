// ChangeFlow: the life of a change. Merge under the rules of owners -> complete and validate the
// whole -> ask the relay whether it could -> commit a revision -> reconcile now. Whatever is
// refused before the commit has changed nothing; after it nothing is un-committed. One thread: the
// local worker's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "controller/apply/node.hpp"
#include "controller/apply/reconciler.hpp"
#include "controller/apply/relay_link.hpp"
#include "controller/apply/requests.hpp"
#include "controller/apply/snapshot.hpp"
#include "controller/store/store.hpp"

namespace adit::apply {

class ChangeFlow {
 public:
  using Networks = std::function<std::vector<IpPrefix>()>;

  /// All of them must outlive this object. `own_networks` is asked before each check.
  ChangeFlow(store::Store& store, RelayLink& relay, Reconciler& reconciler,
             std::shared_ptr<const NodeContext> node, Networks own_networks);

  /// Takes the head from the store and makes it what the reconciler works for.
  Result<void> load();

  /// Does `request`, or refuses it.
  Answer<ChangeResult> change(const ChangeRequest& request, const Now& now);

  /// The newest `limit` revisions.
  Result<std::vector<store::RevisionInfo>> revisions(std::size_t limit);

  /// The head and what it asks for; never null after `load`.
  [[nodiscard]] const std::shared_ptr<const State>& state() const { return state_; }

 private:
  Answer<config::Resources> wanted_by(const ChangeRequest& request) const;
  Answer<config::Resources> wanted_by(const ApplyFiles& action, const std::string& owner) const;
  Answer<config::Resources> wanted_by(const PutHost& action, const std::string& owner) const;
  Answer<config::Resources> wanted_by(const RemoveHost& action, const std::string& owner) const;
  Answer<config::Resources> wanted_by(const PutSite& action, const std::string& owner) const;
  Answer<config::Resources> wanted_by(const RemoveSite& action, const std::string& owner) const;
  Answer<config::Resources> wanted_by(const PatchSite& action, const std::string& owner) const;
  Answer<config::Resources> wanted_by(const Rollback& action, const std::string& owner) const;
  [[nodiscard]] config::NodeFacts facts() const;
  [[nodiscard]] Answer<config::Resources> completed(
      config::Checked<config::Resources> merged) const;
  [[nodiscard]] std::shared_ptr<const State> state_of(std::uint64_t revision,
                                                      config::Resources resources) const;
  /// Asks the relay; an empty result: the table is fine or nobody could be asked (then a warning).
  Answer<void> check_table(const State& next, std::vector<std::string>& warnings) const;
  Result<void> commit(const ChangeRequest& request, const State& next, std::int64_t wall);
  void become(std::shared_ptr<const State> next);

  store::Store& store_;
  RelayLink& relay_;
  Reconciler& reconciler_;
  std::shared_ptr<const NodeContext> node_;
  Networks own_networks_;
  std::shared_ptr<const State> state_;
};

}  // namespace adit::apply
