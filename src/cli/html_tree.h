// The elements of an HTML page, for those who look for some of them. Pure; no browser, and what is
// not well formed is read as browsers would, roughly.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rage::cli {

struct HtmlElement {
  std::string name;  // Lower case.
  std::vector<std::pair<std::string, std::string>> attributes;
  std::size_t parent = 0;  // Of the list; the first element is the page itself.
  std::vector<std::size_t> children;
  std::size_t begin = 0;  // Bytes of the page between its tags: [begin, end).
  std::size_t end = 0;
  std::size_t outer_begin = 0;  // The same with its tags.
  std::size_t outer_end = 0;

  // Empty if absent.
  std::string_view attribute(std::string_view name) const;
};

// In order of their beginning; at most 200,000, and none deeper than 200 (what is beyond stays
// text). Borrows nothing.
std::vector<HtmlElement> parse_html_tree(std::string_view html);

// `href` as found on the page at `base`, absolute and without a fragment; empty if it leads nowhere
// over http (mailto: and the like).
std::string resolve_link(std::string_view base, std::string_view href);

// "https://host:port" of an absolute URL; empty if it is none.
std::string origin_of(std::string_view url);

}  // namespace rage::cli
