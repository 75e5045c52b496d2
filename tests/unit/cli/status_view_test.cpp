#include "controller/cli/status_view.hpp"

#include "tests/support/catch.hpp"

namespace adit::cli {
namespace {

std::string status_with(const Json& relay) {
  return status_text({{"status", "ok"}, {"relay", relay}}, Terminal{});
}

TEST_CASE("status_view: what is missing of the relay's sandbox is said, and nothing else",
          "[cli]") {
  const auto of = [](const char* seccomp, const char* landlock) {
    return status_with(
        {{"connected", true}, {"sandbox", {{"seccomp", seccomp}, {"landlock", landlock}}}});
  };
  CHECK(of("on", "on").find("sandbox") == std::string::npos);
  CHECK(of("", "").find("sandbox") == std::string::npos);  // of a relay that does not say
  CHECK(of("on", "missing").find("sandbox: this kernel has no landlock\n") != std::string::npos);
  CHECK(of("off", "missing")
            .find("sandbox: seccomp is off (an option of adit-relay), this kernel has no "
                  "landlock\n") != std::string::npos);
  CHECK(status_with({{"connected", true}}).find("sandbox") == std::string::npos);
}

}  // namespace
}  // namespace adit::cli
