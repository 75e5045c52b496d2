#include "controller/apply/relay_link.hpp"

#include <utility>

#include <fmt/format.h>

#include "common/version.hpp"

namespace adit::apply {

namespace {

/// A table of 100 000 routes is written to disk and taken over by every worker within a second.
constexpr Milliseconds kTablePatience{10'000};
constexpr Milliseconds kStatsPatience{2'000};

}  // namespace

SocketRelayLink::SocketRelayLink(const std::string& socket_path, std::stop_token stop)
    : client_(socket_path, fmt::format("adit-controller {}", kVersion)), stop_(std::move(stop)) {}

Result<std::vector<std::string>> SocketRelayLink::check(const control::Table& table) {
  auto reply = client_.check(table, {SteadyClock::now() + kTablePatience, stop_});
  if (!reply) return fail(std::move(reply).error());
  return std::move(reply->problems);
}

Result<control::SetReply> SocketRelayLink::set(const control::Table& table) {
  return client_.set(table, {SteadyClock::now() + kTablePatience, stop_});
}

Result<void> SocketRelayLink::tell(const control::SiteState& sites) {
  auto reply = client_.tell(sites, {SteadyClock::now() + kStatsPatience, stop_});
  if (!reply) return fail(std::move(reply).error());
  return {};
}

Result<control::Stats> SocketRelayLink::stats() {
  return client_.stats({SteadyClock::now() + kStatsPatience, stop_});
}

Result<control::HealthReply> SocketRelayLink::health() {
  return client_.health({SteadyClock::now() + kStatsPatience, stop_});
}

}  // namespace adit::apply
