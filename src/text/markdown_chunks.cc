#include <algorithm>
#include <utility>

#include "text/detail/span_tree.h"
#include "text/structured_chunks.h"

namespace rage::text {
namespace {

using detail::SpanNode;

constexpr std::size_t kFrontMatterLinesMax = 200;

// One line without its end.
struct Line {
  TextSpan span;
  std::size_t indent = 0;  // Columns of white space before; a tab counts four.
  std::string_view words;  // What is behind it, without white space at its end.
};

std::vector<Line> lines_of(std::string_view text) {
  std::vector<Line> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    Line line{.span = {.begin = at, .end = end}, .indent = 0, .words = text.substr(at, end - at)};
    while (!line.words.empty() && (line.words[0] == ' ' || line.words[0] == '\t')) {
      line.indent += line.words[0] == '\t' ? 4 : 1;
      line.words.remove_prefix(1);
    }
    const std::size_t last = line.words.find_last_not_of(" \t\r");
    line.words = line.words.substr(0, last == std::string_view::npos ? 0 : last + 1);
    lines.push_back(line);
    at = end + 1;
  }
  return lines;
}

// 1 to 6; 0: no heading.
int heading_level(const Line& line) {
  const std::size_t marks = std::min(line.words.find_first_not_of('#'), line.words.size());
  if (line.indent > 3 || marks == 0 || marks > 6) return 0;
  const bool closed =
      marks == line.words.size() || line.words[marks] == ' ' || line.words[marks] == '\t';
  return closed ? static_cast<int>(marks) : 0;
}

bool is_row_of(std::string_view words, std::string_view characters) {
  return !words.empty() && words.find_first_not_of(characters) == std::string_view::npos;
}

// "```python", "~~~~": how many and of what; none if it is no fence.
std::size_t fence_of(std::string_view words) {
  if (words.empty() || (words[0] != '`' && words[0] != '~')) return 0;
  const std::size_t marks = std::min(words.find_first_not_of(words[0]), words.size());
  const bool code_span = words[0] == '`' && words.find('`', marks) != std::string_view::npos;
  return marks >= 3 && !code_span ? marks : 0;
}

bool is_item(std::string_view words) {
  if (words.empty()) return false;
  std::size_t digits = 0;
  while (digits < words.size() && digits < 9 && words[digits] >= '0' && words[digits] <= '9') {
    ++digits;
  }
  const std::size_t mark = digits;
  if (mark >= words.size()) return false;
  const char c = words[mark];
  const bool marked = digits == 0 ? c == '-' || c == '*' || c == '+' : c == '.' || c == ')';
  return marked && (mark + 1 == words.size() || words[mark + 1] == ' ' || words[mark + 1] == '\t');
}

struct Block {
  SpanNode node;
  int level = 0;            // Of a heading.
  bool is_set_off = false;  // A list, a table, code: the paragraph before may introduce it.
};

// One reading. One thread.
class Reader final {
 public:
  explicit Reader(std::string_view text) : text_(text), lines_(lines_of(text)) {}

  SpanNode read() {
    take_front_matter();
    while (at_ < lines_.size()) take_block();
    SpanNode root{.span = {.begin = 0, .end = text_.size()}};
    std::size_t next = 0;
    add_section(root, next, 0);
    return root;
  }

 private:
  const Line& line(std::size_t at) const { return lines_[at]; }
  bool is_blank(std::size_t at) const { return lines_[at].words.empty(); }
  TextSpan span(std::size_t first, std::size_t last) const {
    return {.begin = lines_[first].span.begin, .end = lines_[last - 1].span.end};
  }

  void take_front_matter() {
    if (lines_.empty() || lines_[0].words != "---" || lines_[0].indent > 0) return;
    const std::size_t end = std::min(lines_.size(), kFrontMatterLinesMax);
    for (std::size_t i = 1; i < end; ++i) {
      if (lines_[i].words != "---" && lines_[i].words != "...") continue;
      add(0, i + 1);
      at_ = i + 1;
      return;
    }
  }

  Block& add(std::size_t first, std::size_t last) {
    return blocks_.emplace_back(Block{.node = {.span = span(first, last)}});
  }

  void take_block() {
    if (is_blank(at_)) {
      ++at_;
    } else if (heading_level(line(at_)) > 0) {
      add_heading(at_, at_ + 1, heading_level(line(at_)));
      ++at_;
    } else if (fence_of(line(at_).words) > 0) {
      take_fence();
    } else if (is_table(at_)) {
      take_table();
    } else if (is_item(line(at_).words)) {
      take_list();
    } else {
      take_paragraph();
    }
  }

  void add_heading(std::size_t first, std::size_t last, int level) {
    Block& block = add(first, last);
    block.level = level;
    block.node.with_next = true;
  }

