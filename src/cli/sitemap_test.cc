#include "cli/sitemap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rage::cli {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Pages that nothing links to are found here or nowhere.
TEST(Sitemap, ListsPages) {
  const auto sitemap = parse_sitemap(R"(<?xml version="1.0" encoding="UTF-8"?>
    <urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"
            xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
      <url><loc> https://e.org/a?x=1&amp;y=2 </loc><lastmod>2026-01-01</lastmod>
        <image:image><image:loc>https://e.org/a.png</image:loc></image:image></url>
      <url><loc><![CDATA[https://e.org/b]]></loc></url><url><loc/></url>
    </urlset>)");
  ASSERT_TRUE(sitemap) << sitemap.error().message;
  EXPECT_THAT(sitemap->pages, ElementsAre("https://e.org/a?x=1&y=2", "https://e.org/b"));
  EXPECT_THAT(sitemap->sitemaps, IsEmpty());
}

TEST(Sitemap, ListsFurtherSitemaps) {
  const auto index = parse_sitemap(
      "<sitemapindex><sitemap><loc>https://e.org/1.xml</loc></sitemap></sitemapindex>");
  ASSERT_TRUE(index);
  EXPECT_THAT(index->sitemaps, ElementsAre("https://e.org/1.xml"));
  EXPECT_THAT(index->pages, IsEmpty());
}

TEST(Sitemap, MayBeText) {
  EXPECT_THAT(parse_sitemap("https://e.org/a\r\n\nhttps://e.org/b\n")->pages,
              ElementsAre("https://e.org/a", "https://e.org/b"));
}

// Servers answer with anything; a small file must not become a large one.
TEST(Sitemap, RefusesWhatIsNone) {
  EXPECT_FALSE(parse_sitemap("Not found"));
  EXPECT_FALSE(parse_sitemap("\x1f\x8b\x08"));
  EXPECT_FALSE(parse_sitemap("<urlset><url><loc>https://e.org/a"));
  EXPECT_FALSE(parse_sitemap("<!DOCTYPE d [<!ENTITY a 'x'>]><urlset>&a;</urlset>"));
  std::string many;
  for (std::size_t i = 0; i < kSitemapUrlsMax + 10; ++i) many += "http://e/\n";
  EXPECT_EQ(parse_sitemap(many)->pages.size(), kSitemapUrlsMax);
}

}  // namespace
}  // namespace rage::cli
