#include "controller/cli/table.hpp"

#include <algorithm>
#include <cassert>
#include <numeric>

#include "controller/cli/text.hpp"

namespace adit::cli {

namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowest = 6;  ///< no column is cut below this

std::string shown(const Cell& cell) {
  return cell.text.empty() ? "-" : printable(cell.text);
}

}  // namespace

void Table::add(std::vector<Cell> cells) {
  assert(cells.size() == columns_.size());
  rows_.push_back(std::move(cells));
}

std::vector<std::size_t> Table::widths(std::size_t limit) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = display_width(columns_[i].title);
    for (const auto& row : rows_) width = std::max(width, display_width(shown(row[i])));
    widths.push_back(width);
  }
  if (limit == 0 || widths.empty()) return widths;
  std::size_t total = std::accumulate(widths.begin(), widths.end(), kGap * (widths.size() - 1));
  while (total > limit) {
    const auto widest = std::max_element(widths.begin(), widths.end());
    if (*widest <= kNarrowest) break;
    --*widest;
    --total;
  }
  return widths;
}

std::string Table::render(const Terminal& terminal) const {
  const std::vector<std::size_t> columns = widths(terminal.width);
  std::string out;
  const auto add_line = [&](const auto& cell_at) {
    std::string line;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const auto [raw, style] = cell_at(i);
      const std::string text = fit(raw, columns[i], terminal.ellipsis());
      const std::string pad(columns[i] - display_width(text), ' ');
      const bool is_last = i + 1 == columns.size();
      if (columns_[i].is_number) line += pad;
      line += terminal.styled(text, style);
      if (!columns_[i].is_number && !is_last) line += pad;
      if (!is_last) line.append(kGap, ' ');
    }
    out += line + '\n';
  };
  add_line([&](std::size_t i) { return std::pair(columns_[i].title, Style::Strong); });
  for (const auto& row : rows_) {
    add_line([&](std::size_t i) { return std::pair(shown(row[i]), row[i].style); });
  }
  return out;
}

}  // namespace adit::cli
