#include "controller/cli/output.hpp"

#include <ostream>

#include "controller/cli/text.hpp"
#include "controller/cli/yaml_writer.hpp"

namespace adit::cli {

void Output::document(const Json& document) {
  out_ << (format_ == Format::YamlText ? to_yaml(document) : pretty(document));
}

void Output::text(std::string_view text) {
  out_ << text;
}

void Output::note(std::string_view line) {
  if (!is_document()) err_ << printable(line) << '\n';
}

void Output::failure(const Failure& failure) {
  if (is_document()) {
    err_ << (format_ == Format::YamlText ? to_yaml(failure.problem) : pretty(failure.problem));
  } else {
    err_ << to_text(failure);
  }
}

}  // namespace adit::cli
