#include "cli/schedule_parse.h"

#include <gtest/gtest.h>

#include "cli/html_tree.h"

namespace rage::cli {
namespace {

constexpr const char* kBase = "https://e.org/scale/23x/signs";

TEST(ScheduleFeed, IsHtmlWithInstants) {
  const auto parsed = parse_schedule_json(
      R"([{"Name":"A  Talk&#8217;s Name","Location":"Room 1",
      "StartTime":"2026-03-08T15:00:00-07:00",
      "EndTime":"2026-03-08T16:00:00-07:00","Speakers":"Ada Lovelace, Alan Turing and Grace Hopper",
      "Topic":"Systems &amp; Infrastructure","Description":"One.&nbsp; <b>Two</b>\nthree\u2019s.\n",
      "Photo":"","Link":"/scale/23x/presentations/a"},
      {"Name":"B","Location":"","StartTime":"","EndTime":"","Speakers":"","Topic":"",
      "Description":"","Photo":"","Link":"/scale/23x/presentations/b"},
      {"Name":"A again","Link":"/scale/23x/presentations/a"}])",
      kBase);
  ASSERT_TRUE(parsed) << parsed.error().message;
  ASSERT_EQ(parsed->sessions.size(), 2U);
  const Session& talk = parsed->sessions[0];
  EXPECT_EQ(talk.title, "A Talk's Name");
  EXPECT_EQ(talk.url, "https://e.org/scale/23x/presentations/a");
  EXPECT_EQ(talk.topic, "Systems & Infrastructure");
  EXPECT_EQ(talk.description, "One. Two three's.");
  EXPECT_EQ(talk.date, "03/08/2026");
  EXPECT_EQ(talk.start, "15:00");
  EXPECT_EQ(talk.end, "16:00");
  ASSERT_EQ(talk.speakers.size(), 3U);
  EXPECT_EQ(talk.speakers[2].name, "Grace Hopper");
  EXPECT_TRUE(parsed->sessions[1].start.empty());
}

// Something else in the place of the schedule must not empty the index.
TEST(ScheduleFeed, RefusesWhatIsNoSchedule) {
  for (const char* bytes : {"", "{}", "[1]", R"([{"name":"x"}])", R"({"documents":[{"text":"x"}]})",
                            R"({"error":"gone"})"}) {
    EXPECT_FALSE(parse_schedule_json(bytes, kBase)) << bytes;
  }
  EXPECT_TRUE(parse_schedule_json("[]", kBase)->sessions.empty());
}

TEST(ScheduleFeed, OddFieldsBecomeEmptyWithAWarning) {
  const auto parsed = parse_schedule_json(
      R"([{"title":"A","url":"https://e.org/a","date":"tomorrow","start":"25:00","end":"x"},
          {"title":"B","url":"https://e.org/b","date":"03/08/2026","start":"02:30","end":"03:30"},
          {"title":"C","url":"mailto:me"}])",
      kBase);
  ASSERT_TRUE(parsed);
  ASSERT_EQ(parsed->sessions.size(), 2U);
  EXPECT_TRUE(parsed->sessions[0].date.empty());
  EXPECT_TRUE(parsed->sessions[0].start.empty());
  EXPECT_EQ(parsed->warnings.size(), 5U);
}

