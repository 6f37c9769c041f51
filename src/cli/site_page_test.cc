#include "cli/site_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/site_link_note.h"

namespace rage::cli {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const SiteUrl kUrl = *parse_site_url("https://e.org/docs/start.html");

std::vector<std::string> links_of(const SitePage& page) {
  std::vector<std::string> links;
  for (const SiteUrl& link : page.links) links.push_back(link.text());
  return links;
}

SitePage read(std::string_view html, const std::vector<std::string_view>& tags = {}) {
  return read_site_page(html, kUrl, "rage", tags);
}

// A link that is not seen is a part of the site that nobody can ask about.
TEST(SitePage, FindsLinks) {
  const SitePage page = read(R"(<html><body><a href="a.html">A</a><A HREF='/b?x=1&amp;y=2#c'>B
    </a><a href=a.html>again</a><map><area href="c.html"></map><a name="x">none</a>
    <a href="">self</a><a href="#part">part</a><a href="mailto:x@e.org">mail</a>
    <a href="ad.html" rel="sponsored NoFollow">ad</a><a href="https://other.org/">other</a>
    <script>document.write('<a href="no.html">')</script><!-- <a href="no.html"> -->)");
  EXPECT_THAT(links_of(page), ElementsAre("https://e.org/docs/a.html", "https://e.org/b?x=1&y=2",
                                          "https://e.org/docs/c.html", "https://other.org/"));
  EXPECT_FALSE(page.noindex || page.nofollow || page.canonical);
}

TEST(SitePage, TakesTheBaseThatIsGiven) {
  const SitePage page =
      read(R"(<head><base href="/v2/"><base href="/v3/"></head><a href="a.html">A</a>)");
  EXPECT_THAT(links_of(page), ElementsAre("https://e.org/v2/a.html"));
}

// Authors say what may be done with their pages, and we are a guest.
TEST(SitePage, ObeysItsAuthor) {
  const std::string link = "<a href='a.html'>A</a>";
  EXPECT_TRUE(read("<meta name='robots' content='noindex'>").noindex);
  EXPECT_FALSE(read("<meta name='robots' content='noindex'>").nofollow);
  EXPECT_TRUE(read("<META NAME=Robots CONTENT='max-snippet:5, NoIndex'>").noindex);
  EXPECT_TRUE(read("<meta name='rage' content='noindex'>").noindex);
  EXPECT_FALSE(read("<meta name='otherbot' content='noindex'>").noindex);
  EXPECT_FALSE(read("<meta name='robots' content='index, noindexes'>").noindex);
  const SitePage none = read("<meta name='robots' content='none'>" + link);
  EXPECT_TRUE(none.noindex);
  EXPECT_THAT(none.links, IsEmpty());
  EXPECT_TRUE(read(link, {"noindex"}).noindex);
  EXPECT_TRUE(read(link, {"otherbot: nofollow", "rage: noindex, nofollow"}).nofollow);
  EXPECT_FALSE(read(link, {"otherbot: noindex"}).noindex);
  EXPECT_TRUE(read(link, {"noindex, unavailable_after: 25 Jun 2030 15:00:00 PST"}).noindex);
  EXPECT_TRUE(read_site_file("rage", {"noindex"}).noindex);
}

TEST(SitePage, KnowsItsOwnAddress) {
  const SitePage page = read(R"(<link rel="stylesheet" href="/s.css">
    <link rel="canonical" href="/docs/"><link rel="canonical" href="/no">)");
  ASSERT_TRUE(page.canonical);
  EXPECT_EQ(page.canonical->text(), "https://e.org/docs/");
  EXPECT_FALSE(read("<link rel=canonical href=''>").canonical);
}

// Without it an unchanged page would hide where it leads; of another scope it would hide more.
TEST(LinkNote, ComesBackForTheSameScope) {
  const SiteScope scope{
      .origin = "https://e.org", .prefix = "/docs/", .include = {}, .exclude = {}};
  const LinkNote note{.held = {link_digest("/docs/a"), link_digest("/docs/b")},
                      .others = {"/docs/gone", "/docs/search?q=1"}};
  const std::string text = render_link_note(scope, note);
  EXPECT_EQ(parse_link_note(text, scope), note);
  EXPECT_EQ(parse_link_note(render_link_note(scope, {}), scope), LinkNote());
  SiteScope other = scope;
  other.exclude = {"blog"};
  EXPECT_FALSE(parse_link_note(text, other));
  EXPECT_FALSE(parse_link_note("", scope));
  EXPECT_FALSE(parse_link_note(text + "x yz", scope));
  EXPECT_EQ(render_link_note(scope, {.held = {}, .others = {std::string(5000, 'a')}}), "");
}

}  // namespace
}  // namespace rage::cli
