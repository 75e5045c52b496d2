#include "controller/apply/requests.hpp"

#include <utility>

#include <fmt/format.h>

namespace adit::apply {

tl::unexpected<Refusal> refuse(config::Problems problems) {
  Refusal refusal;
  refusal.code = config::code_of(problems);
  refusal.what = problems.size() == 1
                     ? config::to_string(problems.front())
                     : fmt::format("{} problems; nothing was changed", problems.size());
  refusal.problems = std::move(problems);
  return tl::unexpected<Refusal>(std::move(refusal));
}

}  // namespace adit::apply
