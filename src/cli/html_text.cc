#include "cli/html_text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/is_one_of.h"
#include "base/strings.h"
#include "text/unicode.h"

namespace rage::cli {
namespace {

constexpr std::size_t kEntityBytesMax = 12;

// Nothing of these is for reading.
bool is_unseen(std::string_view name) {
  constexpr std::array<std::string_view, 7> kNames{"script", "style",  "noscript", "template",
                                                   "svg",    "iframe", "nav"};
  return is_one_of(name, kNames);
}

bool is_block(std::string_view name) {
  constexpr std::array<std::string_view, 32> kNames{
      "address", "article", "aside",   "blockquote", "body", "dd", "details", "div",
      "dl",      "dt",      "figure",  "footer",     "form", "h1", "h2",      "h3",
      "h4",      "h5",      "h6",      "header",     "hr",   "li", "main",    "ol",
      "p",       "pre",     "section", "table",      "tr",   "ul", "title",   "summary"};
  return is_one_of(name, kNames);
}

struct Named {
  std::string_view name;
  char32_t code_point;
};

constexpr std::array<Named, 24> kEntities{{
    {"amp", '&'},      {"lt", '<'},       {"gt", '>'},       {"quot", '"'},      {"apos", '\''},
    {"nbsp", ' '},     {"copy", 0xa9},    {"reg", 0xae},     {"deg", 0xb0},      {"middot", 0xb7},
    {"times", 0xd7},   {"auml", 0xe4},    {"ouml", 0xf6},    {"uuml", 0xfc},     {"szlig", 0xdf},
    {"eacute", 0xe9},  {"ndash", 0x2013}, {"mdash", 0x2014}, {"lsquo", 0x2018},  {"rsquo", 0x2019},
    {"ldquo", 0x201c}, {"rdquo", 0x201d}, {"bull", 0x2022},  {"hellip", 0x2026},
}};

// What stands between '&', with which `text` begins, and ';'; empty if that is not near.
std::string_view entity_name(std::string_view text) {
  const std::size_t end = text.substr(0, kEntityBytesMax + 1).find(';');
  return end == std::string_view::npos ? "" : text.substr(1, end - 1);
}

// "&#8212;", "&#x2014;" or a name; none if it is only an ampersand.
std::optional<char32_t> entity_of(std::string_view name) {
  if (!name.starts_with('#')) {
    const auto* found = std::ranges::find(kEntities, name, &Named::name);
    return found == kEntities.end() ? std::nullopt : std::optional(found->code_point);
  }
  const bool hex = name.size() > 1 && (name[1] == 'x' || name[1] == 'X');
  const std::string_view digits = name.substr(hex ? 2 : 1);
  std::uint32_t value = 0;
  for (const char c : to_lower_ascii(digits)) {
    const bool letter = hex && c >= 'a' && c <= 'f';
    if (!is_ascii_digit(c) && !letter) return std::nullopt;
    value = value * (hex ? 16 : 10) + static_cast<std::uint32_t>(letter ? c - 'a' + 10 : c - '0');
  }
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  if (digits.empty() || value < 0x20 || value > 0x10ffff || surrogate) return U' ';
  return value;
}

// One reading. One thread.
class HtmlTextReader final {
 public:
  explicit HtmlTextReader(std::string_view html) : html_(html) {}

  HtmlText read() {
    while (at_ < html_.size()) {
      if (html_[at_] == '<' && take_markup()) continue;
      if (html_[at_] == '&' && take_entity()) continue;
      put(html_.substr(at_++, 1));
    }
    HtmlText result;
    result.title = trim(title_);
    result.text = trim(text_);
    return result;
  }

 private:
  void put(std::string_view piece) {
    const bool space = piece.size() == 1 && is_ascii_space(piece[0]);
    if (preformatted_ && !in_title_ && piece != "\r") {
      text_ += piece;
      return;
    }
    std::string& out = in_title_ ? title_ : text_;
    if (!space) {
      out += piece;
    } else if (!out.empty() && !is_ascii_space(out.back())) {
      out += ' ';
    }
  }

