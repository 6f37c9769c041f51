// Markdown of what was a document of another kind: what converters write. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace rage::cli {

using MarkdownTable = std::vector<std::vector<std::string>>;  // Rows of cells.

// Value. Blocks in order, with the blank lines that Markdown wants between them.
class MarkdownWriter final {
 public:
  void heading(int level, std::string_view text);  // 1 to 6; one line.
  void paragraph(std::string_view text);
  void item(std::size_t level, std::string_view text);  // Of a list; 0 is the outermost.
  // The first row is the header. A table of one column or row only sets things apart: paragraphs.
  void table(const MarkdownTable& table);
  // Verbatim, within a fence.
  void code(std::string_view text);

  std::size_t bytes() const { return out_.size(); }
  std::string finish() &&;

 private:
  void begin_block();

  std::string out_;
  bool in_list_ = false;
};

}  // namespace rage::cli
