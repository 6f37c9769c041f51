// The graded questions of examples/scale23x and tests/golden, answered without a model and without
// dense scores, so that the test needs no embedder. With all-MiniLM-L6-v2 more paraphrases are
// right.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "base/strings.h"
#include "rag/corpus.h"
#include "rag/grounding.h"
#include "rag/grounding_tokens.h"
#include "test_paths.h"

namespace rage::rag {
namespace {

using codec::Json;

constexpr std::size_t kAnswerCharactersMax = 900;

std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

std::vector<Json> read_lines(const std::filesystem::path& path) {
  std::vector<Json> rows;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    if (auto row = codec::parse_json(line)) rows.push_back(std::move(*row));
  }
  return rows;
}

std::filesystem::path source(const char* path) {
  return test::source_dir() / path;
}

const CorpusIndex& schedule() {
  static const CorpusIndex corpus = [] {
    const auto index =
        codec::parse_json(read_text(source("examples/scale23x/schedule_index.json")));
    std::vector<Chunk> chunks;
    for (const Json& document : (*index)["documents"]) {
      const std::string id = "doc-" + std::to_string(chunks.size());
      chunks.push_back(
          {id, id + "-0", codec::string_or(document, "text", ""), document["metadata"]});
    }
    return CorpusIndex(std::move(chunks));
  }();
  return corpus;
}

struct Grade {
  std::size_t questions = 0;
  std::size_t right = 0;
  std::size_t wrong = 0;     // A wrong fact shown, or an answer where there is none.
  std::size_t declined = 0;  // Though there is an answer.
};

bool has_any(const std::string& answer, const Json& strings) {
  for (const Json& text : strings) {
    if (answer.find(fold_word(text.get<std::string>())) != std::string::npos) return true;
  }
  return false;
}

void grade(const Json& row, Grade& total) {
  std::vector<ChatTurn> turns;
  if (const Json* history = codec::find_key(row, "history")) {
    for (const Json& turn : *history)
      turns.push_back({codec::string_or(turn, "role", ""), codec::string_or(turn, "content", "")});
  }
  turns.push_back({"user", codec::string_or(row, "question", "")});
  const AnswerPlan plan =
      plan_answer(turns, {}, schedule(), GroundingOptions{.mode = AnswerMode::kExtractive});
  const std::string answer = fold_word(plan.answer);
  const bool answerable = row["answerable"].get<bool>();
  const bool declined = plan.kind == PlanKind::kAbstain;
  bool right = answerable != declined;
  for (const Json& text : row["must_include"])
    right = right && has_any(answer, Json::array({text}));
  if (const Json* groups = codec::find_key(row, "any_of")) {
    for (const Json& group : *groups) right = right && has_any(answer, group);
  }
  const bool shown = has_any(answer, row["must_not_include"]);
  const std::string type = codec::string_or(row, "type", "");
  const bool brief = type == "single-fact" || type == "paraphrase" || type == "typo" ||
                     type == "follow-up" || type == "unanswerable";
  if (brief && plan.answer.size() > kAnswerCharactersMax) right = false;
  right = right && !shown;
  const bool wrong = shown || (!declined && !right);
  total.questions += 1;
  total.right += right ? 1 : 0;
  total.wrong += wrong ? 1 : 0;
  total.declined += answerable && declined ? 1 : 0;
  if (wrong)
    ADD_FAILURE() << codec::string_or(row, "id", "") << ' ' << codec::string_or(row, "question", "")
                  << "\n  " << plan.answer;
}

Grade grade_file(const char* path) {
  Grade total;
  for (const Json& row : read_lines(source(path))) grade(row, total);
  return total;
}

// A wrong fact about the schedule is what the product promises not to show.
TEST(GroundingEval, TheScheduleQuestionsShowNoWrongFact) {
  const Grade grade = grade_file("examples/scale23x/questions-dev.jsonl");
  EXPECT_EQ(grade.questions, 60U);
  EXPECT_EQ(grade.wrong, 0U);
  EXPECT_GE(grade.right, 53U);
}

// Whoever asks about zorblax must not get an answer about everything but zorblax.
TEST(GroundingEval, ANameThatTheScheduleDoesNotHaveIsNeverPassedOver) {
  for (const Json& row : read_lines(source("examples/scale23x/questions-dev.jsonl"))) {
    std::string question = codec::string_or(row, "question", "");
    question.insert(question.find_last_not_of("?.! ") + 1, " with zorblax");
    const AnswerPlan plan = plan_answer({{"user", question}}, {}, schedule(),
                                        GroundingOptions{.mode = AnswerMode::kExtractive});
    EXPECT_EQ(plan.kind, PlanKind::kAbstain) << question << "\n  " << plan.answer;
  }
}

TEST(GroundingEval, TheRegressionQuestionsShowNoWrongFact) {
  const Grade grade = grade_file("tests/golden/grounding_questions.jsonl");
  EXPECT_GE(grade.questions, 150U);
  EXPECT_EQ(grade.wrong, 0U);
  EXPECT_GE(grade.right * 100, grade.questions * 82);
}

}  // namespace
}  // namespace rage::rag