  void end_block() {
    while (text_.ends_with(' ')) text_.pop_back();
    if (text_.empty() || text_.ends_with("\n\n")) return;
    text_ += text_.ends_with('\n') ? "\n" : "\n\n";
  }

  bool take_entity() {
    const std::string_view name = entity_name(html_.substr(at_));
    const auto code_point = entity_of(name);
    if (!code_point) return false;
    std::string piece;
    text::append_utf8(piece, *code_point);
    put(piece);
    at_ += name.size() + 2;
    return true;
  }

  // False if '<' is only a character.
  bool take_markup() {
    const std::string_view rest = html_.substr(at_);
    if (rest.starts_with("<!--")) {
      const std::size_t end = html_.find("-->", at_ + 4);
      at_ = end == std::string_view::npos ? html_.size() : end + 3;
      return true;
    }
    const std::size_t name_at = at_ + (rest.starts_with("</") ? 2 : 1);
    std::size_t name_end = name_at;
    while (name_end < html_.size() &&
           (is_ascii_alpha(html_[name_end]) || is_ascii_digit(html_[name_end]))) {
      ++name_end;
    }
    const bool declaration = rest.starts_with("<!") || rest.starts_with("<?");
    if (name_end == name_at && !declaration) return false;
    const std::string name = to_lower_ascii(html_.substr(name_at, name_end - name_at));
    const bool closing = rest.starts_with("</");
    at_ = end_of_tag(name_end);
    if (!closing && is_unseen(name)) skip_to_end_of(name);
    apply(name, closing);
    return true;
  }

  // Behind the '>' that is not within quotes.
  std::size_t end_of_tag(std::size_t at) const {
    char quote = '\0';
    for (; at < html_.size(); ++at) {
      const char c = html_[at];
      if (quote != '\0') {
        if (c == quote) quote = '\0';
      } else if (c == '"' || c == '\'') {
        quote = c;
      } else if (c == '>') {
        return at + 1;
      }
    }
    return html_.size();
  }

  void skip_to_end_of(const std::string& name) {
    while (at_ < html_.size()) {
      at_ = html_.find("</", at_);
      if (at_ == std::string_view::npos) at_ = html_.size();
      if (at_ == html_.size()) return;
      const bool same = equals_ignoring_case(html_.substr(at_ + 2, name.size()), name);
      at_ += 2;
      if (!same) continue;
      at_ = end_of_tag(at_ + name.size());
      return;
    }
  }

  void apply(std::string_view name, bool closing) {
    if (name == "title") {
      in_title_ = !closing && title_.empty();
      return;
    }
    if (name == "br") text_ += '\n';
    if (name == "td" || name == "th") put(" ");
    if (!is_block(name)) return;
    if (name == "pre") preformatted_ = false;
    const bool item = name == "li" && !closing;
    if (item || name == "tr") {
      while (text_.ends_with(' ')) text_.pop_back();
      if (!text_.empty() && !text_.ends_with('\n')) text_ += '\n';
    } else if (name != "li") {
      end_block();
    }
    if (item) text_ += "- ";
    if (name == "pre") preformatted_ = !closing;
  }

  const std::string_view html_;
  std::size_t at_ = 0;
  bool preformatted_ = false;
  bool in_title_ = false;
  std::string title_;
  std::string text_;
};

}  // namespace

HtmlText read_html(std::string_view html) {
  return HtmlTextReader(html).read();
}

std::string decode_entities(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view name = text[at] == '&' ? entity_name(text.substr(at)) : "";
    if (const auto code_point = entity_of(name)) {
      text::append_utf8(out, *code_point);
      at += name.size() + 2;
    } else {
      out += text[at++];
    }
  }
  return out;
}

}  // namespace rage::cli
