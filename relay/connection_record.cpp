// What is told of one connection, while it lives and when it has ended.
#include <algorithm>

#include <netinet/tcp.h>
#include <sys/socket.h>

#include "relay/connection.hpp"
#include "relay/worker.hpp"

namespace adit::relay {

namespace {

/// linux/tcp.h; a kernel that knows fewer fields leaves them 0.
control::Leg leg_of(const UniqueFd& fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (!fd.is_open() || ::getsockopt(fd.get(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return {};
  return {info.tcpi_rtt, info.tcpi_total_retrans};
}

std::string_view name_of(Connection::State state) {
  switch (state) {
    case Connection::State::AwaitingHello:
      return "awaiting_hello";
    case Connection::State::Holding:
      return "holding";
    case Connection::State::Connecting:
      return "connecting";
    case Connection::State::SendingHello:
      return "sending_hello";
    case Connection::State::Relaying:
      return "relaying";
    case Connection::State::Answering:
      return "answering";
    case Connection::State::Closed:
      break;
  }
  return "closed";
}

std::uint64_t count_of(Milliseconds duration) {
  return static_cast<std::uint64_t>(std::max<Milliseconds::rep>(duration.count(), 0));
}

}  // namespace

control::ConnectionRecord Connection::record() const {
  const auto lived = std::chrono::duration_cast<Milliseconds>(worker_->now() - started_);
  const auto wall =
      std::chrono::duration_cast<Milliseconds>(std::chrono::system_clock::now().time_since_epoch());
  control::ConnectionRecord record;
  record.id = id_;
  record.client = client_address_;
  if (host_) record.host = host_->display();
  if (route_) {
    // A route is called after its host, of which nobody is to learn more than the privacy allows.
    if (privacy() == Privacy::Full) record.route = route_->spec.name;
    record.target = target();
  }
  record.state = state_ == State::Closed ? to_string(reason_) : name_of(state_);
  record.started_ms = count_of(wall - lived);
  record.duration_ms = count_of(lived);
  record.connect_us = connect_us_;
  record.bytes_to_target = bytes_to_target_;
  record.bytes_to_client = bytes_to_client_;
  record.spliced_bytes = spliced_bytes_;
  if (connect_us_ != 0) {
    record.client_leg = leg_of(client_.fd);
    record.target_leg = leg_of(target_.fd);
  }
  return record;
}

}  // namespace adit::relay
