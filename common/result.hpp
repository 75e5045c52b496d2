// Result<T>: a value or an Error. The name by which the whole code base spells tl::expected.
#pragma once

#include <utility>

#include <tl/expected.hpp>

#include "common/error.hpp"

namespace adit {

template <class T>
using Result = tl::expected<T, Error>;

/// `return fail(Errc::Invalid, "...")` in any function that returns a Result.
inline tl::unexpected<Error> fail(Errc code, std::string what) {
  return tl::unexpected<Error>(Error{code, std::move(what), 0});
}

inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

/// `return fail_sys("bind 0.0.0.0:443", errno)`.
inline tl::unexpected<Error> fail_sys(std::string_view what, int sys_errno) {
  return tl::unexpected<Error>(sys_error(what, sys_errno));
}

}  // namespace adit
