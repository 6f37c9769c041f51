#include "cli/schedule.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "cli/schedule_parse.h"
#include "test_paths.h"

namespace rage::cli {
namespace {

Session a_session() {
  return {.title = "Talk",
          .url = "https://e.org/scale/23x/presentations/talk",
          .speakers = {{.name = "Ada", .url = "https://e.org/ada"}, {.name = "Alan", .url = ""}},
          .description = "About it.",
          .topic = "Kernel",
          .audience = "Everyone",
          .location = "Room 1",
          .date = "03/05/2026",
          .start = "10:00",
          .end = "11:00"};
}

// The index that ships as the example was made by hand; ingestion must make the same documents, or
// every figure measured on it would be about another index.
TEST(Schedule, MakesTheExamplesDocuments) {
  const auto bytes =
      read_file(test::source_dir() / "examples/scale23x/schedule_index.json", 16 << 20);
  ASSERT_TRUE(bytes);
  const auto parsed = parse_schedule_json(*bytes, "");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_TRUE(parsed->warnings.empty());
  const auto example = *codec::parse_json(*bytes);
  ASSERT_EQ(parsed->sessions.size(), example["documents"].size());
  const auto made = index_schedule(parsed->sessions, "schedule_index");
  for (std::size_t i = 0; i < parsed->sessions.size(); ++i) {
    EXPECT_EQ(made["documents"][i]["text"], example["documents"][i]["text"]);
    EXPECT_EQ(made["documents"][i]["metadata"], example["documents"][i]["metadata"]);
  }
}

TEST(Schedule, SaysWhatIsNotKnown) {
  Session session = a_session();
  EXPECT_EQ(session_text(session),
            "Talk. Presented by Ada, Alan. Room 1, Thursday, March 5, 2026, from 10:00 to 11:00. "
            "Track: Kernel. Audience: Everyone. About it.");
  session.start.clear();
  session.end.clear();
  EXPECT_NE(session_text(session).find("March 5, 2026. The time has not been announced."),
            std::string::npos);
  session.location.clear();
  session.date.clear();
  session.speakers.clear();
  EXPECT_EQ(session_text(session),
            "Talk. Room and time have not been announced. Track: Kernel. Audience: Everyone. "
            "About it.");
}

TEST(Schedule, FlatFormHasTheDemosElevenStrings) {
  const std::vector<Session> sessions = {a_session()};
  EXPECT_EQ(codec::render_json(flat_schedule(sessions)),
            R"([{"title":"Talk","url":"https://e.org/scale/23x/presentations/talk",)"
            R"("speaker":"Ada, Alan","speaker_url":"https://e.org/ada","description":"About it.",)"
            R"("topic":"Kernel","audience":"Everyone","location":"Room 1","date":"03/05/2026",)"
            R"("start":"10:00","end":"11:00"}])");
  const auto back = parse_schedule_json(codec::render_json(flat_schedule(sessions)), "");
  ASSERT_TRUE(back);
  EXPECT_EQ(back->sessions, sessions);
  EXPECT_EQ(session_of_metadata(session_metadata(sessions[0])), sessions[0]);
}

// Two sessions of the same words would be one document, and one of them unknown to everybody.
TEST(Schedule, SessionsWithTheSameTextStayTwo) {
  std::vector<Session> sessions = {a_session(), a_session()};
  sessions[1].url += "-again";
  const auto documents = schedule_documents(sessions, "me");
  EXPECT_NE(documents[0].text, documents[1].text);
  EXPECT_TRUE(documents[1].text.ends_with("talk-again"));
  EXPECT_EQ(documents[0].metadata["indexed_by"], "me");
}

}  // namespace
}  // namespace rage::cli
