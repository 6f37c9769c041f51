#include "cli/markdown_text.h"

#include <algorithm>

#include "base/strings.h"

namespace rage::cli {
namespace {

constexpr int kHeadingLevels = 6;

// Runs of white space are one space.
std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : trim(text)) {
    if (!is_ascii_space(c)) {
      line += c;
    } else if (!line.ends_with(' ')) {
      line += ' ';
    }
  }
  return line;
}

std::string row_of(const std::vector<std::string>& cells) {
  std::string row = "|";
  for (const std::string& cell : cells) {
    row += ' ';
    for (const char c : one_line(cell)) {
      if (c == '|') row += '\\';
      row += c;
    }
    row += " |";
  }
  return row;
}

}  // namespace

void MarkdownWriter::begin_block() {
  in_list_ = false;
  if (!out_.empty()) out_ += "\n\n";
}

void MarkdownWriter::heading(int level, std::string_view text) {
  const std::string line = one_line(text);
  if (line.empty()) return;
  begin_block();
  out_.append(static_cast<std::size_t>(std::clamp(level, 1, kHeadingLevels)), '#');
  out_.append(" ").append(line);
}

void MarkdownWriter::paragraph(std::string_view text) {
  text = trim(text);
  if (text.empty()) return;
  begin_block();
  out_.append(text);
}

void MarkdownWriter::item(std::size_t level, std::string_view text) {
  const std::string line = one_line(text);
  if (line.empty()) return;
  if (in_list_) {
    out_ += '\n';
  } else {
    begin_block();
  }
  in_list_ = true;
  out_.append(level * 2, ' ').append("- ").append(line);
}

void MarkdownWriter::table(const MarkdownTable& table) {
  std::vector<const std::vector<std::string>*> rows;
  std::size_t columns = 0;
  for (const auto& row : table) {
    const bool filled =
        std::ranges::any_of(row, [](const std::string& cell) { return !trim(cell).empty(); });
    if (!filled) continue;
    rows.push_back(&row);
    columns = std::max(columns, row.size());
  }
  if (rows.size() < 2 || columns < 2) {
    for (const auto* row : rows) {
      for (const std::string& cell : *row) paragraph(cell);
    }
    return;
  }
  begin_block();
  // Only the header must have all columns. Were every row to, a small file of one long row and many
  // short ones would fill the memory.
  out_ += row_of(*rows[0]);
  for (std::size_t i = rows[0]->size(); i < columns; ++i) out_ += "  |";
  out_ += "\n|";
  for (std::size_t i = 0; i < columns; ++i) out_ += " --- |";
  for (std::size_t i = 1; i < rows.size(); ++i) out_ += "\n" + row_of(*rows[i]);
}

void MarkdownWriter::code(std::string_view text) {
  while (text.starts_with('\n') || text.starts_with('\r')) text.remove_prefix(1);
  while (!text.empty() && is_ascii_space(text.back())) text.remove_suffix(1);
  if (text.empty()) return;
  begin_block();
  const std::string_view fence = text.contains("```") ? "~~~~" : "```";
  out_.append(fence).append("\n").append(text).append("\n").append(fence);
}

std::string MarkdownWriter::finish() && {
  return std::move(out_);
}

}  // namespace rage::cli