  // Behind the fence that ends what begins at `first`.
  std::size_t end_of_fence(std::size_t first) const {
    const std::size_t marks = fence_of(line(first).words);
    const char mark = line(first).words[0];
    for (std::size_t i = first + 1; i < lines_.size(); ++i) {
      const std::string_view words = line(i).words;
      if (words.size() >= marks && is_row_of(words, std::string_view(&mark, 1))) return i + 1;
    }
    return lines_.size();
  }

  // Code that is too long is cut at its blank lines.
  void take_fence() {
    const std::size_t end = end_of_fence(at_);
    Block& block = add(at_, end);
    block.is_set_off = true;
    for (std::size_t first = at_; first < end;) {
      std::size_t last = first + 1;
      while (last < end && !is_blank(last)) ++last;
      while (last < end && is_blank(last)) ++last;
      block.node.children.push_back({.span = span(first, last)});
      first = last;
    }
    at_ = end;
  }

  bool is_table(std::size_t at) const {
    return at + 1 < lines_.size() && line(at).words.contains('|') &&
           is_row_of(line(at + 1).words, "|-: \t") && line(at + 1).words.contains('-') &&
           line(at + 1).words.contains('|');
  }

  void take_table() {
    std::size_t end = at_ + 2;
    while (end < lines_.size() && line(end).words.contains('|')) ++end;
    Block& block = add(at_, end);
    block.is_set_off = true;
    block.node.title = line(at_).span;
    block.node.children.push_back({.span = span(at_, at_ + 2), .with_next = true});
    for (std::size_t row = at_ + 2; row < end; ++row) {
      block.node.children.push_back({.span = line(row).span});
    }
    at_ = end;
  }

  void take_list() {
    const std::size_t first = at_;
    const std::size_t indent = line(at_).indent;
    std::vector<std::size_t> items;
    for (; at_ < lines_.size(); ++at_) {
      if (is_blank(at_)) {
        // What follows a blank line belongs to the list if it is an item, or indented.
        std::size_t next = at_;
        while (next < lines_.size() && is_blank(next)) ++next;
        const bool goes_on =
            next < lines_.size() && (line(next).indent > indent + 1 || is_item(line(next).words));
        if (!goes_on) break;
        at_ = next - 1;
        continue;
      }
      if (line(at_).indent <= indent && heading_level(line(at_)) > 0) break;
      if (fence_of(line(at_).words) > 0) {
        if (line(at_).indent <= indent) break;
        at_ = end_of_fence(at_) - 1;
        continue;
      }
      if (line(at_).indent <= indent && is_item(line(at_).words)) items.push_back(at_);
    }
    Block& block = add(first, at_);
    block.is_set_off = true;
    for (std::size_t i = 0; i < items.size(); ++i) {
      const std::size_t end = i + 1 < items.size() ? items[i + 1] : at_;
      block.node.children.push_back({.span = span(items[i], end)});
    }
  }

  // Ends at a blank line or where something else begins; "===" below makes a heading of it.
  void take_paragraph() {
    const std::size_t first = at_;
    for (++at_; at_ < lines_.size() && !is_blank(at_); ++at_) {
      const Line& current = line(at_);
      const bool title = is_row_of(current.words, "=");
      if (title || is_row_of(current.words, "-")) {
        add_heading(first, at_ + 1, title ? 1 : 2);
        ++at_;
        return;
      }
      if (heading_level(current) > 0 || fence_of(current.words) > 0 || is_table(at_)) break;
      if (current.indent <= 3 && is_item(current.words)) break;
    }
    add(first, at_);
  }

  // The blocks from `next` on that lie below a heading of that level.
  void add_section(SpanNode& section, std::size_t& next, int level) {
    while (next < blocks_.size()) {
      Block& block = blocks_[next];
      if (block.level > 0 && block.level <= level) return;
      if (block.level == 0) {
        ++next;
        const bool introduces = next < blocks_.size() && blocks_[next].is_set_off &&
                                block.node.span.of(text_).ends_with(':');
        block.node.with_next = introduces;
        section.children.push_back(std::move(block.node));
        continue;
      }
      SpanNode part{.span = block.node.span, .title = first_line(block.node.span)};
      part.children.push_back(std::move(block.node));
      ++next;
      add_section(part, next, block.level);
      part.span.end = part.children.back().span.end;
      section.children.push_back(std::move(part));
    }
  }

  TextSpan first_line(TextSpan whole) const {
    return {.begin = whole.begin, .end = std::min(text_.find('\n', whole.begin), whole.end)};
  }

  const std::string_view text_;
  const std::vector<Line> lines_;
  std::size_t at_ = 0;
  std::vector<Block> blocks_;
};

}  // namespace

std::vector<StructuredChunk> split_markdown(std::string_view text, const ChunkOptions& options,
                                            const TokenCounter& count_tokens) {
  return detail::pack_spans(text, Reader(text).read(), options, count_tokens);
}

}  // namespace rage::text
