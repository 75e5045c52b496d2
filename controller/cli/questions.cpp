#include "controller/cli/questions.hpp"

#include <istream>
#include <ostream>

#include <unistd.h>

namespace adit::cli {

namespace {

constexpr int kTries = 3;

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

}  // namespace

std::string ask(const Question& question, std::istream& in, std::ostream& out) {
  for (int i = 0; i < kTries; ++i) {
    out << question.text;
    if (!question.if_empty.empty()) out << " [" << question.if_empty << "]";
    out << ": " << std::flush;
    std::string line;
    if (!std::getline(in, line)) {
      out << '\n';
      return {};
    }
    std::string answer = trimmed(line);
    if (answer.empty() && !question.if_empty.empty()) return {};
    const std::string fault = question.fault(answer);
    if (fault.empty()) return answer;
    out << "  " << fault << '\n';
  }
  return {};
}

bool can_ask() {
  return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1;
}

}  // namespace adit::cli
