#include "controller/cli/relay_counters.hpp"

#include <thread>

#include <fmt/format.h>

#include "common/clock.hpp"
#include "controller/cli/text.hpp"
#include "controller/cli/url.hpp"

namespace adit::cli {

namespace {

constexpr Milliseconds kPatience{3'000};
constexpr Milliseconds kInterval{250};

/// A counter begins again at 0 with each new data process.
std::uint64_t grown(std::uint64_t before, std::uint64_t after) {
  return after >= before ? after - before : after;
}

bool is_all_there(const Relayed& relayed, std::uint64_t ours) {
  return relayed.connections >= ours && relayed.to_target != 0 && relayed.to_client != 0;
}

std::string connections_text(std::uint64_t count) {
  return fmt::format("{} connection{}", count, count == 1 ? "" : "s");
}

}  // namespace

Attempt<RouteNumbers> numbers_now(ApiClient& api, const std::string& route) {
  const auto plan = api.send({.method = "POST",
                              .path = "/v1/plan",
                              .body = Json{{"files", Json::array()}},
                              .only_asks = true});
  if (!plan) return give_up(plan.error());
  const auto item = api.get(with_segment("/v1/routes", route));
  if (!item) return give_up(item.error());
  if (!item->contains("bytes_to_target")) {
    return give_up(Errc::NotFound, "the controller has no numbers of the relay");
  }
  return RouteNumbers{number_at(*item, "bytes_to_target"), number_at(*item, "bytes_to_client"),
                      number_at(*item, "connections"), number_at(*item, "active")};
}

Relayed relayed_between(const RouteNumbers& before, const RouteNumbers& after, std::uint64_t ours) {
  const std::uint64_t connections = grown(before.connections, after.connections);
  return {grown(before.to_target, after.to_target), grown(before.to_client, after.to_client),
          connections, before.active + (connections > ours ? connections - ours : 0)};
}

Attempt<Relayed> relayed_since(ApiClient& api, const std::string& route, const RouteNumbers& before,
                               std::uint64_t ours) {
  const TimePoint deadline = SteadyClock::now() + kPatience;
  while (true) {
    const auto now = numbers_now(api, route);
    if (!now) return give_up(now.error());
    const Relayed relayed = relayed_between(before, *now, ours);
    if (is_all_there(relayed, ours) || SteadyClock::now() >= deadline) return relayed;
    std::this_thread::sleep_for(kInterval);
  }
}

Check relayed_check(const Relayed& relayed, std::uint64_t ours) {
  constexpr const char* kName = "bytes_relayed";
  std::string counts = fmt::format("{} to home, {} to the client", bytes_text(relayed.to_target),
                                   bytes_text(relayed.to_client));
  if (!is_all_there(relayed, ours)) {
    return {kName, CheckState::Failed,
            fmt::format("we made {}, and {} came through this relay, with {}",
                        connections_text(ours), relayed.connections, counts)};
  }
  if (relayed.others != 0) {
    counts += fmt::format(", in which {} of other visitors are counted as well",
                          connections_text(relayed.others));
  }
  return {kName, CheckState::Passed, std::move(counts)};
}

}  // namespace adit::cli
