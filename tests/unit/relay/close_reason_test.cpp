#include "relay/close_reason.hpp"

#include <set>
#include <string>
#include <string_view>

#include "relay/tls_alert.hpp"
#include "tests/support/catch.hpp"

namespace adit::relay {
namespace {

TEST_CASE("close_reason: every reason has a word of its own", "[relay]") {
  std::set<std::string_view> words;
  for (std::size_t i = 0; i < kCloseReasonCount; ++i) {
    const auto reason = static_cast<CloseReason>(i);
    const std::string_view word = to_string(reason);
    CAPTURE(i, word);
    CHECK(words.insert(word).second);
    CHECK(close_reason_of(word) == reason);
    CHECK(word.find_first_not_of("abcdefghijklmnopqrstuvwxyz_2") == std::string_view::npos);
    CHECK(is_refusal(reason) == word.starts_with("refused_"));
    CHECK(is_early_leave(reason) == word.starts_with("client_left_"));
  }
  CHECK(!close_reason_of("refused_unknown_nam"));
  CHECK(!close_reason_of(""));
  CHECK(to_string(CloseReason::RefusedUnknownName) == "refused_unknown_name");
  CHECK(to_string(CloseReason::ClientLeftBeforeHello) == "client_left_before_hello");
}

TEST_CASE("close_reason: who was never relayed", "[relay]") {
  const std::set<std::string_view> served{"finished",
                                          "client_reset",
                                          "target_reset",
                                          "client_unresponsive",
                                          "idle_timeout",
                                          "target_unresponsive",
                                          "route_removed",
                                          "killed",
                                          "half_closed_timeout",
                                          "shutdown"};
  for (std::size_t i = 0; i < kCloseReasonCount; ++i) {
    const auto reason = static_cast<CloseReason>(i);
    CAPTURE(to_string(reason));
    CHECK(is_unserved(reason) != served.contains(to_string(reason)));
  }
}

TEST_CASE("tls_alert: seven bytes of a fatal alert", "[relay]") {
  using Record = std::array<std::uint8_t, 7>;
  CHECK(alert_record(Alert::UnrecognizedName) == Record{21, 3, 1, 0, 2, 2, 112});
  CHECK(alert_record(Alert::DecodeError) == Record{21, 3, 1, 0, 2, 2, 50});
  CHECK(alert_record(Alert::InternalError) == Record{21, 3, 1, 0, 2, 2, 80});
  CHECK(alert_record(Alert::AccessDenied) == Record{21, 3, 1, 0, 2, 2, 49});
  CHECK(alert_record(Alert::RecordOverflow) == Record{21, 3, 1, 0, 2, 2, 22});
}

}  // namespace
}  // namespace adit::relay
