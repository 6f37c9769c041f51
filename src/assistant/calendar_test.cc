#include "assistant/calendar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rage::assistant {
namespace {

using testing::HasSubstr;

codec::Json a_document() {
  return *codec::parse_json(
      R"({"doc_id":"d1","text":"x","metadata":{"title":"KAITO, RAG; and\nwhy","speakers":[
      {"name":"Zoë Ångström","url":"u"},{"name":""},"B"],"location":"Ballroom C",
      "date":"03/08/2026",
      "start":"10:00","end":"11:30","url":"https://e.example/a","topic":"AI","description":"Long."}})");
}

TimeZone los_angeles() {
  return *TimeZone::of_rule("PST8PDT,M3.2.0,M11.1.0");
}

// Sunday is after the night in which the clocks go forward: 10:00 is 17:00 UTC, not 18:00.
TEST(Calendar, ASessionBecomesAnEventAtTheRightTime) {
  const auto session = session_of(a_document());
  ASSERT_TRUE(session);
  const std::string file = render_calendar({&*session, 1}, los_angeles(), WallTime());
  EXPECT_TRUE(file.starts_with("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:"));
  EXPECT_TRUE(file.ends_with("END:VEVENT\r\nEND:VCALENDAR\r\n"));
  for (const char* line :
       {"\r\nDTSTAMP:19700101T000000Z\r\n", "\r\nDTSTART:20260308T170000Z\r\n",
        "\r\nDTEND:20260308T183000Z\r\n", "\r\nSUMMARY:KAITO\\, RAG\\; and\\nwhy\r\n",
        "\r\nLOCATION:Ballroom C\r\n", "\r\nDESCRIPTION:Zoë Ångström\\, B\\n\\nLong.\r\n",
        "\r\nURL:https://e.example/a\r\n"}) {
    EXPECT_THAT(file, HasSubstr(line));
  }
}

// Calendar programs refuse a file with a line too long, or cut inside a character.
TEST(Calendar, LongLinesAreFoldedBetweenCharacters) {
  codec::Json document = a_document();
  std::string title;
  for (int i = 0; i < 60; ++i) title += "é€𝄞";
  document["metadata"]["title"] = title;
  const auto session = session_of(document);
  std::string unfolded;
  const std::string file = render_calendar({&*session, 1}, los_angeles(), WallTime());
  for (std::size_t at = 0; at < file.size();) {
    const std::size_t end = file.find("\r\n", at);
    const std::string line = file.substr(at, end - at);
    EXPECT_LE(line.size(), 75U);
    unfolded += line.starts_with(' ') ? line.substr(1) : "\n" + line;
    at = end + 2;
  }
  EXPECT_THAT(unfolded, HasSubstr("\nSUMMARY:" + title + "\n"));
}

// What a speaker types into a title must not become a line of its own in somebody's calendar.
TEST(Calendar, NoTextBecomesAProperty) {
  codec::Json document = a_document();
  document["metadata"]["title"] = "A\r\nATTENDEE:mailto:x@e.example";
  document["metadata"]["url"] = "https://e.example/\r\nATTACH:x";
  const auto session = session_of(document);
  const std::string file = render_calendar({&*session, 1}, los_angeles(), WallTime());
  EXPECT_EQ(file.find("\r\nATTENDEE"), std::string::npos);
  EXPECT_EQ(file.find("\r\nATTACH"), std::string::npos);
}

TEST(Calendar, WhatASourceDoesNotTellStaysEmpty) {
  codec::Json document = a_document();
  EXPECT_EQ(conference_json(*session_of(document))["date"], "2026-03-08");
  document["metadata"]["date"] = "2026-03-08";
  EXPECT_EQ(conference_json(*session_of(document))["end"], "11:30");
  for (const char* bad : {"", "03/32/2026", "March 8", "02/30/2026", "1/2/3/4", "99999/1/1",
                          "03/08/2262", "1677-12-31"}) {
    document["metadata"]["date"] = bad;
    const auto session = session_of(document);
    ASSERT_TRUE(session);
    EXPECT_FALSE(session->times) << bad;
    EXPECT_TRUE(conference_json(*session)["start"].is_null());
    EXPECT_EQ(render_calendar({&*session, 1}, los_angeles(), WallTime()).find("VEVENT"),
              std::string::npos);
  }
  document["metadata"]["url"] = "javascript:alert(1)";
  EXPECT_EQ(session_of(document)->url, "");
  document["metadata"].erase("title");
  EXPECT_FALSE(session_of(document));
  EXPECT_FALSE(session_of(7));
}

TEST(Calendar, ASessionPastMidnightEndsTheNextDay) {
  codec::Json document = a_document();
  document["metadata"]["start"] = "23:00";
  document["metadata"]["end"] = "01:00";
  const auto session = session_of(document);
  EXPECT_EQ(session->times->end - session->times->start, std::chrono::hours(2));
}

}  // namespace
}  // namespace rage::assistant
