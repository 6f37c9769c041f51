#include "cli/html_tree.h"

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace rage::cli {
namespace {

constexpr std::size_t kElementsMax = 200'000;
constexpr std::size_t kDepthMax = 200;
constexpr std::size_t kAttributesMax = 32;

bool is_void(std::string_view name) {
  constexpr std::array<std::string_view, 14> kNames{"area",  "base",   "br",    "col",  "embed",
                                                    "hr",    "img",    "input", "link", "meta",
                                                    "param", "source", "track", "wbr"};
  return std::ranges::find(kNames, name) != kNames.end();
}

// One that opens while the same is open ends that: authors leave out the end.
bool ends_itself(std::string_view name) {
  constexpr std::array<std::string_view, 6> kNames{"p", "li", "option", "tr", "td", "th"};
  return std::ranges::find(kNames, name) != kNames.end();
}

std::string decode_ampersands(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    out += text[at];
    if (text[at] == '&' && text.substr(at, 5) == "&amp;") at += 4;
  }
  return out;
}

// One reading. One thread.
class HtmlTreeReader final {
 public:
  explicit HtmlTreeReader(std::string_view html) : html_(html) {
    elements_.push_back({.name = "",
                         .attributes = {},
                         .parent = 0,
                         .children = {},
                         .begin = 0,
                         .end = html.size(),
                         .outer_begin = 0,
                         .outer_end = html.size()});
    open_.push_back(0);
  }

  std::vector<HtmlElement> read() {
    while (at_ < html_.size() && elements_.size() < kElementsMax) {
      const std::size_t tag = html_.find('<', at_);
      if (tag == std::string_view::npos) break;
      at_ = tag + 1;
      take_markup(tag);
    }
    while (open_.size() > 1) close_last(html_.size(), html_.size());
    return std::move(elements_);
  }

 private:
  void take_markup(std::size_t tag) {
    if (html_.substr(at_, 3) == "!--") {
      const std::size_t end = html_.find("-->", at_ + 3);
      at_ = end == std::string_view::npos ? html_.size() : end + 3;
      return;
    }
    const bool closing = at_ < html_.size() && html_[at_] == '/';
    if (closing) ++at_;
    const std::size_t name_at = at_;
    while (at_ < html_.size() && (is_ascii_alpha(html_[at_]) || is_ascii_digit(html_[at_]))) ++at_;
    if (at_ == name_at) return;  // "<" alone, or a declaration.
    const std::string name = to_lower_ascii(html_.substr(name_at, at_ - name_at));
    HtmlElement element{
        .name = name, .attributes = {}, .parent = 0, .children = {}, .begin = 0, .end = 0};
    const bool empty = take_attributes(element);
    if (closing) return close(name, tag);
    if (ends_itself(name) && elements_[open_.back()].name == name) close_last(tag, tag);
    open(std::move(element), tag, empty || is_void(name));
    if (name == "script" || name == "style") skip_to_end_of(name);
  }

  // Moves behind the '>'; whether the tag closes itself.
  bool take_attributes(HtmlElement& element) {
    bool slash = false;
    while (at_ < html_.size() && html_[at_] != '>') {
      const char c = html_[at_];
      slash = c == '/' || (slash && is_ascii_space(c));
      if (is_ascii_space(c) || c == '/') {
        ++at_;
        continue;
      }
      const std::size_t name_at = at_;
      while (at_ < html_.size() && !is_ascii_space(html_[at_]) && html_[at_] != '=' &&
             html_[at_] != '>' && html_[at_] != '/') {
        ++at_;
      }
      std::string name = to_lower_ascii(html_.substr(name_at, at_ - name_at));
      std::string value = take_value();
      if (at_ == name_at) ++at_;  // Nothing to read: go on all the same.
      if (element.attributes.size() < kAttributesMax) {
        element.attributes.emplace_back(std::move(name), std::move(value));
      }
    }
    at_ = std::min(at_ + 1, html_.size());
    return slash;
  }

  std::string take_value() {
    std::size_t at = at_;
    while (at < html_.size() && is_ascii_space(html_[at])) ++at;
    if (at >= html_.size() || html_[at] != '=') return {};
    ++at;
    while (at < html_.size() && is_ascii_space(html_[at])) ++at;
    const char quote = at < html_.size() ? html_[at] : '\0';
    std::size_t end = at;
    if (quote == '"' || quote == '\'') {
      end = std::min(html_.find(quote, ++at), html_.size());
      at_ = std::min(end + 1, html_.size());
    } else {
      while (end < html_.size() && !is_ascii_space(html_[end]) && html_[end] != '>') ++end;
      at_ = end;
    }
    return decode_ampersands(html_.substr(at, end - at));
  }

  void open(HtmlElement element, std::size_t tag, bool empty) {
    if (open_.size() >= kDepthMax) return;
    element.parent = open_.back();
    element.begin = element.end = empty ? tag : at_;
    element.outer_begin = tag;
    element.outer_end = at_;
    const std::size_t id = elements_.size();
    elements_[open_.back()].children.push_back(id);
    elements_.push_back(std::move(element));
    if (!empty) open_.push_back(id);
  }

  // `behind` is where what follows it begins.
  void close_last(std::size_t tag, std::size_t behind) {
    HtmlElement& element = elements_[open_.back()];
    element.end = std::max(element.begin, tag);
    element.outer_end = std::max(element.end, behind);
    open_.pop_back();
  }

  void close(const std::string& name, std::size_t tag) {
    const auto found = std::ranges::find_if(open_.rbegin(), open_.rend() - 1, [&](std::size_t id) {
      return elements_[id].name == name;
    });
    if (found == open_.rend() - 1) return;  // Nothing of that name is open.
    const auto keep = static_cast<std::size_t>(open_.rend() - found) - 1;
    while (open_.size() > keep + 1) close_last(tag, tag);
    close_last(tag, at_);
  }

  void skip_to_end_of(const std::string& name) {
    const std::string end = "</" + name;
    while (at_ < html_.size()) {
      const std::size_t tag = html_.find("</", at_);
      if (tag == std::string_view::npos) {
        at_ = html_.size();
        return;
      }
      at_ = tag;
      if (equals_ignoring_case(html_.substr(tag, end.size()), end)) return;
      at_ += 2;
    }
  }

  const std::string_view html_;
  std::size_t at_ = 0;
  std::vector<HtmlElement> elements_;
  std::vector<std::size_t> open_;  // From the page down to where we are.
};

// Where the path begins; the size if there is none. 0: no http URL with a host.
std::size_t path_of(std::string_view url) {
  const std::string start = to_lower_ascii(url.substr(0, 8));
  const std::size_t host = start.starts_with("https://") ? 8 : start.starts_with("http://") ? 7 : 0;
  if (host == 0) return 0;
  const std::size_t end = std::min(url.find_first_of("/?#", host), url.size());
  return end == host ? 0 : end;
}

}  // namespace

