#include "rag/question.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rag/grounding_corpus_for_test.h"

namespace rage::rag {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Query parse(std::string_view text) {
  return parse_question(text, for_test::talks());
}

std::vector<std::string> values(const std::vector<std::uint32_t>& facets) {
  std::vector<std::string> out;
  for (const std::uint32_t id : facets) out.push_back(for_test::talks().facets()[id].value);
  return out;
}

TEST(Question, ReadsConstraints) {
  const Query query = parse("Which Data talks start on Thursday at 10:30 in Room 12?");
  EXPECT_TRUE(query.list);
  EXPECT_THAT(query.weekdays, ElementsAre("thursday"));
  ASSERT_EQ(query.times.size(), 1U);
  EXPECT_EQ(query.times[0].relation, TimeRelation::kStarts);
  EXPECT_EQ(query.times[0].minutes, 630);
  EXPECT_THAT(values(query.places), ElementsAre("Room 12"));
  ASSERT_EQ(query.categories.size(), 1U);
  EXPECT_TRUE(query.categories[0].hard);
  EXPECT_THAT(query.content, IsEmpty());
}

TEST(Question, ReadsWhatIsAsked) {
  EXPECT_TRUE(parse("Who presents Rust on Lighthouses?").asks(kAskedWho));
  EXPECT_TRUE(parse("In which room is it?").asks(kAskedWhere));
  EXPECT_TRUE(parse("At what time does Rust on Lighthouses end?").asks(kAskedEnd));
  EXPECT_TRUE(parse("How long is Rust on Lighthouses?").asks(kAskedDuration));
  EXPECT_TRUE(parse("What audience is it meant for?").asks(kAskedCategory));
  EXPECT_TRUE(parse("What is the speaker's shoe size?").asks(kAskedAttribute));
  EXPECT_TRUE(parse("How many Data sessions are there?").count);
  EXPECT_EQ(parse("Do Rust on Lighthouses and Queues for Beginners overlap?").comparison,
            Comparison::kOverlap);
}

// "Can you provide ...?" asks for nothing that a source would have to say.
TEST(Question, WordsOfAskingAreNotSearchedFor) {
  EXPECT_THAT(parse("Can you provide the room of Rust on Lighthouses?").content, IsEmpty());
}

// "How much deposit" asks for an amount of that, not for what a ticket costs.
TEST(Question, HowMuchOfSomethingAsksForThat) {
  const Query deposit = parse("How much deposit does the brokers lab take?");
  EXPECT_TRUE(deposit.wants_number);
  EXPECT_FALSE(deposit.wants_money);
  ASSERT_EQ(deposit.attribute.size(), 1U);
  EXPECT_EQ(deposit.tokens[deposit.attribute[0]].folded, "deposit");
  EXPECT_TRUE(parse("How much is the brokers lab?").wants_money);
  EXPECT_TRUE(parse("How much money does it cost?").wants_money);
}

// Two talks called "Larkspur": words of the second one's longer title must not leave only the
// first.
TEST(Question, ASharedMainTitleMeansBoth) {
  auto rows = for_test::talk_rows();
  rows.resize(2);
  rows[0].title = "Larkspur: A Path to Logs";
  rows[1].title = "Larkspur: The Friendly Neighbourhood Vector Database of Yours";
  const CorpusIndex corpus({for_test::chunk_of(rows[0], 0), for_test::chunk_of(rows[1], 1)});
  const Query query = parse_question("Who speaks about the Larkspur vector database?", corpus);
  ASSERT_EQ(query.titles.size(), 1U);
  EXPECT_THAT(query.titles[0].records, ::testing::UnorderedElementsAre(0U, 1U));
}

TEST(Question, FindsPeopleByPartsOfTheirNames) {
  EXPECT_THAT(values(parse("What does Tanaka present?").persons), ElementsAre("Mei Tanaka"));
  EXPECT_THAT(values(parse("what does mei tanaka present").persons), ElementsAre("Mei Tanaka"));
  EXPECT_THAT(values(parse("Where is O’Connell?").persons), ElementsAre("Ruth O'Connell"));
  EXPECT_THAT(values(parse("sessions by pavel kral").persons), ElementsAre("Pavel Král"));
}

// "Mei Hagander" is not Mei Tanaka.
TEST(Question, AStrangeSurnameIsAnotherPerson) {
  const Query query = parse("When does Mei Hagander speak?");
  EXPECT_THAT(query.persons, IsEmpty());
  EXPECT_THAT(query.absent, ElementsAre("Mei Hagander"));
}

TEST(Question, NamesWhatTheCorpusDoesNotHave) {
  EXPECT_THAT(parse("Who speaks in Room 305?").absent, ElementsAre("Room 305"));
  EXPECT_THAT(parse("What is on Wednesday?").absent, ElementsAre("Wednesday"));
  EXPECT_THAT(parse("What is scheduled on March 9?").absent, ElementsAre("March 9"));
  EXPECT_THAT(parse("Which talks cover FreeBSD?").absent, ElementsAre("FreeBSD"));
  EXPECT_THAT(parse("Who gave the keynote in 2024?").absent, ElementsAre("2024"));
  EXPECT_THAT(parse("Who gives the keynote on Thursday?").absent, IsEmpty());
}

// Who asks for jenkins must not be answered with another pipeline, because it was not written
// Jenkins. A question in another language is all words that English does not have.
TEST(Question, ANameNeedsNoCapital) {
  EXPECT_THAT(parse("who covers message queues with jenkins pipelines?").absent,
              ElementsAre("jenkins"));
  EXPECT_THAT(parse("when does linus torvalds speak about queues").absent,
              ElementsAre("linus torvalds"));
  EXPECT_THAT(parse("where is the rsut talk and the wod stove").absent, IsEmpty());  // Mistyped.
  EXPECT_THAT(parse("Is there a talk on rebooting webservers during sandstorms?").absent,
              IsEmpty());
  EXPECT_THAT(parse("welcher vortrag handelt von leuchtfeuern und seefahrt?").absent, IsEmpty());
}

TEST(Question, CorrectsTypingErrorsTowardsTheCorpus) {
  const Query query = parse("whos speking about lihgthouses");
  EXPECT_TRUE(query.asks(kAskedWho));
  ASSERT_EQ(query.content.size(), 1U);
  EXPECT_EQ(query.tokens[query.content[0]].folded, "lighthouses");
  EXPECT_EQ(parse("when is the opne beacon talk").titles.size(), 1U);
}

// "parking" is a word of its own, however near a word of the corpus may be.
TEST(Question, LeavesEverydayWordsAlone) {
  const Query query = parse("Where is the parking?");
  ASSERT_EQ(query.content.size(), 1U);
  EXPECT_EQ(query.tokens[query.content[0]].folded, "parking");
  const Query ratio = parse("Who explains the ratio?");  // Not "radio".
  ASSERT_EQ(ratio.content.size(), 1U);
  EXPECT_EQ(ratio.tokens[ratio.content[0]].folded, "ratio");
}

TEST(Question, ReadsNoConstraintsInsideATitle) {
  const Query query = parse("Who presents “Queues for Beginners”?");
  ASSERT_EQ(query.titles.size(), 1U);
  EXPECT_THAT(query.categories, IsEmpty());
}

TEST(Question, IsCutToItsLimit) {
  const std::string text(20000, 'x');
  EXPECT_EQ(parse(text).text.size(), kQuestionCodePointsMax);
}

}  // namespace
}  // namespace rage::rag
