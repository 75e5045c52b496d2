#include "relay/close_reason.hpp"

namespace adit::relay {

std::string_view to_string(CloseReason reason) {
  switch (reason) {
    case CloseReason::Finished:
      return "finished";
    case CloseReason::ClientReset:
      return "client_reset";
    case CloseReason::TargetReset:
      return "target_reset";
    case CloseReason::ClientUnresponsive:
      return "client_unresponsive";
    case CloseReason::TargetUnresponsive:
      return "target_unresponsive";
    case CloseReason::IdleTimeout:
      return "idle_timeout";
    case CloseReason::HalfClosedTimeout:
      return "half_closed_timeout";
    case CloseReason::Killed:
      return "killed";
    case CloseReason::RouteRemoved:
      return "route_removed";
    case CloseReason::Redirected:
      return "redirected";
    case CloseReason::ClientLeftBeforeHello:
      return "client_left_before_hello";
    case CloseReason::ClientLeftInHello:
      return "client_left_in_hello";
    case CloseReason::ClientLeftWhileConnecting:
      return "client_left_while_connecting";
    case CloseReason::RefusedNotTls:
      return "refused_not_tls";
    case CloseReason::RefusedMalformedHello:
      return "refused_malformed_hello";
    case CloseReason::RefusedHelloTooLarge:
      return "refused_hello_too_large";
    case CloseReason::RefusedHelloTimeout:
      return "refused_hello_timeout";
    case CloseReason::RefusedMalformedHead:
      return "refused_malformed_head";
    case CloseReason::RefusedHeadTooLarge:
      return "refused_head_too_large";
    case CloseReason::RefusedHttp2:
      return "refused_http2";
    case CloseReason::RefusedNoProxyHeader:
      return "refused_no_proxy_header";
    case CloseReason::RefusedMalformedProxyHeader:
      return "refused_malformed_proxy_header";
    case CloseReason::RefusedProxyHeaderTooLong:
      return "refused_proxy_header_too_long";
    case CloseReason::RefusedUnknownName:
      return "refused_unknown_name";
    case CloseReason::RefusedNoName:
      return "refused_no_name";
    case CloseReason::RefusedAccessDenied:
      return "refused_access_denied";
    case CloseReason::RefusedOverRouteLimit:
      return "refused_over_route_limit";
    case CloseReason::RefusedOverRouteClientLimit:
      return "refused_over_route_client_limit";
    case CloseReason::RefusedOverRouteClientRate:
      return "refused_over_route_client_rate";
    case CloseReason::RefusedByRelayAccess:
      return "refused_by_relay_access";
    case CloseReason::RefusedOverClientLimit:
      return "refused_over_client_limit";
    case CloseReason::RefusedOverClientRate:
      return "refused_over_client_rate";
    case CloseReason::RefusedOverGlobalLimit:
      return "refused_over_global_limit";
    case CloseReason::RefusedOverHelloLimit:
      return "refused_over_hello_limit";
    case CloseReason::RefusedOverHoldLimit:
      return "refused_over_hold_limit";
    case CloseReason::TargetRefused:
      return "target_refused";
    case CloseReason::TargetUnreachable:
      return "target_unreachable";
    case CloseReason::TargetTimeout:
      return "target_timeout";
    case CloseReason::SiteDown:
      return "site_down";
    case CloseReason::Shutdown:
      return "shutdown";
    case CloseReason::OutOfDescriptors:
      return "out_of_descriptors";
    case CloseReason::OutOfPorts:
      return "out_of_ports";
    case CloseReason::InternalError:
      return "internal_error";
  }
  return "internal_error";
}

std::optional<CloseReason> close_reason_of(std::string_view word) {
  for (std::size_t i = 0; i < kCloseReasonCount; ++i) {
    const auto reason = static_cast<CloseReason>(i);
    if (to_string(reason) == word) return reason;
  }
  return std::nullopt;
}

bool is_refusal(CloseReason reason) {
  return reason >= CloseReason::RefusedNotTls && reason <= CloseReason::RefusedOverHoldLimit;
}

bool is_early_leave(CloseReason reason) {
  return reason >= CloseReason::ClientLeftBeforeHello &&
         reason <= CloseReason::ClientLeftWhileConnecting;
}

bool is_unserved(CloseReason reason) {
  return (reason >= CloseReason::Redirected && reason <= CloseReason::SiteDown) ||
         reason >= CloseReason::OutOfDescriptors;
}

}  // namespace adit::relay
