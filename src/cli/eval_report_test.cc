#include "cli/eval_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rage::cli {
namespace {

using codec::Json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

EvalRow a_row(std::string id, bool answerable, Grade grade, double latency_ms = 1) {
  EvalRow row;
  row.question.id = std::move(id);
  row.question.type = answerable ? "single-fact" : "unanswerable";
  row.question.answerable = answerable;
  row.reply.latency_ms = latency_ms;
  row.grade = std::move(grade);
  return row;
}

constexpr bool kAnswerable = true;

std::vector<EvalRow> rows() {
  return {a_row("a", kAnswerable, {.right = true}, 10),
          a_row("b", kAnswerable, {.declined = true}, 20),
          a_row("c", kAnswerable, {.wrong_fact = true}, 30),
          a_row("d", !kAnswerable, {.right = true, .declined = true}, 40),
          // Right, and says that one more thing is not known.
          a_row("e", kAnswerable, {.right = true, .declined = true}, 50)};
}

TEST(Summarize, CountsRightWrongAndDeclined) {
  const EvalReport report = summarize(rows());
  EXPECT_EQ(report.right.part, 3U);
  EXPECT_EQ(report.right.whole, 5U);
  EXPECT_EQ(report.answerable_right.part, 2U);
  EXPECT_EQ(report.answerable_right.whole, 4U);
  EXPECT_EQ(report.wrong_facts.part, 1U);
  EXPECT_EQ(report.answerable_declined.part, 1U);
  EXPECT_EQ(report.refusal_precision.value(), 0.5);
  EXPECT_EQ(report.refusal_recall.value(), 1.0);
  EXPECT_EQ(report.latency_p50_ms, 30);
  EXPECT_EQ(report.latency_p90_ms, 50);
  EXPECT_EQ(report.by_type.at("unanswerable").part, 1U);
  EXPECT_FALSE(report.citation_precision.value());
}

TEST(Percentile, IsTheNearestRank) {
  EXPECT_EQ(percentile({}, 0.5), 0);
  EXPECT_EQ(percentile({7}, 0.9), 7);
  EXPECT_EQ(percentile({4, 1, 3, 2}, 0.5), 2);
  EXPECT_EQ(percentile({4, 1, 3, 2}, 1), 4);
}

// A curve over half of the replies would promise a risk nobody measured.
TEST(RiskCoverage, NeedsTheSufficiencyOfEveryReply) {
  std::vector<EvalRow> all = rows();
  all[0].reply.sufficiency = 0.9;
  EXPECT_THAT(risk_coverage(all), IsEmpty());
}

TEST(RiskCoverage, FallsWithTheThresholdAndKeepsTiesTogether) {
  std::vector<EvalRow> all = rows();
  const double sufficiency[] = {0.9, 0.2, 0.5, 0.9, 0.5};
  for (std::size_t i = 0; i < all.size(); ++i) all[i].reply.sufficiency = sufficiency[i];
  const auto points = risk_coverage(all);
  ASSERT_EQ(points.size(), 3U);
  EXPECT_DOUBLE_EQ(points[0].coverage, 0.4);
  EXPECT_DOUBLE_EQ(points[0].risk, 0);
  EXPECT_DOUBLE_EQ(points[1].coverage, 0.8);
  EXPECT_DOUBLE_EQ(points[1].risk, 0.25);
  EXPECT_DOUBLE_EQ(points[2].coverage, 1);
  EXPECT_DOUBLE_EQ(points[2].risk, 0.4);
}

// Numbers of trec_eval: gains 1 and 2 at ranks 2 and 3, ideal order 2, 1.
TEST(NdcgAt10, IsTrecEvals) {
  const std::map<std::string, double> qrels = {{"b", 1}, {"c", 2}, {"z", 0}};
  EXPECT_NEAR(ndcg_at_10({"a", "b", "c"}, qrels), (0.63093 + 1.0) / 2.63093, 1e-4);
  EXPECT_DOUBLE_EQ(ndcg_at_10({"c", "b"}, qrels), 1.0);
  EXPECT_DOUBLE_EQ(ndcg_at_10({}, qrels), 0.0);
  EXPECT_DOUBLE_EQ(ndcg_at_10({"a"}, {{"a", 0}}), 0.0);
  std::vector<std::string> deep(10, "x");
  deep.emplace_back("c");
  EXPECT_DOUBLE_EQ(ndcg_at_10(deep, qrels), 0.0);
}

TEST(Summarize, MeansNdcgOverQuestionsThatHaveOne) {
  std::vector<EvalRow> some = rows();
  EXPECT_EQ(summarize(some).ndcg10, std::nullopt);
  some[0].ndcg10 = 1;
  some[1].ndcg10 = 0.5;
  EXPECT_DOUBLE_EQ(*summarize(some).ndcg10, 0.75);
  EXPECT_THAT(render_eval_table(summarize(some), some), HasSubstr("0.7500"));
}

TEST(RenderEvalTable, ShowsFiguresAndWhatIsNotRight) {
  auto all = rows();
  all[2].question.question = "Which room?";
  all[2].grade.why = "lacks “106”";
  const std::string table = render_eval_table(summarize(all), all);
  EXPECT_THAT(table, HasSubstr("60.0 %  3 of 5"));
  EXPECT_THAT(table, HasSubstr("c WRONG Which room?: lacks “106”"));
}

Json report_of(const std::vector<EvalRow>& all) {
  return eval_json(summarize(all), all);
}

// What a gate must not let through: one more wrong fact.
TEST(CompareEvals, OneMoreWrongFactIsARegression) {
  auto all = rows();
  const Json before = report_of(all);
  all[1].grade = {.wrong_fact = true};
  const auto comparison = compare_evals(before, report_of(all), 0);
  ASSERT_TRUE(comparison) << comparison.error().message;
  EXPECT_TRUE(comparison->regression);
  EXPECT_THAT(render_comparison(*comparison), HasSubstr("20.0 % ->   40.0 %  WORSE"));
}

TEST(CompareEvals, NamesWhatWasFixedAndBroken) {
  auto all = rows();
  const Json before = report_of(all);
  all[0].grade = {.declined = true};
  all[1].grade = {.right = true};
  const auto comparison = compare_evals(before, report_of(all), 0);
  ASSERT_TRUE(comparison);
  EXPECT_FALSE(comparison->regression);
  EXPECT_THAT(comparison->fixed, ElementsAre("b"));
  EXPECT_THAT(comparison->broken, ElementsAre("a"));
}

TEST(CompareEvals, TheToleranceIsAShare) {
  auto all = rows();
  const Json before = report_of(all);
  all[0].grade = {.declined = true};  // Right: 60 % to 40 %.
  EXPECT_TRUE(compare_evals(before, report_of(all), 0.1)->regression);
  EXPECT_FALSE(compare_evals(before, report_of(all), 0.26)->regression);
}

// Comparing with another question set would let anything pass.
TEST(CompareEvals, RefusesWhatIsNoReportOrOfOtherQuestions) {
  const Json now = report_of(rows());
  EXPECT_FALSE(compare_evals(Json::object(), now, 0));
  auto fewer = rows();
  fewer.pop_back();
  const auto comparison = compare_evals(report_of(fewer), now, 0);
  ASSERT_FALSE(comparison);
  EXPECT_THAT(comparison.error().message, HasSubstr("different questions"));
}

}  // namespace
}  // namespace rage::cli
