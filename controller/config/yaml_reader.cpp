#include "controller/config/yaml_reader.hpp"

#include "controller/config/resource_reader.hpp"
#include "controller/config/schema.hpp"
#include "controller/config/tree.hpp"

namespace adit::config {

PartialDocument read_yaml_partial(const std::vector<SourceFile>& files) {
  PartialDocument out;
  Reader reader(Reader::Origin::People);
  for (const SourceFile& file : files) {
    reader.set_file(file.path);
    const auto tree = parse_yaml(file.path, file.text);
    if (tree) {
      if (tree->kind == Node::Kind::Map) out.is_empty = false;
      read_document(reader, *tree, out.document.resources);
    } else {
      out.is_yaml = false;
      reader.problems.insert(reader.problems.end(), tree.error().begin(), tree.error().end());
    }
  }
  out.document.positions = std::move(reader.positions);
  out.broken = std::move(reader.broken);
  out.problems = std::move(reader.problems);
  sort_problems(out.problems);
  return out;
}

Checked<Document> read_yaml(const std::vector<SourceFile>& files) {
  PartialDocument read = read_yaml_partial(files);
  if (!read.problems.empty()) return tl::unexpected(std::move(read.problems));
  return std::move(read.document);
}

}  // namespace adit::config