TEST(SchedulePages, AListNamesSessionsSpeakersAndPages) {
  const auto page = parse_list_page(
      R"(<html><body><h3>No link</h3><h3><a href="/about">Elsewhere</a></h3>
      <section><h3 class=x><a href="/scale/23x/presentations/a#top">First &amp; last</a></h3>
      <div>By <a href="/scale/23x/speakers/ada">Ada</a>, <a href='/scale/23x/speakers/alan'>Alan</a>
      and Grace Hopper</div><div><p>One.<p>Two.</div><p>Three.</p></section>
      <section><h3><a href="presentations/b">Second</a></h3><p>no speakers</p></section>
      <ul><li><a href="?page=0">1</a><li><a href="?page=7">last</a>
      <li><a rel="nofollow next" href="?page=1">next</a></ul></body></html>)",
      "https://e.org/scale/23x/presentations");
  ASSERT_EQ(page.sessions.size(), 2U);
  const Session& first = page.sessions[0];
  EXPECT_EQ(first.title, "First & last");
  EXPECT_EQ(first.url, "https://e.org/scale/23x/presentations/a");
  EXPECT_EQ(first.description, "One. Two. Three.");
  EXPECT_EQ(first.speakers, (std::vector<Speaker>{{"Ada", "https://e.org/scale/23x/speakers/ada"},
                                                  {"Alan", "https://e.org/scale/23x/speakers/alan"},
                                                  {"Grace Hopper", ""}}));
  EXPECT_TRUE(page.sessions[1].speakers.empty());
  EXPECT_EQ(page.last_page, 7);
  EXPECT_EQ(page.next_link, "https://e.org/scale/23x/presentations?page=1");
}

TEST(SchedulePages, ASessionsPageTellsRoomAndTime) {
  struct Case {
    const char* when;
    const char* location;
    const char* start;
    const char* end;
  };
  const Case cases[] = {
      {"take place in Ballroom C on Friday, March 6, 2026 - 11:00 to 11:45", "Ballroom C", "11:00",
       "11:45"},
      {"take place in Room 1 on 2nd floor on Friday, March 6, 2026 \u2013 9:00 to 9:30 PST.",
       "Room 1 on 2nd floor", "09:00", "09:30"},
      {"take place in Room 2 on Friday,\n March 6,\n 2026 - 1:00 PM to 2:15 PM", "Room 2", "13:00",
       "14:15"},
      {"take place in Room 2 on Friday, February 30, 2026 - 1:00 PM to 2:15 PM", "", "", ""},
      {"take place some day", "", "", ""},
  };
  for (const Case& c : cases) {
    const std::string html = std::string("<p>The presentation will ") + c.when +
                             "</p><div><b>Topic:</b>\n<span>Security</span></div>"
                             "<div>Audience: Everyone</div><p>Late Topic: not this</p>";
    const SessionPage page = parse_session_page(html);
    EXPECT_EQ(page.location, c.location) << c.when;
    EXPECT_EQ(page.start, c.start) << c.when;
    EXPECT_EQ(page.end, c.end) << c.when;
    EXPECT_EQ(page.topic, "Security");
    EXPECT_EQ(page.audience, "Everyone");
  }
}

TEST(HtmlTree, LinksAreResolved) {
  const std::string base = "https://e.org/a/b?page=1#x";
  for (const auto& [href, url] : {std::pair{"/x", "https://e.org/x"},
                                  {"x", "https://e.org/a/x"},
                                  {"?page=2", "https://e.org/a/b?page=2"},
                                  {"//f.org/x", "https://f.org/x"},
                                  {"http://f.org#y", "http://f.org"},
                                  {"", "https://e.org/a/b"},
                                  {"mailto:a@b", ""},
                                  {"javascript:alert(1)", ""},
                                  {"a b", ""},
                                  {"https://", ""}}) {
    EXPECT_EQ(resolve_link(base, href), url) << href;
  }
  EXPECT_EQ(resolve_link("nowhere", "/x"), "");
}

// Pages are written by people, and by those who do not wish us well.
TEST(HtmlTree, SurvivesWhatIsNotWellFormed) {
  for (const char* html : {"<", "<a", "<a href", "<a href=", "<a href='x", "</a></b>", "<!--",
                           "<script>if (a < b) <a>", "<p><p><p>", "<a/ / =x>y"}) {
    EXPECT_FALSE(parse_html_tree(html).empty()) << html;
  }
  std::string deep;
  for (int i = 0; i < 5000; ++i) deep += "<div>";
  EXPECT_LE(parse_html_tree(deep).size(), 300U);
}

}  // namespace
}  // namespace rage::cli
