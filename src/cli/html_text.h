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

// The same as Markdown: headings, lists, tables and preformatted text keep their structure. Of a
// page that says what its main part is (<main>, role="main", a single <article>), only that; else
// all but its navigation and footer.
HtmlText read_html_as_markdown(std::string_view html);

// "&amp;", "&#8212;" and the like as characters; what is none stays.
std::string decode_entities(std::string_view text);

}  // namespace rage::cli
