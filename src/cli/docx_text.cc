#include "cli/docx_text.h"

#include <algorithm>
#include <map>
#include <vector>

#include "base/strings.h"
#include "cli/detail/xml_reading.h"
#include "cli/markdown_text.h"
#include "cli/zip_member.h"

namespace rage::cli {
namespace {

constexpr std::size_t kDocumentBytesMax = std::size_t{64} << 20;
constexpr std::size_t kStylesBytesMax = std::size_t{8} << 20;
constexpr std::size_t kTextBytesMax = std::size_t{64} << 20;
constexpr int kWordHeadingLevels = 6;
constexpr std::size_t kListLevels = 9;

using detail::xml_attribute;

using Levels = std::map<std::string, int, std::less<>>;

// Which styles are headings: names are English in every language's Word, ids are not.
class StyleReading final : public detail::XmlReading {
 public:
  void begin(std::string_view name, const char** attributes) override {
    if (name == "style") {
      style_ = xml_attribute(attributes, "styleId");
    } else if (name == "name" && !style_.empty()) {
      const std::string title = to_lower_ascii(xml_attribute(attributes, "val"));
      if (title == "title") levels[style_] = 1;
      if (title.size() == 9 && title.starts_with("heading ")) levels[style_] = title[8] - '0';
    } else if (name == "outlineLvl" && !style_.empty()) {
      const auto level = parse_uint(xml_attribute(attributes, "val"));
      if (level && *level < kWordHeadingLevels)
        levels.try_emplace(style_, static_cast<int>(*level) + 1);
    }
  }
  void end(std::string_view name) override {
    if (name == "style") style_.clear();
  }
  void text(std::string_view) override {}

  Levels levels;

 private:
  std::string style_;
};

struct Paragraph {
  std::string text = {};
  int heading = 0;
  bool item = false;
  std::size_t level = 0;  // Of the list.
};

class BodyReading final : public detail::XmlReading {
 public:
  explicit BodyReading(Levels levels) : levels_(std::move(levels)) {}

  void begin(std::string_view name, const char** attributes) override {
    if (left_out_ > 0 || name == "moveFrom" || name == "Fallback") {
      ++left_out_;  // What was moved away, and what older readers see instead.
    } else if (name == "p") {
      paragraphs_.emplace_back();
    } else if (name == "tbl") {
      tables_.emplace_back();
    } else if (name == "tr" && !tables_.empty()) {
      tables_.back().emplace_back();
    } else if (name == "tc" && !tables_.empty() && !tables_.back().empty()) {
      tables_.back().back().emplace_back();
    } else if (name == "t") {
      in_text_ = true;
    } else if (!paragraphs_.empty()) {
      begin_in_paragraph(name, attributes);
    }
  }

  void end(std::string_view name) override {
    if (left_out_ > 0) {
      --left_out_;
    } else if (name == "t") {
      in_text_ = false;
    } else if (name == "p" && !paragraphs_.empty()) {
      const Paragraph paragraph = std::move(paragraphs_.back());
      paragraphs_.pop_back();
      add(paragraph);
    } else if (name == "tbl" && !tables_.empty()) {
      const MarkdownTable table = std::move(tables_.back());
      tables_.pop_back();
      end_table(table);
    }
    if (markdown.bytes() > kTextBytesMax) stop();
  }

  void text(std::string_view words) override {
    if (in_text_ && left_out_ == 0 && !paragraphs_.empty()) paragraphs_.back().text += words;
  }

  MarkdownWriter markdown;

 private:
  void begin_in_paragraph(std::string_view name, const char** attributes) {
    Paragraph& paragraph = paragraphs_.back();
    if (name == "tab") {
      paragraph.text += ' ';
    } else if (name == "br" || name == "cr") {
      paragraph.text += '\n';
    } else if (name == "noBreakHyphen") {
      paragraph.text += '-';
    } else if (name == "pStyle") {
      const auto found = levels_.find(xml_attribute(attributes, "val"));
      if (found != levels_.end()) paragraph.heading = found->second;
    } else if (name == "numPr") {
      paragraph.item = true;
    } else if (name == "ilvl") {
      paragraph.level = std::min<std::size_t>(
          parse_uint(xml_attribute(attributes, "val")).value_or(0), kListLevels);
    }
  }

  void add(const Paragraph& paragraph) {
    const std::string_view words = trim(paragraph.text);
    if (words.empty()) return;
    const bool in_cell =
        !tables_.empty() && !tables_.back().empty() && !tables_.back().back().empty();
    if (in_cell) {
      std::string& cell = tables_.back().back().back();
      cell.append(cell.empty() ? "" : " ").append(words);
    } else if (!paragraphs_.empty()) {  // A text box stands in the paragraph it is anchored to.
      paragraphs_.back().text.append("\n").append(words);
    } else if (paragraph.heading > 0) {
      markdown.heading(paragraph.heading, words);
    } else if (paragraph.item) {
      markdown.item(paragraph.level, words);
    } else {
      markdown.paragraph(words);
    }
  }

  void end_table(const MarkdownTable& table) {
    const bool in_cell =
        !tables_.empty() && !tables_.back().empty() && !tables_.back().back().empty();
    if (!in_cell) return markdown.table(table);
    for (const auto& row : table) {  // A table in a table's cell is words.
      for (const std::string& cell : row) tables_.back().back().back().append(" ").append(cell);
    }
  }

  const Levels levels_;
  std::size_t left_out_ = 0;
  bool in_text_ = false;
  std::vector<Paragraph> paragraphs_;  // Those that are open: boxes stand in paragraphs.
  std::vector<MarkdownTable> tables_;
};

}  // namespace

Result<std::string> read_docx(std::string_view bytes) {
  auto document = read_zip_member(bytes, "word/document.xml", kDocumentBytesMax);
  if (!document) {
    if (document.error().code == ErrorCode::kNotFound) {
      return fail(ErrorCode::kInvalidArgument, "not a Word document");
    }
    return fail(std::move(document).error());
  }
  StyleReading styles;
  if (const auto xml = read_zip_member(bytes, "word/styles.xml", kStylesBytesMax)) {
    (void)styles.run(*xml);  // Without them there are no headings, but there is text.
  }
  BodyReading body(std::move(styles.levels));
  if (auto read = body.run(*document); !read) {
    return fail(std::move(read).error().with_context("not a Word document"));
  }
  return std::move(body.markdown).finish();
}

}  // namespace rage::cli
