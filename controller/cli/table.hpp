// Tables of text: aligned columns, fitted to the terminal by cutting the widest column. PURE.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "controller/cli/terminal.hpp"

namespace adit::cli {

/// One field; `text` may be anything, it is made printable when rendered. Empty shows as "-".
struct Cell {
  std::string text;
  Style style = Style::Plain;
};

struct Column {
  std::string title;
  bool is_number = false;  ///< right-aligned
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// `cells`: one for each column.
  void add(std::vector<Cell> cells);

  [[nodiscard]] bool is_empty() const { return rows_.empty(); }

  /// Every line ends with '\n' and has no trailing blanks; two blanks between columns.
  [[nodiscard]] std::string render(const Terminal& terminal) const;

 private:
  [[nodiscard]] std::vector<std::size_t> widths(std::size_t limit) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace adit::cli
