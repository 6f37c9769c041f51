#include "cli/html_text.h"

#include <gtest/gtest.h>

namespace rage::cli {
namespace {

// Markup in the index would be quoted in answers.
TEST(HtmlText, IsWhatAReaderSees) {
  const HtmlText page = read_html(R"(<!DOCTYPE html><html><head><title>Opening
     hours</title><style>p > a { color: red }</style></head><body class="a>b">
    <nav><a href="/">Home</a></nav>
    <h1>When we are &quot;open&quot;</h1><p>Monday &ndash; Friday,<br>9&#8211;17 &#x201cGMT&#x201d;
    <!-- not <b>this</b> --> at the <b>front</b> desk.</p>
    <ul><li>Ring</li><li>Wait</li></ul>
    <table><tr><td>Mon</td><td>9</td></tr><tr><td>Tue</td><td>10</td></tr></table>
    <pre>a
      b &lt; c</pre><script>if (a < b) document.write("<p>no</p>")</script></body></html>)");
  EXPECT_EQ(page.title, "Opening hours");
  EXPECT_EQ(page.text,
            "When we are \"open\"\n\nMonday – Friday,\n9–17 &#x201cGMT” at the front desk.\n\n"
            "- Ring\n- Wait\n\nMon 9\nTue 10\n\na\n      b < c");
}

TEST(HtmlText, SurvivesWhatIsNotWellFormed) {
  EXPECT_EQ(read_html("a < b & c &unknown; <").text, "a < b & c &unknown; <");
  EXPECT_EQ(read_html("<p>open").text, "open");
  EXPECT_EQ(read_html("x<!-- open").text, "x");
  EXPECT_EQ(read_html("x<script>y").text, "x");
  EXPECT_EQ(read_html("x<a href='y").text, "x");
  EXPECT_EQ(read_html("&#xD800;&#99999999;a&#0;").text, "a");
  EXPECT_EQ(read_html("").text, "");
}

// A page of some megabytes must not keep an index waiting for minutes.
TEST(HtmlText, AmpersandsAreNotLookedAtAgainAndAgain) {
  const std::string page(1 << 17, '&');
  EXPECT_EQ(read_html(page).text, page);
  EXPECT_EQ(decode_entities(page), page);
}

}  // namespace
}  // namespace rage::cli
