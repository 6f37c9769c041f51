#include "cli/site_page.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "base/strings.h"
#include "cli/html_tree.h"

namespace rage::cli {
namespace {

constexpr std::size_t kLinksMax = 5'000;

// Of words between white space or commas, whatever their case.
bool has_word(std::string_view text, std::string_view wanted) {
  const std::string lower = to_lower_ascii(text);
  const auto is_between = [](char c) { return is_ascii_space(c) || c == ','; };
  for (std::size_t at = 0; at < lower.size();) {
    const auto begin =
        std::find_if_not(lower.begin() + static_cast<std::ptrdiff_t>(at), lower.end(), is_between);
    const auto end = std::find_if(begin, lower.end(), is_between);
    if (std::string_view(begin, end) == wanted) return true;
    at = static_cast<std::size_t>(end - lower.begin());
  }
  return false;
}

void obey(std::string_view directives, SitePage& page) {
  const bool none = has_word(directives, "none");
  page.noindex = page.noindex || none || has_word(directives, "noindex");
  page.nofollow = page.nofollow || none || has_word(directives, "nofollow");
}

// "noindex", or "otherbot: noindex", which is somebody else's.
void obey_header(std::string_view value, std::string_view agent, SitePage& page) {
  const std::size_t colon = value.find(':');
  const std::string name = to_lower_ascii(trim(value.substr(0, colon)));
  // Directives that have a colon of their own.
  const bool directive = name == "unavailable_after" || name.starts_with("max-") ||
                         name.find_first_of(", \t") != std::string::npos;
  if (colon == std::string_view::npos || directive) return obey(value, page);
  if (equals_ignoring_case(name, agent)) obey(value.substr(colon + 1), page);
}

// One reading. One thread.
class SitePageReader final {
 public:
  SitePageReader(const SiteUrl& url, std::string_view agent, SitePage& page)
      : base_(url), agent_(agent), page_(page) {}

  void take(const HtmlElement& element) {
    if (element.name == "base") {
      take_base(element);
    } else if (element.name == "meta") {
      take_meta(element);
    } else if (element.name == "link") {
      take_link(element);
    } else if (element.name == "a" || element.name == "area") {
      take_anchor(element);
    }
  }

 private:
  void take_base(const HtmlElement& element) {
    const std::string_view href = element.attribute("href");
    if (href.empty() || std::exchange(has_base_, true)) return;
    if (auto base = resolve_site_url(base_, href)) base_ = *std::move(base);
  }

  void take_meta(const HtmlElement& element) {
    const std::string_view name = trim(element.attribute("name"));
    if (equals_ignoring_case(name, "robots") || equals_ignoring_case(name, agent_)) {
      obey(element.attribute("content"), page_);
    }
  }

  void take_link(const HtmlElement& element) {
    const std::string_view href = element.attribute("href");
    if (page_.canonical || trim(href).empty() || !has_word(element.attribute("rel"), "canonical")) {
      return;
    }
    page_.canonical = resolve_site_url(base_, href);
  }

  void take_anchor(const HtmlElement& element) {
    const std::string_view href = trim(element.attribute("href"));
    if (href.empty() || href.starts_with('#') || has_word(element.attribute("rel"), "nofollow") ||
        page_.links.size() >= kLinksMax) {
      return;
    }
    auto link = resolve_site_url(base_, href);
    if (link && seen_.insert(link->text()).second) page_.links.push_back(*std::move(link));
  }

  SiteUrl base_;
  const std::string_view agent_;
  SitePage& page_;
  bool has_base_ = false;
  std::set<std::string> seen_;
};

}  // namespace

SitePage read_site_file(std::string_view agent, const std::vector<std::string_view>& robots_tags) {
  SitePage page;
  for (const std::string_view tag : robots_tags) obey_header(tag, agent, page);
  return page;
}

SitePage read_site_page(std::string_view html, const SiteUrl& url, std::string_view agent,
                        const std::vector<std::string_view>& robots_tags) {
  SitePage page = read_site_file(agent, robots_tags);
  SitePageReader reader(url, agent, page);
  for (const HtmlElement& element : parse_html_tree(html)) reader.take(element);
  if (page.nofollow) page.links.clear();
  return page;
}

}  // namespace rage::cli
