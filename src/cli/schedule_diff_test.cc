#include "cli/schedule_diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/sha256.h"

namespace rage::cli {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kFolder = "https://e.org/scale/23x/presentations/";

Session a_session_named(const std::string& name) {
  return {.title = "Talk " + name,
          .url = kFolder + name,
          .speakers = {{.name = "Ada", .url = ""}},
          .description = "About " + name,
          .topic = "Kernel",
          .audience = "",
          .location = "Room 1",
          .date = "03/05/2026",
          .start = "10:00",
          .end = "11:00"};
}

struct ScheduleDiffTest : testing::Test {
  std::vector<Session> sessions = {a_session_named("a"), a_session_named("b"),
                                   a_session_named("c")};
  std::vector<IndexedDocument> index = stored(sessions);
  std::set<std::string, std::less<>> kept;

  static std::vector<IndexedDocument> stored(const std::vector<Session>& sessions,
                                             const std::string& owner = "me") {
    std::vector<IndexedDocument> documents;
    for (const SourceDocument& document : schedule_documents(sessions, owner)) {
      documents.push_back({.doc_id = sha256_hex(document.text), .metadata = document.metadata});
    }
    return documents;
  }
  ScheduleDiff diff() const {
    return diff_schedule(sessions, schedule_documents(sessions, "me"), kept, index, "me");
  }
};

TEST_F(ScheduleDiffTest, NothingChangedIsNothingToDo) {
  const ScheduleDiff same = diff();
  EXPECT_TRUE(same.empty());
  EXPECT_EQ(same.unchanged, 3U);
  EXPECT_EQ(same.owned, 3U);
}

// A moved talk must not be said to be in both rooms, nor in the old one.
TEST_F(ScheduleDiffTest, AMovedSessionIsUpdatedInPlace) {
  sessions[1].location = "Room 2";
  sessions[1].start = "12:00";
  const ScheduleDiff moved = diff();
  ASSERT_EQ(moved.changed.size(), 1U);
  EXPECT_EQ(moved.changed[0], (std::pair<std::size_t, std::string>{1, index[1].doc_id}));
  EXPECT_THAT(moved.fields[0], ElementsAre(FieldChange{"location", "Room 1", "Room 2"},
                                           FieldChange{"start", "10:00", "12:00"}));
  EXPECT_THAT(moved.added, IsEmpty());
  EXPECT_THAT(moved.removed, IsEmpty());
}

TEST_F(ScheduleDiffTest, NewAndCancelledSessions) {
  sessions.erase(sessions.begin());
  sessions.push_back(a_session_named("d"));
  const ScheduleDiff changes = diff();
  EXPECT_THAT(changes.added, ElementsAre(2U));
  ASSERT_EQ(changes.removed.size(), 1U);
  EXPECT_EQ(changes.removed[0].doc_id, index[0].doc_id);
}

// A page that could not be read says nothing about its session.
TEST_F(ScheduleDiffTest, WhatCouldNotBeReadStays) {
  sessions[0].location.clear();
  sessions.push_back(a_session_named("new"));
  kept = {sessions[0].url, sessions[3].url};
  EXPECT_TRUE(diff().empty());
}

TEST_F(ScheduleDiffTest, OthersDocumentsAreLeftAlone) {
  index[0].metadata["indexed_by"] = "you";
  index.push_back({.doc_id = "x", .metadata = {{"title", "Readme"}, {"url", "https://e.org/x"}}});
  const ScheduleDiff changes = diff();
  EXPECT_THAT(changes.added, ElementsAre(0U));
  EXPECT_THAT(changes.removed, IsEmpty());
}

// An index that the demo's scripts filled becomes ours, with what they left behind.
TEST_F(ScheduleDiffTest, TheDemosDocumentsAreTakenOver) {
  std::vector<Session> before = sessions;
  before[0].location = "Room 0";
  before.push_back(a_session_named("cancelled"));
  index = stored(before, "");
  index.push_back(index[1]);
  index.back().doc_id = "second";
  const ScheduleDiff changes = diff();
  EXPECT_EQ(changes.changed.size(), 3U);
  EXPECT_THAT(changes.fields[1], IsEmpty());  // Nothing but whose it is.
  EXPECT_THAT(changes.duplicates, ElementsAre("second"));
  ASSERT_EQ(changes.removed.size(), 1U);
  EXPECT_EQ(changes.removed[0].metadata["title"], "Talk cancelled");
}

// The document's id is its text's digest: removing the old address would remove the new one's text.
TEST_F(ScheduleDiffTest, AnAddressThatChangedKeepsItsDocument) {
  sessions[2].url = std::string(kFolder) + "renamed";
  const ScheduleDiff changes = diff();
  EXPECT_THAT(changes.added, IsEmpty());
  EXPECT_THAT(changes.removed, IsEmpty());
  ASSERT_EQ(changes.changed.size(), 1U);
  EXPECT_EQ(changes.changed[0].second, index[2].doc_id);
  EXPECT_EQ(changes.fields[0][0].field, "url");
}

}  // namespace
}  // namespace rage::cli
