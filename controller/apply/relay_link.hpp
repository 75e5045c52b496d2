// RelayLink: what the reconciler and the change flow need of the relay, so that both can be tested
// without one. SocketRelayLink is the real one: the control socket, with a deadline for each call.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "common/control/messages.hpp"
#include "common/result.hpp"
#include "controller/apply/relay_client.hpp"

namespace adit::apply {

class RelayLink {
 public:
  virtual ~RelayLink() = default;

  /// Would `table` work there? Not empty: why not. An error: nobody could be asked.
  virtual Result<std::vector<std::string>> check(const control::Table& table) = 0;
  /// Makes `table` live, or says in `problems` why the old one goes on.
  virtual Result<control::SetReply> set(const control::Table& table) = 0;
  virtual Result<control::Stats> stats() = 0;
  /// Tells which sites are down; all others are up.
  virtual Result<void> tell(const control::SiteState& sites) = 0;
  /// Of the targets of routes that have several, or a check.
  virtual Result<control::HealthReply> health() = 0;
};

class SocketRelayLink final : public RelayLink {
 public:
  /// A request to stop ends every call at once.
  SocketRelayLink(const std::string& socket_path, std::stop_token stop);

  Result<std::vector<std::string>> check(const control::Table& table) override;
  Result<control::SetReply> set(const control::Table& table) override;
  Result<control::Stats> stats() override;
  Result<void> tell(const control::SiteState& sites) override;
  Result<control::HealthReply> health() override;

 private:
  RelayClient client_;
  std::stop_token stop_;
};

}  // namespace adit::apply
