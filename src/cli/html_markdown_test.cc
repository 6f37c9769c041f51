#include <gtest/gtest.h>

#include "cli/html_text.h"

namespace rage::cli {
namespace {

// What an index answers from: the structure that a reader sees, and none of the page's furniture.
TEST(HtmlMarkdown, KeepsStructureAndLeavesOutFurniture) {
  const HtmlText page = read_html_as_markdown(R"(<!DOCTYPE html><html><head><title>Our
     hours</title><style>p > a { color: red }</style></head><body>
    <nav><ul><li><a href="/">Home</a></li></ul></nav>
    <h1>When we are <em>open</em></h1>
    <p>Monday &ndash; Friday,<br>9&#8211;17 <!-- <b>not</b> this --> at the <b title="a>b">front</b>
    desk.</p>
    <ul><li>Ring<ul><li>twice</li></ul></li><li>Wait</li></ul>
    <table><caption>Prices</caption><thead><tr><th>what</th><th>price</th></tr></thead>
      <tbody><tr><td>one <p>two</p></td><td>1|2</td></tr></tbody></table>
    <pre><code>a
      b &lt; c</code></pre>
    <div hidden>secret</div><script>if (a < b) document.write("<p>no</p>")</script>
    <button>Buy</button><footer>Imprint</footer></body></html>)");
  EXPECT_EQ(page.title, "Our hours");
  EXPECT_EQ(page.text,
            "# When we are open\n\nMonday – Friday,\n9–17 at the front desk.\n\n- Ring\n  - twice\n"
            "- Wait\n\nPrices\n\n| what | price |\n| --- | --- |\n| one two | 1\\|2 |\n\n"
            "```\na\n      b < c\n```");
}

TEST(HtmlMarkdown, AMainPartIsAllThatCounts) {
  EXPECT_EQ(read_html_as_markdown("<p>menu</p><main><p>words</p></main><p>imprint</p>").text,
            "words");
  EXPECT_EQ(read_html_as_markdown("<p>menu</p><article>words</article>").text, "words");
  EXPECT_EQ(read_html_as_markdown("<article>a</article><article>b</article>").text, "a\n\nb");
  EXPECT_EQ(read_html_as_markdown("<div role='main'>words</div>x").text, "words");
}

TEST(HtmlMarkdown, SurvivesWhatIsNotWellFormed) {
  EXPECT_EQ(read_html_as_markdown("a < b & c &unknown; <").text, "a < b & c &unknown; <");
  EXPECT_EQ(read_html_as_markdown("<p>one<p>two").text, "one\n\ntwo");
  EXPECT_EQ(read_html_as_markdown("x<!-- open").text, "x");
  EXPECT_EQ(read_html_as_markdown("<table><tr><td>alone</td></tr></table>").text, "alone");
  EXPECT_EQ(read_html_as_markdown("</p></div>x</table>").text, "x");
  EXPECT_EQ(read_html_as_markdown("").text, "");
  std::string deep;
  for (int i = 0; i < 3000; ++i) deep += "<div><b>";
  EXPECT_EQ(read_html_as_markdown(deep + "x").text, "x");
}

// A page of a megabyte must not become gigabytes, nor take minutes.
TEST(HtmlMarkdown, ATableIsNotMuchLargerThanItsPage) {
  EXPECT_EQ(
      read_html_as_markdown("<table><tr><td>a</tr><tr><td>b<td>c<td>d</tr><tr><td>e</table>").text,
      "| a |  |  |\n| --- | --- | --- |\n| b | c | d |\n| e |");
  std::string uneven = "<table><tr>";
  for (int i = 0; i < 1000; ++i) uneven += "<td>";
  uneven += "</tr>";
  for (int i = 0; i < 1000; ++i) uneven += "<tr><td>x</tr>";
  EXPECT_LT(read_html_as_markdown(uneven + "</table>").text.size(), 2 * uneven.size());
  const std::string bars(1 << 16, '|');
  const std::string page = "<table><tr><td>a<td>b</tr><tr><td>" + bars + "</table>";
  EXPECT_GT(read_html_as_markdown(page).text.size(), 2 * bars.size());
}

}  // namespace
}  // namespace rage::cli
