#include "relay/tls_alert.hpp"

namespace adit::relay {

std::array<std::uint8_t, kAlertRecordBytes> alert_record(Alert alert) {
  constexpr std::uint8_t kAlertType = 21;
  constexpr std::uint8_t kFatal = 2;
  return {kAlertType, 3, 1, 0, 2, kFatal, static_cast<std::uint8_t>(alert)};
}

}  // namespace adit::relay
