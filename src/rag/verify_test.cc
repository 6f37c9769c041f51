#include "rag/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rag/grounding_corpus_for_test.h"

namespace rage::rag {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

AnswerPlan talk_plan() {
  AnswerPlan plan;
  plan.kind = PlanKind::kAskModel;
  plan.answer = "The composed answer. [1]";
  plan.citations = {{.number = 1, .doc_id = "talk-0", .title = "", .url = ""}};
  plan.sources = for_test::retrieved(for_test::talk_chunks());
  return plan;
}

struct Shown {
  std::string text;
  std::vector<SentenceReport> report;
  bool fell_back = false;
};

Shown run(std::string_view answer, std::size_t part = 7) {
  const auto verifier = AnswerVerifier::create(talk_plan(), for_test::talks());
  Shown out;
  for (std::size_t at = 0; at < answer.size(); at += part)
    out.text += verifier->feed(answer.substr(at, part));
  out.text += verifier->finish();
  out.report = verifier->report();
  out.fell_back = verifier->fell_back();
  return out;
}

TEST(Verify, TrueSentencesPassWithOurCitation) {
  for (const char* sentence :
       {"“Rust on Lighthouses” is presented by Ruth O'Connell.",
        "Rust on Lighthouses takes place in Room 14 on Friday from 11:00 to 12:00.",
        "Rust on Lighthouses starts at 11 AM on March 6.",
        "Queues for Beginners has sixteen seats.", "Queues for Beginners has 16 seats.",
        "The slowest broker lost forty messages in a week.",
        "OpenBeacon: Light for Sensors does not need a gateway.",
        "Mei Tanaka speaks about Queues for Beginners."}) {
    EXPECT_FALSE(run(sentence).fell_back) << sentence << " " << run(sentence).report.at(0).reason;
  }
  EXPECT_THAT(run("Rust on Lighthouses is in Room 14 [9].").text, HasSubstr("[6]"));
  EXPECT_THAT(run("Rust on Lighthouses is in Room 14 [9].").text, Not(HasSubstr("[9]")));
}

// The embedded model said these when asked about one session; true or not, they are no answer.
TEST(Verify, SentencesThatSayNothingAreDropped) {
  for (const char* sentence :
       {"There is a reason for everything.", "I'm here for the end of the year.", "## Introduction",
        "The broker, the broker of the broker and the broker of the week, the week of the broker "
        "and "
        "the broker of the week, the broker and the week of the broker."}) {
    EXPECT_TRUE(run(sentence).fell_back) << sentence << ": " << run(sentence).text;
  }
}

// Each of these is one swap away from the truth; any of them shown would be the wrong answer we
// promise not to give.
TEST(Verify, FalseSentencesAreDropped) {
  for (const char* sentence :
       {"Rust on Lighthouses takes place in Room 12.",
        "Rust on Lighthouses is presented by Mei Tanaka.", "Rust on Lighthouses starts at 12:00.",
        "Rust on Lighthouses ends at 11:00.", "Rust on Lighthouses is on Thursday.",
        "Rust on Lighthouses is on March 5.", "Rust on Lighthouses takes place in Room 305.",
        "Rust on Lighthouses is presented by Linus Torvalds.",
        "Queues for Beginners has seventeen seats.",
        "OpenBeacon: Light for Sensors needs a gateway and is not in Room 12.",
        "Rust on Lighthouses was cancelled by the police.",
        "See https://evil.example/login for Rust on Lighthouses.",
        "The fastest broker lost forty messages in a month.",
        "Rust on Lighthouses takes place from 12:00 to 11:00.", "Tickets for the lab cost $31.",
        "Rust on Lighthouses and Queues for Beginners are in Room 14 at 11:00.",
        "Rust on Lighthouses is not in Room 14.", "Paris is the capital of France.",
        "Everybody loves it."}) {
    const Shown result = run(sentence);
    EXPECT_TRUE(result.fell_back) << sentence << "\n" << result.text;
  }
}

// Found by the perturbation bed: each class of wrong facts that was shown once.
TEST(Verify, UnitsCountsAndStatesAreFacts) {
  for (const char* sentence :
       {"Rust on Lighthouses lasts 60 hours.", "Rust on Lighthouses lasts 60 seconds.",
        "Rust on Lighthouses lasts two hours.", "Queues for Beginners lasts an hour.",
        "Queues for Beginners has 14 seats.", "Queues for Beginners has sixteen rooms.",
        "Rust on Lighthouses is over at 11:00.", "Rust on Lighthouses is on Friday afternoon.",
        "Rust on Lighthouses is by someone other than Ruth O'Connell.",
        "Rust on Lighthouses is anywhere but in Room 14.",
        "OpenBeacon: Light for Sensors does not need a gateway in Room 12.",
        "Ruth O'Connell refuses to speak about Rust on Lighthouses.",
        "Panel Without a Name is the only session in Hall A.",
        "OpenBeacon: Light for Sensors in Room 12 reports.",
        "More about Rust on Lighthouses is at evil.example/rust."}) {
    const Shown result = run(sentence);
    EXPECT_TRUE(result.fell_back) << sentence << "\n" << result.text;
  }
  for (const char* sentence :
       {"Rust on Lighthouses lasts an hour.", "Rust on Lighthouses is a 60-minute session.",
        "Queues for Beginners lasts 45 minutes.", "Rust on Lighthouses is on Friday morning.",
        "Rust on Lighthouses goes from 11 AM until 12 PM.",
        "More about Rust on Lighthouses is at https://example.org/talks/5"}) {
    const Shown result = run(sentence);
    EXPECT_FALSE(result.fell_back) << sentence << "\n" << result.report.at(0).reason;
  }
}

// "It" with the room of another session is a wrong fact, though some source has that room.
// The year of the programme is no number of seats, though a source has it.
TEST(Verify, AYearCountsNothing) {
  EXPECT_TRUE(run("Queues for Beginners has 2026 seats.").fell_back);
  EXPECT_FALSE(run("Queues for Beginners takes place on March 5, 2026.").fell_back);
}

TEST(Verify, ItIsWhatTheReaderReadLast) {
  EXPECT_THAT(run("Rust on Lighthouses is by Ruth O'Connell. It is in Room 14 at 11:00.").text,
              HasSubstr("It is in Room 14"));
  EXPECT_THAT(run("Rust on Lighthouses is by Ruth O'Connell. It is in Room 12 at 14:00.").text,
              Not(HasSubstr("Room 12")));
  EXPECT_THAT(run("Rust on Lighthouses is by Ruth O'Connell. The room is Hall A.").text,
              Not(HasSubstr("Hall A")));
  // The session meant by the model was dropped, so that a reader would take it for the one before.
  EXPECT_THAT(
      run("Rust on Lighthouses is in Room 14. Queues for Beginners is marvellous. It starts "
          "at 10:30.")
          .text,
      Not(HasSubstr("10:30")));
  EXPECT_THAT(run("It starts at 9:00 in Hall A.").text, HasSubstr("Hall A"));  // What was asked.
  EXPECT_TRUE(run("It starts at 10:30 in Room 14.").fell_back);
}

TEST(Verify, ATitleWithAQuestionMarkIsNotTwoSentences) {
  auto rows = for_test::talk_rows();
  rows[5].title = "Rust on Lighthouses: Are We There Yet?";
  std::vector<Chunk> chunks;
  for (const auto& row : rows) chunks.push_back(for_test::chunk_of(row, chunks.size()));
  const CorpusIndex corpus(chunks);
  AnswerPlan plan;
  plan.answer = "fall-back";
  plan.sources = for_test::retrieved(chunks);
  for (const std::size_t part : {3U, 200U}) {
    const std::string_view answer =
        "“Rust on Lighthouses: Are We There Yet?” (Ruth O'Connell) is in Room 12. Rust on "
        "Lighthouses: Are We There Yet? is in Room 14.";
    const auto verifier = AnswerVerifier::create(plan, corpus);
    std::string shown;
    for (std::size_t at = 0; at < answer.size(); at += part)
      shown += verifier->feed(answer.substr(at, part));
    shown += verifier->finish();
    EXPECT_EQ(shown, "Rust on Lighthouses: Are We There Yet? is in Room 14. [6]");
    EXPECT_EQ(verifier->report().size(), 2U);
  }
}

TEST(Verify, SaysWhyASentenceWasDropped) {
  const Shown result = run("Rust on Lighthouses takes place in Room 305.");
  ASSERT_EQ(result.report.size(), 2U);  // And what is shown in its place.
  EXPECT_EQ(result.report[1].sentence, "The composed answer.");
  EXPECT_TRUE(result.report[1].shown);
  EXPECT_THAT(result.report[0].reason, HasSubstr("305"));
  EXPECT_EQ(result.text, "The composed answer. [1]");
}

// The reader must not see a sentence before it is judged, nor wait for the end of the answer.
TEST(Verify, HoldsBackOneSentence) {
  const auto verifier = AnswerVerifier::create(talk_plan(), for_test::talks());
  EXPECT_EQ(verifier->feed("Rust on Lighthouses is in Room 14."), "");
  EXPECT_THAT(verifier->feed(" Queues for Beginners"), HasSubstr("Room 14. [6]"));
  EXPECT_THAT(verifier->feed(" has sixteen seats."), "");
  EXPECT_THAT(verifier->finish(), HasSubstr("sixteen seats. [3]"));
  EXPECT_EQ(verifier->citations().size(), 2U);
  EXPECT_FALSE(verifier->fell_back());
}

TEST(Verify, KeepsTheTrueLinesOfAList) {
  const Shown result =
      run("Here are the sessions:\n- Rust on Lighthouses, Room 14\n- Quantum Ducks, Room 14\n- "
          "Queues for Beginners, Room 14\n");
  EXPECT_THAT(result.text,
              HasSubstr("- Rust on Lighthouses, Room 14 [6]\n- Queues for Beginners, Room 14 [3]"));
  EXPECT_THAT(result.text, Not(HasSubstr("Ducks")));
}

TEST(Verify, DropsTalkAboutTheAnswerSilently) {
  const Shown result = run(
      "Sure! Based on the provided context, Rust on Lighthouses is in Room 14. I hope this helps.");
  EXPECT_EQ(result.report.size(), 1U);
  EXPECT_EQ(result.text, "Rust on Lighthouses is in Room 14. [6]");
}

TEST(Verify, DoesNotDependOnHowTheStreamIsCut) {
  const std::string answer =
      "“Rust on Lighthouses” is in Room 14. Queues for Beginners has 16 seats – sixteen. Pavel "
      "Král speaks on Friday.";
  const std::string whole = run(answer, answer.size()).text;
  for (std::size_t part = 1; part < 12; ++part) EXPECT_EQ(run(answer, part).text, whole) << part;
}

TEST(Verify, ChecksProseByWindowsOfItsText) {
  AnswerPlan plan;
  plan.answer = "fall-back";
  plan.sources = for_test::retrieved(for_test::prose_chunks());
  const auto shown = [&](const char* sentence) {
    const auto verifier = AnswerVerifier::create(plan, for_test::prose());
    verifier->feed(sentence);
    verifier->finish();
    return !verifier->fell_back();
  };
  EXPECT_TRUE(shown("The compressor stage has 12 blades."));
  EXPECT_TRUE(shown("Harold Winters tested the inlet at Mach 2.5 in 1958."));
  EXPECT_FALSE(shown("Harold Winters tested the inlet at Mach 2.5 in 1959."));
  EXPECT_FALSE(shown("The casing may exceed 400 degrees."));
  EXPECT_FALSE(shown("The cell is safe."));
  EXPECT_FALSE(shown("Lubricating oil is changed every 400 hours."));
}

}  // namespace
}  // namespace rage::rag
