#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "text/structured_chunks.h"
#include "text/unicode.h"

namespace rage::text {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::size_t quarters_of(std::string_view text) {
  return (count_code_points(text) + 3) / 4;
}

std::vector<StructuredChunk> split(std::string_view text, std::size_t tokens_max) {
  return split_markdown(text, {.tokens_max = tokens_max, .tokens_overlap = 0}, quarters_of);
}

std::vector<std::string> markdown_texts(std::string_view text, std::size_t tokens_max) {
  std::vector<std::string> texts;
  for (const StructuredChunk& chunk : split(text, tokens_max)) {
    texts.emplace_back(chunk.span.of(text));
  }
  return texts;
}

std::string prose(std::string_view word, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += (i > 0 ? " " : "") + std::string(word);
  return text + ".";
}

TEST(MarkdownChunks, ATextThatFitsIsOne) {
  EXPECT_THAT(markdown_texts("\n# A\n\nb\n\n## C\n\nd\n", 100),
              ElementsAre("# A\n\nb\n\n## C\n\nd"));
  EXPECT_THAT(markdown_texts("\n\n", 100), ElementsAre());
}

// "It costs 5" under "## Returns" answers nothing if the heading stayed in another chunk.
TEST(MarkdownChunks, SectionsAreWholeAndHeadingsGiveContext) {
  const std::string text = "# Shop\n\nIntroduction.\n\n## Hours\n\n" + prose("open", 24) +
                           "\n\n## Returns\n\n" + prose("first", 20) + "\n\n" +
                           prose("second", 20) + "\n";
  const auto chunks = split(text, 40);
  ASSERT_EQ(chunks.size(), 4U);
  EXPECT_EQ(chunks[0].span.of(text), "# Shop\n\nIntroduction.");
  EXPECT_EQ(chunks[0].context, "");
  EXPECT_THAT(chunks[1].span.of(text), StartsWith("## Hours\n\nopen"));
  EXPECT_EQ(chunks[1].context, "# Shop");
  EXPECT_THAT(chunks[2].span.of(text), StartsWith("## Returns\n\nfirst"));
  EXPECT_THAT(chunks[3].span.of(text), StartsWith("second"));
  EXPECT_EQ(chunks[3].context, "# Shop\n## Returns");
}

TEST(MarkdownChunks, ListsTablesAndCodeThatFitAreWhole) {
  const std::string list = "- one\n  more of one\n\n- two\n  1. nested\n  2. nested\n- three";
  const std::string table = "| what | price |\n| --- | ---: |\n| one | 1 |\n| two | 2 |";
  const std::string code = "```python\ndef f():\n\n    # not a heading\n    return 1\n```";
  const std::string text = prose("before", 12) + "\n\nThese are left:\n" + list + "\n\n" +
                           prose("between", 12) + "\n\n" + table + "\n\n" + code + "\n" +
                           prose("after", 12);
  const auto chunks = markdown_texts(text, 36);
  EXPECT_THAT(chunks, testing::Contains(HasSubstr("These are left:\n" + list)));
  EXPECT_THAT(chunks, testing::Contains(HasSubstr(table)));
  EXPECT_THAT(chunks, testing::Contains(HasSubstr(code)));
}

// A row without its header is a line of numbers.
TEST(MarkdownChunks, ALongTableIsCutBetweenRowsAndKeepsItsHeader) {
  std::string text = "## Prices\n\n| name | price |\n|---|---|\n";
  for (int i = 0; i < 20; ++i)
    text += "| item " + std::to_string(i) + " | 1" + std::to_string(i) + " |\n";
  const auto chunks = split(text, 40);
  ASSERT_GT(chunks.size(), 2U);
  EXPECT_THAT(chunks[0].span.of(text),
              StartsWith("## Prices\n\n| name | price |\n|---|---|\n| item 0"));
  for (std::size_t i = 1; i < chunks.size(); ++i) {
    EXPECT_EQ(chunks[i].context, "## Prices\n| name | price |");
    EXPECT_THAT(chunks[i].span.of(text), StartsWith("| item "));
    EXPECT_TRUE(chunks[i].span.of(text).ends_with('|'));
  }
}

TEST(MarkdownChunks, KnowUnderlinedHeadingsAndFrontMatter) {
  const std::string text = "---\ntitle: A # b\n---\n\nTitle\n=====\n\n" + prose("one", 24) +
                           "\n\nPart\n----\n\n" + prose("two", 24) + "\n";
  const auto chunks = split(text, 36);
  ASSERT_EQ(chunks.size(), 3U);
  EXPECT_EQ(chunks[0].span.of(text), "---\ntitle: A # b\n---");
  EXPECT_THAT(chunks[1].span.of(text), StartsWith("Title\n=====\n\none"));
  EXPECT_THAT(chunks[2].span.of(text), StartsWith("Part\n----\n\ntwo"));
  EXPECT_EQ(chunks[2].context, "Title");
}

// A page of an old text file begins with a form feed: chunks had come out of order.
TEST(MarkdownChunks, ABlockOfWhiteSpaceIsNoChunk) {
  EXPECT_THAT(markdown_texts("\f\n- one item\n\n# Head\n\nsome more words\n\n\f\n", 5),
              ElementsAre("- one item", "# Head", "some more words"));
}

}  // namespace
}  // namespace rage::text
