#include "rag/verify_cut.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rag/grounding_corpus_for_test.h"

namespace rage::rag {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

SentenceReport verify(const std::string& sentence, GroundingMode mode = GroundingMode::kStrict) {
  AnswerPlan plan;
  plan.kind = PlanKind::kAskModel;
  plan.grounding = mode;
  plan.answer = "The composed answer.";
  plan.sources = for_test::retrieved(for_test::talk_chunks());
  const auto verifier = AnswerVerifier::create(plan, for_test::talks());
  (void)verifier->feed(sentence);
  (void)verifier->finish();
  return verifier->report().empty() ? SentenceReport{} : verifier->report().front();
}

// One invented detail must not cost the reader the three that are right.
TEST(VerifyCut, WhatNoSourceSaysIsCutOffAndTheRestIsShown) {
  const struct {
    const char* said;
    const char* kept;
    const char* dropped;
  } kCases[] = {
      {"“Rust on Lighthouses” takes place in Room 14 at 15:45.",
       "“Rust on Lighthouses” takes place in Room 14.", "at 15:45"},
      {"Ruth O'Connell presents “Rust on Lighthouses” in Room 99.",
       "Ruth O'Connell presents “Rust on Lighthouses”.", "in Room 99"},
      {"Rust on Lighthouses starts at 11:00 in Room 14 on Sunday.",
       "Rust on Lighthouses starts at 11:00 in Room 14.", "on Sunday"},
      {"Rust on Lighthouses is in Room 14, and lunch is included.",
       "Rust on Lighthouses is in Room 14.", "and lunch is included"},
      {"Rust on Lighthouses is in Room 14, which is the largest hall of the town.",
       "Rust on Lighthouses is in Room 14.", "which is the largest hall of the town"},
      {"Ruth O'Connell, the inventor of the telephone, presents Rust on Lighthouses.",
       "Ruth O'Connell presents Rust on Lighthouses.", "the inventor of the telephone"},
  };
  for (const auto& one : kCases) {
    const SentenceReport report = verify(one.said);
    EXPECT_EQ(report.verdict, Verdict::kPartly) << one.said << ": " << report.reason;
    EXPECT_EQ(report.sentence, one.kept);
    EXPECT_EQ(report.dropped, one.dropped);
    EXPECT_TRUE(report.shown);
    EXPECT_THAT(report.citations, ElementsAre(6U));
    EXPECT_FALSE(report.reason.empty());
  }
}

// What is wrong in the middle takes the sentence with it, and half a sentence says nothing.
TEST(VerifyCut, NothingElseIsRewritten) {
  for (const char* said :
       {"“Rust on Lighthouses” takes place in Room 99 at 11:00.",
        "Rust on Lighthouses is at 15:45.", "Rust on Lighthouses takes place in Room 99.",
        "Rust on Lighthouses is not in Room 14 at 15:45.",
        "If it rains, Rust on Lighthouses is in Room 99.",
        "Is Rust on Lighthouses in Room 14 at 15:45?", "Ruth O'Connell speaks in Room 99.",
        "Nobody presents Rust on Lighthouses, and lunch is free.",
        "Rust on Lighthouses is no longer in Room 14.",
        "Rust on Lighthouses is the only talk in Room 14 on Sunday.",
        "Mei Tanaka, the keeper, presents Rust on Lighthouses."}) {
    const SentenceReport report = verify(said);
    EXPECT_EQ(report.verdict, Verdict::kUnsupported) << said << " -> " << report.sentence;
    EXPECT_EQ(report.sentence, said);
    EXPECT_THAT(report.dropped, IsEmpty());
  }
}

// With assist the whole sentence stays, marked: nothing is rewritten behind the reader's back.
TEST(VerifyCut, AssistMarksTheWholeSentence) {
  const SentenceReport report =
      verify("“Rust on Lighthouses” takes place in Room 14 at 15:45.", GroundingMode::kAssist);
  EXPECT_EQ(report.verdict, Verdict::kUnsupported);
  EXPECT_TRUE(report.shown);
}

TEST(VerifyCut, NothingIsCutInsideQuotationMarksBracketsAndTitles) {
  const auto cuts = [](const char* text) {
    return possible_cuts(read_sentence(text, for_test::talks()), for_test::talks());
  };
  EXPECT_THAT(cuts("She speaks of “tea, and rain is wet in Room 12”."), IsEmpty());
  EXPECT_THAT(cuts("She speaks of tea (and rain in Room 12)."), IsEmpty());
  EXPECT_THAT(cuts("Ruth O'Connell presents Rust on Lighthouses."), IsEmpty());
  EXPECT_THAT(cuts(""), IsEmpty());
}

}  // namespace
}  // namespace rage::rag
