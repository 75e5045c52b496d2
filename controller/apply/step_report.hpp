// StepReport: what became of one step of a plan, as a value for status and answers. PURE.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "controller/plan/plan.hpp"

namespace adit::apply {

enum class StepState {
  Planned,  ///< only shown (--dry-run)
  Done,
  Waiting,  ///< for something outside: the relay is not there, or a step before it failed
  Failing,  ///< it was tried and is tried again
};

/// "planned", "done", "waiting" or "failing".
std::string_view to_string(StepState state);

struct StepReport {
  char sign = '~';
  std::string kind;
  std::string what;
  StepState state = StepState::Planned;
  std::string error;  ///< why it is not done
  std::string fix;    ///< what a person can do

  bool operator==(const StepReport&) const = default;
};

/// `step` as it stands in a plan, with the state that it has.
StepReport report_of(const plan::Step& step, StepState state);

}  // namespace adit::apply
