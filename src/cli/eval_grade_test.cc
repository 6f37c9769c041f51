#include "cli/eval_grade.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rage::cli {
namespace {

using codec::Json;
using testing::HasSubstr;
using testing::IsEmpty;

EvalQuestion a_question(std::string type = "single-fact") {
  return {.id = "q", .question = "Which room?", .type = std::move(type), .must_include = {"106"}};
}

EvalQuestion an_unanswerable_question() {
  return {.id = "q", .question = "Who?", .type = "unanswerable", .answerable = false};
}

EvalReply a_reply(std::string answer) {
  return {.answer = std::move(answer)};
}

// A gate that accepts a wrong answer, or refuses a right one, is worse than none.
TEST(GradeReply, RightNeedsEveryTermAndOneOfEachGroup) {
  EvalQuestion question = a_question();
  question.must_include = {"Comer", "106"};
  question.any_of = {{"14:30", "2:30"}, {"Friday"}};
  EXPECT_TRUE(grade_reply(question, a_reply("comer, room 106, FRIDAY at 2:30 pm")).right);
  const Grade grade = grade_reply(question, a_reply("Comer, room 106, Friday at 3 pm"));
  EXPECT_FALSE(grade.right);
  EXPECT_TRUE(grade.wrong_fact);
  EXPECT_THAT(grade.why, HasSubstr("14:30"));
}

TEST(GradeReply, TypographyMakesNoDifference) {
  EvalQuestion question = a_question();
  question.must_include = {"Shopify's row-level"};
  EXPECT_TRUE(grade_reply(question, a_reply("SHOPIFY\u2019S\n row\u2011level")).right);
}

TEST(GradeReply, ForbiddenTermIsAWrongFactEvenBesideTheRightOne) {
  EvalQuestion question = a_question();
  question.must_not_include = {"Ballroom"};
  const Grade grade = grade_reply(question, a_reply("Room 106 or Ballroom A."));
  EXPECT_FALSE(grade.right);
  EXPECT_TRUE(grade.wrong_fact);
  EXPECT_THAT(grade.why, HasSubstr("Ballroom"));
}

TEST(GradeReply, DecliningAnAnswerableQuestionIsNotRightButShowsNothingWrong) {
  const Grade grade = grade_reply(a_question(), a_reply("The documents do not say where it is."));
  EXPECT_FALSE(grade.right);
  EXPECT_TRUE(grade.declined);
  EXPECT_FALSE(grade.wrong_fact);
}

TEST(GradeReply, AnUnanswerableQuestionMustBeDeclined) {
  EXPECT_TRUE(grade_reply(an_unanswerable_question(), a_reply("They do not mention “X”.")).right);
  const Grade grade = grade_reply(an_unanswerable_question(), a_reply("It is X."));
  EXPECT_FALSE(grade.right);
  EXPECT_TRUE(grade.wrong_fact);
}

TEST(GradeReply, ALongReplyIsNoAnswerToAQuestionForOneFact) {
  const std::string text = "106 " + std::string(kShortReplyMax, 'x');
  EXPECT_FALSE(grade_reply(a_question(), a_reply(text)).right);
  EXPECT_FALSE(grade_reply(a_question(), a_reply(text)).wrong_fact);
  EXPECT_TRUE(grade_reply(a_question("by-topic"), a_reply(text)).right);
}

TEST(GradeReply, ARefusedRequestIsNeitherRightNorWrong) {
  const Grade grade = grade_reply(an_unanswerable_question(), {.error = "answered 400"});
  EXPECT_FALSE(grade.right);
  EXPECT_FALSE(grade.wrong_fact);
  EXPECT_EQ(grade.why, "answered 400");
}

// Counting an answer as a refusal hides a wrong fact.
TEST(SaysNo, KnowsRefusalsFromAnswers) {
  for (const char* text : {"The indexed documents do not answer this question.",
                           "It does not say when.", "There is no session on that.",
                           "That was not announced.", "I don\u2019t know.", "Nothing about it."}) {
    EXPECT_TRUE(says_no(text)) << text;
  }
  for (const char* text :
       {"It takes place in Room 106.", "Do not miss it: 10:30.", "Notes are in the room.", ""}) {
    EXPECT_FALSE(says_no(text)) << text;
  }
}

TEST(ParseEvalQuestions, ReadsAllFieldsAndSkipsEmptyLines) {
  const auto questions = parse_eval_questions(
      "\n{\"id\":\"a\",\"question\":\"Where?\",\"type\":\"typo\",\"answerable\":true,"
      "\"must_include\":[\"x\"],\"any_of\":[[\"y\",\"z\"]],\"expected_urls\":[\"https://e/1\"],"
      "\"history\":[{\"role\":\"user\",\"content\":\"Hi\"}]}\n\n");
  ASSERT_TRUE(questions) << questions.error().message;
  ASSERT_EQ(questions->size(), 1U);
  EXPECT_EQ((*questions)[0].any_of[0][1], "z");
  EXPECT_EQ((*questions)[0].history.size(), 1U);
}

// A question that is silently dropped makes the figures look better than they are.
TEST(ParseEvalQuestions, NamesTheLineAndTheFieldThatIsWrong) {
  const std::string good = R"({"id":"a","question":"Q","answerable":true})";
  const std::pair<std::string, std::string> cases[] = {
      {good + "\n{", "line 2"},
      {good + "\n" + good, "used before"},
      {R"({"id":"a","question":"Q"})", "answerable"},
      {R"({"id":"a","question":"Q","answerable":true,"must_include":"x"})", "must_include"},
      {R"({"id":"a","question":"Q","answerable":true,"any_of":["x"]})", "any_of"},
      {R"({"id":"a","question":"Q","answerable":true,"history":[1]})", "history"},
      {R"({"question":"Q","answerable":true})", "'id'"},
      {"[]", "'id'"},
      {"\n\n", "no question"},
  };
  for (const auto& [text, part] : cases) {
    const auto questions = parse_eval_questions(text);
    ASSERT_FALSE(questions) << text;
    EXPECT_THAT(questions.error().message, HasSubstr(part)) << text;
  }
}

Json a_completion() {
  return *codec::parse_json(
      R"({"choices":[{"message":{"content":"A [1]."}}],
          "source_nodes":[{"score":0.5,"metadata":{"title":"T","url":"https://e/1"}},
                          {"score":0.9,"metadata":{"title":"U","url":"https://e/2"}}],
          "grounding":{"mode":"model","question":"A?","sufficiency":0.75,
            "citations":[{"number":1,"title":"T","url":"https://e/1"},{"number":-1}],
            "sentences":[{"text":"B.","verdict":"unsupported","reason":"no B"}]}})");
}

