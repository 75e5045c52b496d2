#include "common/error.hpp"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace adit {

std::string_view to_string(Errc code) {
  switch (code) {
    case Errc::Invalid:
      return "invalid";
    case Errc::NotFound:
      return "not_found";
    case Errc::Denied:
      return "denied";
    case Errc::Unavailable:
      return "unavailable";
    case Errc::Conflict:
      return "conflict";
    case Errc::Protocol:
      return "protocol";
    case Errc::System:
      return "system";
    case Errc::Internal:
      return "internal";
  }
  return "internal";
}

Error Error::within(std::string_view noun) const {
  return {code, fmt::format("{}: {}", noun, what), sys_errno};
}

namespace {
Errc code_of(int sys_errno) {
  switch (sys_errno) {
    case EPERM:
    case EACCES:
      return Errc::Denied;
    case ENOENT:
    case ENODEV:
      return Errc::NotFound;
    case EAGAIN:
    case ECONNREFUSED:
    case ETIMEDOUT:
      return Errc::Unavailable;
    default:
      return Errc::System;
  }
}
}  // namespace

Error sys_error(std::string_view what, int sys_errno) {
  const char* name = strerrorname_np(sys_errno);
  const char* text = strerrordesc_np(sys_errno);
  return {code_of(sys_errno),
          fmt::format("{}: {} ({})", what, text != nullptr ? text : "unknown error",
                      name != nullptr ? name : "?"),
          sys_errno};
}

}  // namespace adit
