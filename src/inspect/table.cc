#include "inspect/table.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "inspect/documents.h"
#include "inspect/json_path.h"

namespace rage::inspect {
namespace {

constexpr std::size_t kWidthMin = 6;
constexpr std::size_t kPadding = 3;

std::size_t width_of(std::string_view text) {
  // Characters: every byte that does not go on with one.
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

std::string printed(std::string_view cell, CellStyle style) {
  const std::size_t end = cell.find_first_of("\f\n\r");
  std::string out;
  for (const char c : cell.substr(0, end)) {
    if (c == '\x1b') {
      out += "^[";
    } else {
      out += c == '\t' && style == CellStyle::kTabbed ? ' ' : c;
    }
  }
  if (end != std::string_view::npos) out += "...";
  return out;
}

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  });
  return text;
}

bool is_shown(const Table::Column& column, const TableStyle& style) {
  return column.priority == 0 || style.columns == Columns::kWide;
}

std::vector<Table::Column> parse_columns(const Json& document) {
  std::vector<Table::Column> columns;
  for (const Json& column : list_at(document, {"columnDefinitions"})) {
    columns.push_back({.name = text_at(column, {"name"}),
                       .format = text_at(column, {"format"}),
                       .priority = int_at(column, {"priority"})});
  }
  return columns;
}

}  // namespace

Result<Table> table_of(const Json& document, const std::vector<Table::Column>& known) {
  if (kind_of(document) != "Table") {
    return fail(ErrorCode::kDataLoss, "the server did not answer with a table");
  }
  Table table{.columns = parse_columns(document),
              .resource_version = text_at(document, {"metadata", "resourceVersion"}),
              .next = text_at(document, {"metadata", "continue"})};
  if (table.columns.empty()) table.columns = known;
  for (const Json& row : list_at(document, {"rows"})) {
    Table::Row& parsed = table.rows.emplace_back();
    for (const Json& cell : list_at(row, {"cells"})) {
      parsed.cells.push_back(cell.is_null() ? "" : render_value(cell));
    }
    parsed.cells.resize(table.columns.size());
    parsed.ns = text_at(row, {"object", "metadata", "namespace"});
    parsed.name = text_at(row, {"object", "metadata", "name"});
  }
  return table;
}

Result<Table> parse_table(std::string_view text) {
  const auto document =
      codec::parse_json(text, {.bytes_max = std::size_t{256} << 20, .depth_max = 128});
  if (!document) return fail(ErrorCode::kDataLoss, "a table is {}", document.error().message);
  return table_of(*document);
}

std::string ColumnWriter::take() {
  for (const auto& line : lines_) {
    for (std::size_t i = 0; i + 1 < line.size(); ++i) {
      if (i >= widths_.size()) widths_.push_back(kWidthMin);
      widths_[i] = std::max(widths_[i], width_of(line[i]) + kPadding);
    }
  }
  std::string out;
  for (const auto& line : lines_) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      out += line[i];
      if (i + 1 < line.size()) out.append(widths_[i] - width_of(line[i]), ' ');
    }
    out += '\n';
  }
  lines_.clear();
  return out;
}

std::string ColumnWriter::take_tabbed() {
  std::string out;
  for (const auto& line : std::exchange(lines_, {})) out += join(line, "\t") + "\n";
  return out;
}

std::vector<std::string> header_cells(const std::vector<Table::Column>& columns,
                                      const TableStyle& style) {
  std::vector<std::string> cells;
  if (style.with_namespace) cells.emplace_back("NAMESPACE");
  for (const Table::Column& column : columns) {
    if (is_shown(column, style)) cells.push_back(upper(column.name));
  }
  return cells;
}

std::vector<std::string> row_cells(const std::vector<Table::Column>& columns, const Table::Row& row,
                                   const TableStyle& style) {
  std::vector<std::string> cells;
  if (style.with_namespace) cells.push_back(row.ns);
  bool named = style.kind_prefix.empty();
  for (std::size_t i = 0; i < columns.size() && i < row.cells.size(); ++i) {
    const bool is_name = !named && columns[i].format == "name";
    named = named || is_name;
    if (!is_shown(columns[i], style)) continue;
    cells.push_back((is_name ? style.kind_prefix + "/" : "") + printed(row.cells[i], style.cells));
  }
  return cells;
}

}  // namespace rage::inspect