TEST(ReadEvalReply, TakesCitationsScoresVerdictsAndSufficiency) {
  const EvalReply reply = read_eval_reply(a_completion());
  EXPECT_EQ(reply.answer, "A [1].");
  ASSERT_EQ(reply.sources.size(), 2U);
  EXPECT_EQ(reply.sources[0].number, 1U);
  EXPECT_EQ(reply.sources[1].number, 0U);
  EXPECT_EQ(reply.sufficiency, 0.75);
  ASSERT_EQ(reply.sentences.size(), 1U);
  EXPECT_FALSE(reply.sentences[0].supported);
}

TEST(ReadEvalReply, APlainCompletionHasAnAnswerAndNothingElse) {
  const EvalReply reply = read_eval_reply(
      *codec::parse_json(R"({"choices":[{"message":{"content":"A"}}],"grounding":[]})"));
  EXPECT_EQ(reply.answer, "A");
  EXPECT_THAT(reply.sources, IsEmpty());
  EXPECT_FALSE(reply.sufficiency);
  EXPECT_EQ(read_eval_reply(Json(nullptr)).answer, "");
}

TEST(ParseEvalQuestions, ReadsQrelsAndRefusesBadOnes) {
  const auto questions = parse_eval_questions(
      R"({"id":"a","question":"q","answerable":true,"qrels":{"https://e/1":2}})");
  ASSERT_TRUE(questions);
  EXPECT_EQ(questions->at(0).qrels.at("https://e/1"), 2);
  for (const char* bad : {"[1]", R"({"u":-1})", R"({"u":"much"})", R"({"u":1e9})"}) {
    const std::string line =
        std::string(R"({"id":"a","question":"q","answerable":true,"qrels":)") + bad + "}";
    EXPECT_FALSE(parse_eval_questions(line)) << bad;
  }
}

// A service of another version, or no service of ours: the report has less, and does not fail.
TEST(ReadEvalTrace, TakesCandidatesPromptAndConstraints) {
  EvalReply reply;
  read_eval_trace(*codec::parse_json(R"({"finding":"records","constraints":["day: friday",5],
    "candidates":[{"title":"T","url":"u","score":0.5,"dense_score":0.4,"used":true,"why":"used"},7],
    "prompt":[{"role":"user","content":"hello"}],"features":{"nearest":0.5}})"),
                  reply);
  EXPECT_EQ(reply.finding, "records");
  ASSERT_EQ(reply.constraints.size(), 1U);
  ASSERT_EQ(reply.candidates.size(), 2U);
  EXPECT_TRUE(reply.candidates[0].used);
  EXPECT_EQ(reply.candidates[0].dense, 0.4);
  EXPECT_EQ(reply.candidates[0].sparse, std::nullopt);
  EXPECT_EQ(reply.prompt, "[user]\nhello\n\n");
  EvalReply empty;
  for (const char* text : {"null", "[]", R"({"candidates":{},"prompt":3,"constraints":"x"})"})
    read_eval_trace(*codec::parse_json(text), empty);
  EXPECT_TRUE(empty.candidates.empty());
}

TEST(CountCitations, CountsCitedAddressesOfAnswerableQuestions) {
  EvalQuestion question = a_question();
  question.expected_urls = {"https://e/1", "https://e/3"};
  const EvalReply reply = read_eval_reply(a_completion());
  const CitationCounts counts = count_citations(question, reply);
  EXPECT_EQ(counts.cited, 1U);
  EXPECT_EQ(counts.expected, 2U);
  EXPECT_EQ(counts.both, 1U);
  question.answerable = false;
  EXPECT_EQ(count_citations(question, reply).cited, 0U);
}

}  // namespace
}  // namespace rage::cli
