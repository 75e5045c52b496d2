#include "controller/apply/step_report.hpp"

namespace adit::apply {

std::string_view to_string(StepState state) {
  switch (state) {
    case StepState::Planned:
      return "planned";
    case StepState::Done:
      return "done";
    case StepState::Waiting:
      return "waiting";
    case StepState::Failing:
      return "failing";
  }
  return "failing";
}

StepReport report_of(const plan::Step& step, StepState state) {
  StepReport report;
  report.sign = plan::sign(step);
  report.kind = plan::to_json(step).value("kind", "");
  report.what = plan::describe(step);
  report.state = state;
  return report;
}

}  // namespace adit::apply
