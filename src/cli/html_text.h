// What a reader of an HTML page sees, as plain text. Pure. No browser: nothing is run or fetched.
#pragma once

#include <string>
#include <string_view>

namespace rage::cli {

struct HtmlText {
  std::string title;  // Of the page; one line.
  std::string text;   // Blocks as paragraphs, list items with a dash, preformatted text as it is.
};

// `html` is UTF-8, and so is the result; what is not well formed is read as browsers would,
// roughly.
HtmlText read_html(std::string_view html);

}  // namespace rage::cli
