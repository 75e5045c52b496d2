// Why a command did not do its work: a problem document (RFC 9457), either the controller's own or
// one of the same form made here, and how it is shown to people. PURE.
#pragma once

#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "common/error.hpp"
#include "controller/cli/json_access.hpp"

namespace adit::cli {

/// The exit statuses of `adit`; DESIGN.md "The command line" and README promise them.
enum class Exit : int {
  Done = 0,          ///< or committed, with steps that wait for something outside
  Failed = 1,        ///< refused or failed, nothing changed; `diff`: it differs
  Usage = 2,         ///< `diff`: could not tell
  StepsFailing = 3,  ///< committed, but a local step keeps failing
};

struct Failure {
  Json problem;  ///< {"type","title","status","detail","code","problems"}

  /// An error of the command line's own, as a problem document without "status".
  static Failure of(const Error& error);

  static Failure of(Errc code, std::string what) { return of(Error{code, std::move(what), 0}); }
};

template <class T>
using Attempt = tl::expected<T, Failure>;

inline tl::unexpected<Failure> give_up(Failure failure) {
  return tl::unexpected<Failure>(std::move(failure));
}

inline tl::unexpected<Failure> give_up(Errc code, std::string what) {
  return give_up(Failure::of(code, std::move(what)));
}

/// For people: "adit: one sentence", then a line "file:line:column: path: what" for each problem.
/// What the controller says is made printable.
std::string to_text(const Failure& failure);

}  // namespace adit::cli
