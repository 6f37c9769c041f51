// A page as Markdown. Its elements come from html_tree.h; the text between their tags is read here.
#include <algorithm>
#include <array>
#include <utility>

#include "base/is_one_of.h"
#include "base/strings.h"
#include "cli/html_text.h"
#include "cli/html_tree.h"
#include "cli/markdown_text.h"

namespace rage::cli {
namespace {

// Nothing of these is for reading.
bool is_unseen(const HtmlElement& element) {
  constexpr std::array<std::string_view, 13> kNames{
      "script", "style",  "noscript", "template", "svg",    "iframe", "nav",
      "head",   "button", "select",   "textarea", "object", "canvas"};
  const auto has = [&](std::string_view name) {
    return std::ranges::any_of(element.attributes,
                               [&](const auto& attribute) { return attribute.first == name; });
  };
  return is_one_of(element.name, kNames) || has("hidden") ||
         element.attribute("role") == "navigation";
}

bool is_inline(std::string_view name) {
  constexpr std::array<std::string_view, 31> kNames{
      "a",    "abbr",   "b",      "bdi", "bdo", "cite",  "code", "data", "del", "dfn",  "em",
      "font", "i",      "img",    "ins", "kbd", "label", "mark", "q",    "s",   "samp", "small",
      "span", "strike", "strong", "sub", "sup", "time",  "u",    "var",  "wbr"};
  return is_one_of(name, kNames);
}

// 1 to 6; 0: no heading.
int heading_level(std::string_view name) {
  return name.size() == 2 && name[0] == 'h' && name[1] >= '1' && name[1] <= '6' ? name[1] - '0' : 0;
}

// What stands between two elements, without the tags and comments that are in it.
std::string words_of(std::string_view html) {
  std::string words;
  for (std::size_t at = 0; at < html.size();) {
    const bool tag = html[at] == '<' && at + 1 < html.size() &&
                     (is_ascii_alpha(html[at + 1]) || html[at + 1] == '/' || html[at + 1] == '!' ||
                      html[at + 1] == '?');
    if (!tag) {
      words += html[at++];
      continue;
    }
    const bool comment = html.substr(at).starts_with("<!--");
    const std::size_t end = comment ? html.find("-->", at) : html.find('>', at);
    at = end == std::string_view::npos ? html.size() : end + (comment ? 3 : 1);
  }
  return decode_entities(words);
}

// One reading. One thread.
class HtmlMarkdownReader final {
 public:
  explicit HtmlMarkdownReader(std::string_view html)
      : html_(html), elements_(parse_html_tree(html)) {}

  std::string read() {
    visit(main_part());
    end_paragraph();
    return std::move(out_).finish();
  }

 private:
  using Id = std::size_t;

  // The page itself if it does not say.
  Id main_part() const {
    Id main = 0;
    Id article = 0;
    std::size_t articles = 0;
    for (Id id = 1; id < elements_.size(); ++id) {
      const HtmlElement& element = elements_[id];
      const bool is_main = element.name == "main" || element.attribute("role") == "main";
      if (is_main && main == 0) main = id;
      if (element.name != "article") continue;
      ++articles;
      article = id;
    }
    return main > 0 ? main : articles == 1 ? article : 0;
  }

  // Calls text(words) and element(id) for what is in `id`, in order.
  template <class Text, class Element>
  void walk(Id id, Text&& text, Element&& element) {
    std::size_t at = elements_[id].begin;
    for (const Id child : elements_[id].children) {
      text(words_of(html_.substr(at, elements_[child].outer_begin - at)));
      element(child);
      at = elements_[child].outer_end;
    }
    if (at < elements_[id].end) text(words_of(html_.substr(at, elements_[id].end - at)));
  }

  void visit(Id id) {
    walk(
        id, [&](const std::string& words) { add_words(words); },
        [&](Id child) { visit_element(child); });
  }

  void visit_element(Id id) {
    const HtmlElement& element = elements_[id];
    const bool site_footer = element.name == "footer" && elements_[element.parent].name == "body";
    if (is_unseen(element) || site_footer || element.name == "title") return;
    if (element.name == "br") {
      paragraph_ += '\n';
    } else if (is_inline(element.name)) {
      visit(id);
    } else if (const int level = heading_level(element.name); level > 0) {
      end_paragraph();
      out_.heading(level, text_of(id));
    } else if (element.name == "pre") {
      end_paragraph();
      out_.code(raw_text_of(id));
    } else if (element.name == "table") {
      end_paragraph();
      add_table(id);
    } else if (element.name == "ul" || element.name == "ol") {
      end_paragraph();
      ++lists_;
      visit(id);
      end_paragraph();
      --lists_;
    } else {
      end_paragraph();
      visit(id);
      end_paragraph();
    }
  }

  void add_words(const std::string& words) {
    for (const char c : words) {
      if (!is_ascii_space(c)) {
        paragraph_ += c;
      } else if (!paragraph_.empty() && !is_ascii_space(paragraph_.back())) {
        paragraph_ += ' ';
      }
    }
  }

  void end_paragraph() {
    if (lists_ > 0) {
      out_.item(lists_ - 1, paragraph_);
    } else {
      out_.paragraph(paragraph_);
    }
    paragraph_.clear();
  }

  std::string text_of(Id id) {
    std::string kept = std::exchange(paragraph_, {});
    collect(id);
    return std::exchange(paragraph_, std::move(kept));
  }

  // Words alone, whatever they stand in.
  void collect(Id id) {
    walk(
        id, [&](const std::string& words) { add_words(words); },
        [&](Id child) {
          if (is_unseen(elements_[child])) return;
          if (!is_inline(elements_[child].name)) add_words(" ");
          collect(child);
          if (!is_inline(elements_[child].name)) add_words(" ");
        });
  }

  std::string raw_text_of(Id id) {
    std::string raw;
    walk(
        id, [&](const std::string& words) { raw += words; },
        [&](Id child) { raw += elements_[child].name == "br" ? "\n" : raw_text_of(child); });
    return raw;
  }

  void add_table(Id id) {
    MarkdownTable table;
    std::string caption;
    add_rows(id, table, caption);
    out_.paragraph(caption);
    out_.table(table);
  }

  void add_rows(Id id, MarkdownTable& table, std::string& caption) {
    for (const Id child : elements_[id].children) {
      const HtmlElement& element = elements_[child];
      if (element.name == "tr") {
        table.emplace_back();
        for (const Id cell : element.children) {
          if (!is_unseen(elements_[cell])) table.back().push_back(text_of(cell));
        }
      } else if (element.name == "caption") {
        caption = text_of(child);
      } else if (!is_unseen(element)) {
        add_rows(child, table, caption);  // thead, tbody, tfoot.
      }
    }
  }

  const std::string_view html_;
  const std::vector<HtmlElement> elements_;
  MarkdownWriter out_;
  std::string paragraph_;
  std::size_t lists_ = 0;  // How many are open.
};

}  // namespace

HtmlText read_html_as_markdown(std::string_view html) {
  HtmlText page;
  const std::size_t head = std::min(html.find("</head"), html.find("<body"));
  page.title = read_html(html.substr(0, head)).title;
  page.text = HtmlMarkdownReader(html).read();
  return page;
}

}  // namespace rage::cli
