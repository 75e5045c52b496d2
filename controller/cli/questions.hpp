// Questions on a terminal: asked only where a person can answer, never more than three times.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>

namespace adit::cli {

struct Question {
  std::string text;      ///< "Your domain, like example.com"
  std::string if_empty;  ///< what an empty answer means, shown in brackets; "" if there must be one
  std::function<std::string(const std::string&)> fault;  ///< what is wrong with an answer; "" fine
};

/// The answer without blanks around it; "" if it was empty, wrong three times, or input has ended.
std::string ask(const Question& question, std::istream& in, std::ostream& out);

/// True if stdin and stderr are terminals.
bool can_ask();

}  // namespace adit::cli
