#include "rag/question_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rag/compose.h"

namespace rage::rag {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

CorpusIndex a_shop() {
  std::vector<Chunk> chunks;
  const auto add = [&](std::string title, std::string category, double price, std::string weight,
                       std::string released, std::string maker) {
    codec::Json metadata = {{"title", title},   {"category", category}, {"price", price},
                            {"weight", weight}, {"released", released}, {"maker", maker}};
    chunks.push_back({title, title + "-0", title + " is for sale.", std::move(metadata)});
  };
  add("Alder Chair", "Chairs", 40, "900 g", "2023-05-01", "Ida Brun");
  add("Birch Chair", "Chairs", 120, "1.5 kg", "2024-10-02", "Ida Brun");
  add("Cedar Chair", "Chairs", 300, "4 kg", "2024-10-30", "Olaf Menk");
  add("Dogwood One", "Desks", 500, "20 kg", "2024-01-01", "Olaf Menk");
  add("Dogwood Two", "Desks", 400, "21 kg", "2025-01-01", "Ida Brun");
  return CorpusIndex(std::move(chunks));
}

const CorpusIndex& shop() {
  static const CorpusIndex corpus = a_shop();
  return corpus;
}

std::string answer(std::string_view question) {
  const Query query = parse_question(question, shop());
  const Evidence none;
  return compose_answer(query, shop(), select_records(query, shop(), none, {}), none).text;
}

std::vector<std::string> titles(std::string_view question) {
  const Query query = parse_question(question, shop());
  std::vector<std::string> out;
  for (const RecordId id : select_records(query, shop(), {}, {}).records)
    out.push_back(shop().records()[id].title);
  return out;
}

TEST(QuestionFields, LearnsWhichFieldsHoldNumbers) {
  for (const FieldSchema& field : shop().schema()) {
    EXPECT_EQ(field.numeric, field.key == "price" || field.key == "weight") << field.key;
    if (field.key == "weight") {
      EXPECT_EQ(field.unit, "g");
    }
  }
}

// A list that ignores a limit shows what the asker cannot use as if it fitted.
TEST(QuestionFields, NumbersLimitLists) {
  EXPECT_THAT(titles("Which chairs cost less than 200 euros?"),
              ElementsAre("Alder Chair", "Birch Chair"));
  EXPECT_THAT(titles("Which chairs weigh over 1 kg?"), ElementsAre("Birch Chair", "Cedar Chair"));
  EXPECT_THAT(titles("Which products cost at least 400?"),
              ElementsAre("Dogwood One", "Dogwood Two"));
  EXPECT_THAT(titles("Which products cost between 100 and 350 euros?"),
              ElementsAre("Birch Chair", "Cedar Chair"));
  EXPECT_THAT(answer("Which chairs cost more than 900 euros?"), HasSubstr("do not list"));
}

TEST(QuestionFields, MonthsAndYearsLimitLists) {
  EXPECT_THAT(titles("Which products were released in October 2024?"),
              ElementsAre("Birch Chair", "Cedar Chair"));
  EXPECT_THAT(titles("Which chairs were released before 2024?"), ElementsAre("Alder Chair"));
  EXPECT_THAT(titles("Which products were released after 2024?"), ElementsAre("Dogwood Two"));
  EXPECT_THAT(answer("Which chairs were released in 2018?"), HasSubstr("2018"));
}

TEST(QuestionFields, SuperlativesAndComparatives) {
  EXPECT_THAT(titles("What is the cheapest chair?"), ElementsAre("Alder Chair"));
  EXPECT_THAT(titles("Which is the most expensive product?"), ElementsAre("Dogwood One"));
  EXPECT_THAT(answer("Which is lighter, the Dogwood One or the Dogwood Two?"),
              HasSubstr("“Dogwood One” has the lowest weight"));
}

// "Dogwood Two" must not be answered with the weight of "Dogwood One".
TEST(QuestionFields, ANumberWordOfATitleTellsTitlesApart) {
  EXPECT_THAT(answer("What does the Dogwood Two weigh?"), HasSubstr("21 kg"));
  EXPECT_THAT(answer("What does the Dogwood Two weigh?"), Not(HasSubstr("20 kg")));
}

// A chair does not take place on a day.
TEST(QuestionFields, ADateIsSaidWithItsName) {
  EXPECT_THAT(answer("When was the Alder Chair released?"), HasSubstr("released: Monday, May 1"));
  EXPECT_THAT(answer("When was the Alder Chair released?"), Not(HasSubstr("takes place")));
}

// "Idan Adams" is somebody else than Ida Brun.
TEST(QuestionFields, AnotherNameIsNoTypingError) {
  EXPECT_THAT(parse_question("Which chairs did Idan Adams make?", shop()).persons, IsEmpty());
}

}  // namespace
}  // namespace rage::rag