std::string_view HtmlElement::attribute(std::string_view wanted) const {
  const auto found =
      std::ranges::find(attributes, wanted, &std::pair<std::string, std::string>::first);
  return found == attributes.end() ? std::string_view() : std::string_view(found->second);
}

std::vector<HtmlElement> parse_html_tree(std::string_view html) {
  return HtmlTreeReader(html).read();
}

std::string origin_of(std::string_view url) {
  return std::string(url.substr(0, path_of(url)));
}

std::string resolve_link(std::string_view base, std::string_view href) {
  href = trim(href);
  href = href.substr(0, href.find('#'));
  const auto is_bad = [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == '\\'; };
  if (std::ranges::any_of(href, is_bad)) return {};
  if (path_of(href) > 0) return std::string(href);
  const std::size_t colon = href.find(':');
  if (colon != std::string_view::npos && colon < href.find_first_of("/?")) return {};
  const std::size_t path = path_of(base);
  if (path == 0) return {};
  if (href.starts_with("//")) return std::string(base.substr(0, base.find(':') + 1)).append(href);
  if (href.starts_with('/')) return std::string(base.substr(0, path)).append(href);
  const std::string_view page = base.substr(0, base.find_first_of("?#", path));
  if (href.empty() || href.starts_with('?')) return std::string(page).append(href);
  const std::size_t slash = page.rfind('/');
  if (slash == std::string_view::npos || slash < path)
    return std::string(page) + "/" + std::string(href);
  return std::string(page.substr(0, slash + 1)).append(href);
}

}  // namespace rage::cli
