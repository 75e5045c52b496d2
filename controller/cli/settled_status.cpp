#include "controller/cli/settled_status.hpp"

#include <thread>

namespace adit::cli {

namespace {

constexpr Milliseconds kPause{50};

}  // namespace

Attempt<Json> settled_status(ApiClient& api, Milliseconds patience, const IsSettled& is_settled) {
  const TimePoint deadline = SteadyClock::now() + patience;
  while (true) {
    auto status = api.get("/v1/status");
    if (!status || is_settled(member(*status, "relay")) || SteadyClock::now() >= deadline) {
      return status;
    }
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace adit::cli
