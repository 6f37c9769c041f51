#include "text/sentences.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/strings.h"
#include "text/unicode.h"

namespace rage::text {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> texts_of(std::string_view text, const std::vector<TextSpan>& spans) {
  std::vector<std::string> out;
  for (const TextSpan span : spans) out.emplace_back(span.of(text));
  return out;
}

std::vector<std::string> sentences_of(std::string_view text) {
  return texts_of(text, split_sentences(text));
}

// Each row is written with "|" where a sentence ends; the splitter sees it without.
TEST(Sentences, Table) {
  const char* const rows[] = {
      "One.| Two.| Three",
      "Dr. Smith met Mrs. Jones at St. Mary's.| They talked.",
      "Prof. K. He and J. R. R. Tolkien wrote it.| It sold well.",
      "J.R.R. Tolkien was born in 1892.| He wrote.",
      "John F. Kennedy spoke.| So did E. Musk.",
      "The talk is at 9 a.m. in Room 305.| Lunch follows.",
      "The talk is at 9 a.m.| Lunch is at noon.",
      "We open at 10 a.m. Pacific and close at 5 p.m. Monday.| Be there.",
      "Hours are 10 a.m. – 5 p.m. every day.",
      "Use a tool, e.g. Prometheus, i.e. The Thing.| Done.",
      "Bring pens, paper, etc. and come.| Bring pens, paper, etc.| The rest is here.",
      "It costs 3.50 dollars.| Pi is 3.14159.| Version v1.2.3 is out.| TLS 1.3 works.",
      "See https://example.com/a.b?c=d.e for it.| See https://example.com/.| Then go.",
      "Write to jane.doe@example.com.| She answers.",
      "Open src/main.cc.| Then build.",
      "Node.js is fine.| So is ASP.NET.| Yes.",
      "Wait... what is it?| Wait...| What is it?",
      "Well… she said so.| Well…| That was it.",
      "He said \"Stop.\"| Then he left.",
      "“Really?” he asked.| “Yes!”| She went.",
      "(It was late.)| We went home.",
      "What?!| No way!!| Yes.",
      "Yahoo! is a company.| Who? me?",
      "It was 1999.| 2000 came next.",
      "See No. 5 and Fig. 3 on p. 12.| No.| That is wrong.",
      "On Jan. 5 and Sat. March 7 we met.| He sat.| Marie stood.",
      "She lives in the U.S. Congress area.| He moved to the U.S.| They met.",
      "Acme Inc. Europe and Foo Ltd. are big.| He works for Acme Inc.| The pay is good.",
      "Roe v. Wade was decided.| Smith et al. Disagreed later.",
      "She has a Ph.D. in physics.| He has a Ph.D.| They met.",
      "É. Zola wrote it.| Émile liked it.",
      "born in 1856.[3] He died later.",
      "今日は晴れです。|明日は雨です！|本当？|はい。",
      "「行く。」と言った。|彼は帰った。",
      "他说：“你好。”|然后走了。",
      "यह पहला वाक्य है।| यह दूसरा है।",
      "هل أنت بخير؟| نعم.",
      "no capital letters here. so it stays one.",
      "Trailing spaces.   |   Next.\t| Last.  ",
      "Go to .NET or ...and so on.",
      "1. First item. It is long.",
      ". . .",
      "the wing .| the flow . . . of air ?| it was .| Next",
  };
  for (const std::string row : rows) {
    std::vector<std::string> expected;
    for (const auto part : split(row, '|')) expected.emplace_back(trim(part));
    std::string text = row;
    std::erase(text, '|');
    if (text.starts_with("born")) expected = {"born in 1856.[3]", "He died later."};
    if (text.starts_with("1. First")) expected = {"1. First item.", "It is long."};
    EXPECT_EQ(sentences_of(text), expected) << row;
  }
}

TEST(Sentences, EmptyAndBlankTextsHaveNone) {
  EXPECT_THAT(split_sentences(""), IsEmpty());
  EXPECT_THAT(split_sentences(" \n\t \xC2\xA0\xE3\x80\x80\n\n"), IsEmpty());
}

TEST(Sentences, LinesAndLists) {
  EXPECT_THAT(sentences_of("first paragraph\n\nsecond one\n \t\r\nthird"),
              ElementsAre("first paragraph", "second one", "third"));
  EXPECT_THAT(sentences_of("a line that is\nwrapped goes on."),
              ElementsAre("a line that is\nwrapped goes on."));
  EXPECT_THAT(sentences_of("we need:\n- apples\n- pears and\n  plums\n* figs\n• dates"),
              ElementsAre("we need:", "- apples", "- pears and\n  plums", "* figs", "• dates"));
  EXPECT_THAT(sentences_of("steps are\n1. open it\n2. close it\n10) leave"),
              ElementsAre("steps are", "1. open it", "2. close it", "10) leave"));
  EXPECT_THAT(sentences_of("# Title\nthe text\n## Next\nmore text"),
              ElementsAre("# Title", "the text", "## Next", "more text"));
  EXPECT_THAT(sentences_of("Keynote: How It Works\r\nSpeaker: A. N. Other\r\nRoom: 305\r\n"),
              ElementsAre("Keynote: How It Works", "Speaker: A. N. Other", "Room: 305"));
  EXPECT_THAT(sentences_of("Getting Started With Rage\nInstall it first and\nthen run it."),
              ElementsAre("Getting Started With Rage", "Install it first and\nthen run it."));
  EXPECT_THAT(
      sentences_of("It ends here.\nThe next line begins. It was\nDr.\nSmith who came."),
      ElementsAre("It ends here.", "The next line begins.", "It was\nDr.\nSmith who came."));
}

TEST(Sentences, InvalidBytesAreOrdinaryText) {
  EXPECT_THAT(sentences_of("\xFF one.\xC3 Two. \xE2\x80 Three."),
              ElementsAre("\xFF one.\xC3 Two.", "\xE2\x80 Three."));
}

std::size_t count_words(std::string_view text) {
  std::size_t words = 0;
  bool inside = false;
  for (const char c : text) {
    if (!is_ascii_space(c) && !inside) ++words;
    inside = !is_ascii_space(c);
  }
  return words;
}

std::size_t count_bytes(std::string_view text) {
  return text.size();
}

std::vector<std::string> sentence_chunks(std::string_view text, const ChunkOptions& options,
                                         const TokenCounter& counter = count_words) {
  return texts_of(text, split_into_chunks(text, options, counter));
}

TEST(Chunks, ATextThatFitsIsOne) {
  EXPECT_THAT(sentence_chunks("  One. Two.\n\nThree. \n", {.tokens_max = 3, .tokens_overlap = 1}),
              ElementsAre("One. Two.\n\nThree."));
  EXPECT_THAT(sentence_chunks(" \n\n ", {}), IsEmpty());
  EXPECT_THAT(sentence_chunks("", {}), IsEmpty());
}

TEST(Chunks, PrefersBlankLinesThenSentencesThenPhrasesThenWords) {
  const ChunkOptions options{.tokens_max = 6, .tokens_overlap = 0};
  EXPECT_THAT(sentence_chunks("A b c. D e.\n\nF g. H i.", options),
              ElementsAre("A b c. D e.", "F g. H i."));
  EXPECT_THAT(sentence_chunks("A b c d. E f g h. I j.", options),
              ElementsAre("A b c d.", "E f g h. I j."));
  EXPECT_THAT(sentence_chunks("a b c d, e f g h; i j k", options),
              ElementsAre("a b c d,", "e f g h;", "i j k"));
  EXPECT_THAT(sentence_chunks("a b c d e f g h i", options), ElementsAre("a b c d e f", "g h i"));
}

TEST(Chunks, CutsAWordAtCodePoints) {
  const auto chunks =
      sentence_chunks("αβγδεζηθ", {.tokens_max = 6, .tokens_overlap = 0}, count_bytes);
  EXPECT_THAT(chunks, ElementsAre("αβγ", "δεζ", "ηθ"));
}

TEST(Chunks, RepeatsWholeSentences) {
  EXPECT_THAT(sentence_chunks("A b. C d. E f. G h. I j.", {.tokens_max = 6, .tokens_overlap = 2}),
              ElementsAre("A b. C d. E f.", "E f. G h. I j."));
  // Never the whole chunk before, and never at the price of the next sentence.
  EXPECT_THAT(
      sentence_chunks("A b. C d e f g. H i j k l m.", {.tokens_max = 6, .tokens_overlap = 3}),
      ElementsAre("A b.", "C d e f g.", "H i j k l m."));
}

// A heading that is cut off from its text is found by nobody.
TEST(Chunks, KeepsAHeadingWithItsText) {
  EXPECT_THAT(
      sentence_chunks("# T\n\nA b c d. E f g h. I j.", {.tokens_max = 10, .tokens_overlap = 0}),
      ElementsAre("# T\n\nA b c d. E f g h.", "I j."));
}

TEST(Chunks, AreLinearAndCoverTheText) {
  std::string text;
  for (int i = 0; i < 2000; ++i) {
    text += i % 97 == 0 ? "\n\n" : " ";
    text += i % 13 == 0 ? "End it here. Now" : "some, word";
  }
  text += std::string(20000, 'x');
  std::size_t counted = 0;
  const TokenCounter counter = [&](std::string_view part) {
    counted += part.size();
    return count_code_points(part) / 4 + 1;
  };
  const auto chunks = split_into_chunks(text, {.tokens_max = 40, .tokens_overlap = 8}, counter);
  EXPECT_LT(counted, text.size() * 8);
  std::size_t covered = 0;
  for (const TextSpan chunk : chunks) {
    ASSERT_LE(chunk.begin, chunk.end);
    ASSERT_LE(counter(chunk.of(text)), 40U);
    for (; covered < chunk.begin; ++covered) ASSERT_TRUE(is_ascii_space(text[covered]));
    ASSERT_GT(chunk.end, covered);
    covered = chunk.end;
  }
  EXPECT_EQ(covered, text.size());
}

TEST(Chunks, SurviveSillyOptions) {
  EXPECT_THAT(sentence_chunks("a b", {.tokens_max = 0, .tokens_overlap = 9}),
              ElementsAre("a", "b"));
}

}  // namespace
}  // namespace rage::text
