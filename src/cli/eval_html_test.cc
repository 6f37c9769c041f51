#include "cli/eval_html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rage::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

EvalRow an_answered_row(std::string id, std::string answer, Grade grade) {
  EvalRow row;
  row.question = {.id = std::move(id), .question = "Which room?", .type = "single-fact"};
  row.reply.answer = std::move(answer);
  row.grade = std::move(grade);
  return row;
}

std::string page_of(const std::vector<EvalRow>& rows) {
  return render_eval_page(summarize(rows), rows, {.index = "i", .questions_file = "q.jsonl"});
}

// Whoever opens a report must not run what a document or a model says.
TEST(EvalPage, WhatRepliesAndSourcesSayIsText) {
  EvalRow row =
      an_answered_row("a", "<script>alert(1)</script>", {.wrong_fact = true, .why = "a & b"});
  row.reply.sources = {{.number = 1, .title = "<img src=x>", .url = "javascript:alert(1)"},
                       {.number = 2, .title = "T", .url = "https://e/\"onclick=\"x"}};
  row.reply.sentences = {{.text = "<b>", .supported = false, .reason = "<i>"}};
  row.reply.candidates = {{.title = "<b>", .url = "data:x", .used = false, .why = "<b>far</b>"}};
  row.reply.constraints = {"<b>day</b>"};
  row.reply.prompt = "<b>You answer";
  const std::string page = page_of({row});
  EXPECT_THAT(page, HasSubstr("&lt;b&gt;far"));
  EXPECT_THAT(page, HasSubstr("&lt;b&gt;You answer"));
  EXPECT_THAT(page, AllOf(Not(HasSubstr("<script")), Not(HasSubstr("<img")), Not(HasSubstr("<b>")),
                          Not(HasSubstr("href=\"javascript")), Not(HasSubstr("\"onclick"))));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;"));
  EXPECT_THAT(page, HasSubstr("Why: a &amp; b"));
}

TEST(EvalPage, LoadsNothing) {
  EXPECT_THAT(
      page_of({an_answered_row("a", "106", {.right = true})}),
      AllOf(HasSubstr("default-src 'none'"), Not(HasSubstr("<link")), Not(HasSubstr(" src="))));
}

TEST(EvalPage, WrongFactsComeFirst) {
  const std::string page = page_of({an_answered_row("fine", "106", {.right = true}),
                                    an_answered_row("no", "-", {.declined = true}),
                                    an_answered_row("bad", "107", {.wrong_fact = true})});
  EXPECT_LT(page.find("<small>bad"), page.find("<small>no"));
  EXPECT_LT(page.find("<small>no"), page.find("<small>fine"));
}

TEST(EvalPage, ACurveNeedsSufficiency) {
  EvalRow row = an_answered_row("a", "106", {.right = true});
  EXPECT_THAT(page_of({row}), Not(HasSubstr("<svg")));
  row.reply.sufficiency = 0.5;
  EXPECT_THAT(page_of({row}), HasSubstr("<polyline"));
}

}  // namespace
}  // namespace rage::cli
