#include "cli/robots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rage::cli {
namespace {

using testing::ElementsAre;

// The examples of RFC 9309, sections 5.1 and 5.2. Reading what a site forbids gets our users
// blocked.
TEST(Robots, FollowsTheRfcsExamples) {
  const std::string_view file =
      "User-Agent: *\nDisallow: *.gif$\nDisallow: /example/\nAllow: /publications/\n\n"
      "User-Agent: foobot\nDisallow:/\nAllow:/example/page.html\nAllow:/example/allowed.gif\n\n"
      "User-Agent: barbot\nUser-Agent: bazbot\nDisallow: /example/page.html\n\n"
      "User-Agent: quxbot\n";
  const auto allowed = [&](std::string_view agent, std::string_view path) {
    return is_allowed(parse_robots(file, agent), path);
  };
  EXPECT_FALSE(allowed("rage", "/a/b.gif"));
  EXPECT_TRUE(allowed("rage", "/a/b.gif?x"));
  EXPECT_FALSE(allowed("rage", "/example/x"));
  EXPECT_TRUE(allowed("rage", "/publications/x"));
  EXPECT_TRUE(allowed("FooBot/1.0", "/example/page.html"));
  EXPECT_FALSE(allowed("foobot", "/publications/"));
  EXPECT_TRUE(allowed("foobot", "/robots.txt"));
  EXPECT_FALSE(allowed("bazbot", "/example/page.html"));
  EXPECT_TRUE(allowed("bazbot", "/example/other.html"));
  EXPECT_TRUE(allowed("quxbot", "/a/b.gif"));  // Named, without a rule.
  const std::string_view longest =
      "User-Agent: foobot\nAllow: /example/page/\nDisallow: /example/page/disallowed.gif\n";
  EXPECT_FALSE(is_allowed(parse_robots(longest, "foobot"), "/example/page/disallowed.gif"));
  EXPECT_TRUE(is_allowed(parse_robots(longest, "foobot"), "/example/page/x.gif"));
}

struct RobotsCase {
  const char* rules;
  const char* path;
  bool allowed;
};

TEST(Robots, MatchesPatterns) {
  const RobotsCase cases[] = {
      {"Disallow: /fish", "/fish.html", false},
      {"Disallow: /fish", "/catfish", true},
      {"Disallow: /fish/", "/fish", true},
      {"Disallow: /*.php", "/a/b.php?x=1", false},
      {"Disallow: /*.php$", "/a.php", false},
      {"Disallow: /*.php$", "/a.php5", true},
      {"Disallow: /a*b*c", "/aXbYbZcW", false},
      {"Disallow: /a*b$", "/ab/ab", false},
      {"Disallow: /a*b$", "/ab/abc", true},
      {"Disallow: /$", "/", false},
      {"Disallow: /$", "/a", true},
      {"Disallow:", "/a", true},
      {"Disallow: /", "/a", false},
      {"Disallow: /\nAllow: /", "/a", true},  // As long: the one that allows.
      {"Disallow: /a/%7ejoe", "/a/~joe/x", false},
      {"Disallow: /\xC3\xBC", "/%C3%BC", false},
      {"disallow : /x # why", "/x", false},
      {"Noindex: /x", "/x", true},
  };
  for (const RobotsCase& each : cases) {
    const std::string file = std::string("User-agent: *\r\n") + each.rules + "\r\n";
    EXPECT_EQ(is_allowed(parse_robots(file, "rage"), each.path), each.allowed)
        << each.rules << " " << each.path;
  }
}

TEST(Robots, JoinsGroupsAndReadsTheRest) {
  const RobotsRules rules = parse_robots(
      "\xEF\xBB\xBFSitemap: https://e.org/a.xml\nUser-agent: RAGE\nDisallow: /a\n"
      "Crawl-delay: 2.5\nUser-agent: *\nDisallow: /\n\nuser-agent: rage/2\nsitemap:/b.xml\n"
      "Disallow: /c",
      "rage");
  EXPECT_FALSE(is_allowed(rules, "/a"));
  EXPECT_TRUE(is_allowed(rules, "/b"));
  EXPECT_FALSE(is_allowed(rules, "/c"));
  EXPECT_EQ(rules.crawl_delay, std::chrono::milliseconds(2500));
  EXPECT_THAT(rules.sitemaps, ElementsAre("https://e.org/a.xml", "/b.xml"));
}

// A page of HTML, which servers send for what they do not have, forbids nothing.
TEST(Robots, PassesOverWhatIsNoRule) {
  EXPECT_TRUE(is_allowed(parse_robots("<html><a href='x'>Disallow: /</a></html>", "rage"), "/a"));
  EXPECT_TRUE(is_allowed(parse_robots("Disallow: /\nUser-agent: *", "rage"), "/a"));
  const std::string late = "User-agent: *\n" + std::string(kRobotsBytesMax, '#') + "\nDisallow: /";
  EXPECT_TRUE(is_allowed(parse_robots(late, "rage"), "/a"));
}

}  // namespace
}  // namespace rage::cli
