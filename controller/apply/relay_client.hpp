// The controller's side of the relay's control socket: blocking calls with a deadline for the local
// worker. It connects when it is first needed and again after any fault, so that a late answer is
// never taken for that of a later question. One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/control/frame.hpp"
#include "common/control/messages.hpp"
#include "common/os/wait.hpp"
#include "common/result.hpp"
#include "common/unique_fd.hpp"

namespace adit::apply {

/// Every call fails with Errc::Unavailable (or NotFound: no such socket) when no relay answers in
/// time, Denied when the relay does not take us for its controller, Protocol when it speaks
/// something else or another version. No call blocks longer than its patience.
class RelayClient {
 public:
  /// Nothing is opened yet. `software` names us to the relay: "adit-controller 0.1.0".
  RelayClient(std::string socket_path, std::string software);

  /// Would `table` work there? The reply's problems say why not.
  Result<control::CheckReply> check(const control::Table& table, const os::Patience& patience);
  /// Makes `table` live; returns when every worker runs it and it is on the relay's disk. From then
  /// on the relay's stats show control::digest(table).
  Result<control::SetReply> set(const control::Table& table, const os::Patience& patience);
  /// The relay's numbers. Their `supervisor_pid` is not what the relay says of itself but the
  /// kernel of the socket's owner (SO_PEERCRED: who called listen(2)), unless that one is in a pid
  /// namespace that we do not see.
  Result<control::Stats> stats(const os::Patience& patience);

  /// Tells which sites are down; all others are up.
  Result<control::SiteStateReply> tell(const control::SiteState& sites,
                                       const os::Patience& patience);
  /// What the relay knows of the targets of routes that have several, or a check. Errc::Protocol
  /// also from a relay that does not know the question yet.
  Result<control::HealthReply> health(const os::Patience& patience);

  [[nodiscard]] bool is_connected() const { return fd_.is_open(); }

  /// What the relay last called itself: "adit-relay 0.1.0"; empty before the first connection.
  [[nodiscard]] const std::string& relay_software() const { return relay_software_; }

  /// The protocol version of the connection; 0 when there is none.
  [[nodiscard]] std::uint16_t version() const { return is_connected() ? version_ : 0; }

  void disconnect();

 private:
  template <class Reply>
  Result<Reply> ask(control::Message request, const os::Patience& patience);
  Result<control::Message> exchange(const control::Message& request, const os::Patience& patience);
  Result<void> connect(const os::Patience& patience);
  Result<void> greet(const os::Patience& patience);
  Result<control::Message> round_trip(const control::Message& request,
                                      const os::Patience& patience);
  Result<void> send_all(std::vector<std::uint8_t> bytes, const os::Patience& patience);
  Result<std::vector<std::uint8_t>> receive_frame(const os::Patience& patience);
  [[nodiscard]] Error refused_or_gone(const Error& error) const;

  std::string socket_path_;
  std::string software_;
  UniqueFd fd_;
  control::FrameReader reader_;
  std::uint32_t last_id_ = 0;
  std::uint16_t version_ = 0;
  std::string relay_software_;
};

}  // namespace adit::apply
