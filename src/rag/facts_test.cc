#include "rag/facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rage::rag {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> normals(std::string_view text) {
  std::vector<std::string> out;
  for (const Fact& fact : extract_facts(text, tokenize(text))) out.push_back(fact.normal);
  return out;
}

struct Row {
  const char* text;
  const char* normal;
};

// A verifier that does not know 2 PM from 14:00 drops true sentences or passes false ones.
TEST(Facts, TimesHaveOneNormalForm) {
  for (const Row& row :
       {Row{"at 14:30", "14:30"}, Row{"2:30 PM", "14:30"}, Row{"2.30pm", "14:30"},
        Row{"2:30 p.m.", "14:30"}, Row{"2 PM", "14:00"}, Row{"2pm", "14:00"}, Row{"noon", "12:00"},
        Row{"midnight", "00:00"}, Row{"12 a.m.", "00:00"}, Row{"14h30", "14:30"},
        Row{"half past two", "14:30"}, Row{"quarter past eleven", "11:15"},
        Row{"quarter to three", "14:45"}, Row{"9 o'clock", "09:00"}, Row{"09:05:00", "09:05"}}) {
    EXPECT_THAT(normals(row.text), ElementsAre(row.normal)) << row.text;
  }
  EXPECT_THAT(normals("2.30"), ElementsAre("2.30"));  // A number.
}

TEST(Facts, DatesHaveOneNormalForm) {
  for (const Row& row :
       {Row{"March 5, 2026", "2026-03-05"}, Row{"5 March 2026", "2026-03-05"},
        Row{"5th of March 2026", "2026-03-05"}, Row{"Mar 5th", "*-03-05"},
        Row{"2026-03-05", "2026-03-05"}, Row{"03/05/2026", "2026-03-05"},
        Row{"25/03/2026", "2026-03-25"}, Row{"Thursdays", "thursday"}, Row{"Sat", "saturday"}}) {
    EXPECT_THAT(normals(row.text), ElementsAre(row.normal)) << row.text;
  }
  EXPECT_THAT(normals("2026-03-07T12:30:00-08:00"), ElementsAre("2026-03-07", "12:30"));
  EXPECT_THAT(normals("13/13/2026 and February 30"),
              ::testing::Not(::testing::Contains("2026-13-13")));
  EXPECT_THAT(normals("he sat in the sun"), IsEmpty());
}

TEST(Facts, QuantitiesHaveOneNormalForm) {
  for (const Row& row :
       {Row{"twenty-four", "24"}, Row{"24", "24"}, Row{"four hundred", "400"}, Row{"1,400", "1400"},
        Row{"nine thousand", "9000"}, Row{"$60", "usd 60"}, Row{"sixty dollars", "usd 60"},
        Row{"98%", "98%"}, Row{"ninety-eight percent", "98%"}, Row{"v1.2.3", "1.2.3"},
        Row{"2.5", "2.5"}, Row{"23x", "23x"}}) {
    EXPECT_THAT(normals(row.text), ElementsAre(row.normal)) << row.text;
  }
  EXPECT_THAT(normals("one of them"), IsEmpty());
}

TEST(Facts, AddressesLoseTheirPunctuation) {
  EXPECT_THAT(normals("see (https://Example.org/a/b)."), ElementsAre("https://example.org/a/b"));
  EXPECT_THAT(normals("write to Jo.Doe@example.org!"), ElementsAre("jo.doe@example.org"));
}

TEST(Facts, NamesKeepInitialsHyphensAndParticles) {
  const auto name = [](std::string_view text) {
    const auto tokens = tokenize(text);
    const auto spans = extract_names(text, tokens);
    if (spans.empty()) return std::string();
    const std::size_t begin = tokens[spans.back().token_begin].begin;
    return std::string(text.substr(begin, tokens[spans.back().token_end - 1].end - begin));
  };
  EXPECT_EQ(name("a talk by J. R. Hartley today"), "J. R. Hartley");
  EXPECT_EQ(name("given by Ozias Pemberton-Vu"), "Ozias Pemberton-Vu");
  EXPECT_EQ(name("written by Ludwig van Beethoven."), "Ludwig van Beethoven");
}

TEST(Facts, WholeValuesOnlyAreDatesAndTimes) {
  EXPECT_EQ(parse_date("03/05/2026"), (Date{2026, 3, 5}));
  EXPECT_EQ(parse_time("2026-03-08T10:00:00-07:00"), 600);
  EXPECT_EQ(parse_date("The fire of March 5, 2026 destroyed the workshop"), std::nullopt);
  EXPECT_EQ(parse_date(""), std::nullopt);
  EXPECT_EQ(weekday_name({2026, 3, 5}), "Thursday");
  EXPECT_EQ(render_date({2026, 3, 5}), "Thursday, March 5, 2026");
}

}  // namespace
}  // namespace rage::rag
