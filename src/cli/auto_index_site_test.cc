#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>

#include "base/mutex.h"
#include "base/sha256.h"
#include "cli/auto_index_source.h"
#include "cli/detail/site_fetcher.h"

namespace rage::cli {
namespace {

using codec::Json;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class SleepCountingClock final : public Clock {
 public:
  SteadyTime now() const override { return {}; }
  WallTime wall_now() const override { return {}; }
  bool sleep_for(std::chrono::nanoseconds duration, std::stop_token) override {
    slept_ += duration.count();
    return true;
  }
  std::chrono::nanoseconds slept() const { return std::chrono::nanoseconds(slept_); }

 private:
  std::atomic<std::int64_t> slept_ = 0;
};

struct SitePage {
  std::string body;
  int status = 200;
  std::string type = "text/html; charset=utf-8";
  std::map<std::string, std::string> headers = {};
};

// The web; a page has its digest as ETag if `etags`.
class Web final : public net::HttpTransport {
 public:
  std::map<std::string, SitePage> pages;
  bool etags = false;
  bool down = false;
  std::vector<std::string> asked;
  std::vector<std::string> downloaded;
  net::ClientRequest last;

  Result<net::HttpResponse> fetch(const Context&, const net::ClientRequest&) override {
    return fail(ErrorCode::kUnimplemented, "not here");
  }

  Result<void> stream(const Context&, const net::ClientRequest& request,
                      const std::function<bool(const net::HttpResponse&)>& on_head,
                      const std::function<bool(std::string_view)>& on_bytes) override {
    const MutexLock lock(mutex_);
    last = request;
    asked.push_back(request.url);
    if (down) return fail(ErrorCode::kUnavailable, "no route");
    const auto found = pages.find(request.url);
    net::HttpResponse head{.status = 404};
    std::string body = "Not here.";
    if (found != pages.end()) {
      head.status = found->second.status;
      body = found->second.body;
      head.headers.set("content-type", found->second.type);
      for (const auto& [name, value] : found->second.headers) head.headers.set(name, value);
      const std::string etag = "\"" + sha256_hex(body).substr(0, 8) + "\"";
      if (etags && head.status == 200) head.headers.set("etag", etag);
      if (etags && request.headers.find("if-none-match") == etag) head.status = 304;
    }
    if (!on_head(head) || head.status == 304) return {};
    if (head.status == 200) downloaded.push_back(request.url);
    on_bytes(body);
    return {};
  }

 private:
  Mutex mutex_;
};

std::string html(const std::string& words, const std::vector<std::string>& links = {}) {
  std::string page = "<html><head><title>" + words + "</title></head><body><p>" + words + "</p>";
  for (const std::string& link : links) page += "<a href=\"" + link + "\">more</a>";
  return page;
}

class SiteSource : public testing::Test {
 protected:
  static constexpr const char* kSite = "https://e.org";
  static constexpr const char* kOwner = "me";

  void put(const std::string& path, SitePage page) { web_.pages[kSite + path] = std::move(page); }
  SitePage& at(const std::string& path) { return web_.pages[kSite + path]; }

  Result<SourceListing> read() {
    web_.asked.clear();
    web_.downloaded.clear();
    return read_site_source(Context{}, clock_, web_, request_, index_,
                            {.owner = kOwner,
                             .limits = limits_,
                             .progress = [this](const auto& line) { told_.push_back(line); }});
  }

  // Reads, and makes the index what it is to be, but for what is not to be written any more.
  IndexDiff run(std::size_t writes_max = 1'000) {
    const auto listing = read();
    EXPECT_TRUE(listing) << listing.error().message;
    if (!listing) return {};
    last_ = *listing;
    const IndexDiff diff = diff_index(last_.documents, last_.kept_places, index_, kOwner);
    for (const std::size_t i : diff.write) {
      if (writes_max-- == 0) return diff;
      const std::string id = sha256_hex(last_.documents[i].text);
      std::erase_if(index_, [&](const auto& document) { return document.doc_id == id; });
      index_.push_back({id, last_.documents[i].metadata});
    }
    for (const auto* gone : {&diff.replaced, &diff.removed}) {
      std::erase_if(index_, [&](const auto& document) {
        return std::ranges::find(*gone, document.doc_id) != gone->end();
      });
    }
    return diff;
  }

  std::vector<std::string> places() const {
    std::vector<std::string> all;
    for (const IndexedDocument& document : index_) {
      all.push_back(place_of(document.metadata).substr(std::string_view(kSite).size()));
    }
    std::ranges::sort(all);
    return all;
  }

  Web web_;
  SleepCountingClock clock_;
  SourceLimits limits_;
  SiteRequest request_{.url = "https://e.org/", .prefix = {}, .include = {}, .exclude = {}};
  std::vector<IndexedDocument> index_;
  SourceListing last_;
  std::vector<std::string> told_;
};

TEST_F(SiteSource, FollowsLinksWithinTheSite) {
  put("/", {html("home", {"a", "/b/#x", "b/", "https://other.org/", "http://e.org/plain"})});
  put("/a", {html("a", {"/b/c.md", "/missing", "/logo.png"})});
  put("/b/", {html("b", {"/"})});
  put("/b/c.md", {"# C\n\nMarkdown.", 200, "text/markdown"});
  run();
  EXPECT_THAT(places(), ElementsAre("/", "/a", "/b/", "/b/c.md"));
  EXPECT_THAT(last_.skipped, ElementsAre("https://e.org/missing: the server answered 404"));
  EXPECT_THAT(last_.failures, IsEmpty());
  for (const std::string& url : web_.asked) EXPECT_THAT(url, testing::StartsWith(kSite));
  EXPECT_THAT(web_.asked, Not(Contains("https://e.org/logo.png")));
  EXPECT_EQ(web_.last.headers.find("user-agent"), "rage");
  EXPECT_FALSE(web_.last.follow_redirects);
  for (const SourceDocument& document : last_.documents) {
    EXPECT_EQ(document.metadata["split_type"], "markdown");
    EXPECT_EQ(document.metadata["url"], document.place);
  }
}

// Hundreds of pages with a pause between them take minutes.
TEST_F(SiteSource, SaysHowFarItIs) {
  put("/", {html("home", {"a"})});
  put("/a", {html("a", {})});
  run();
  EXPECT_THAT(told_, ElementsAre("1 pages read, 1 known to wait"));
}

// A server may choose whom we ask only if it is the one the user named.
TEST_F(SiteSource, AsksOthersForNothing) {
  put("/", {html("home", {"/away", "/near"})});
  put("/away", {"", 301, "text/html", {{"location", "http://169.254.169.254/secrets"}}});
  put("/near", {"", 302, "text/html", {{"location", "/there"}}});
  put("/there", {html("there")});
  put("/robots.txt", {"Sitemap: http://10.0.0.1/map.xml", 200, "text/plain"});
  run();
  EXPECT_THAT(places(), ElementsAre("/", "/there"));
  EXPECT_THAT(last_.skipped, Contains(AllOf(HasSubstr("/away"), HasSubstr("169.254.169.254"),
                                            HasSubstr("another site"))));
  for (const std::string& url : web_.asked) EXPECT_THAT(url, testing::StartsWith(kSite));
  EXPECT_EQ(web_.last.peers, net::Peers::kNotLocal);
  request_.url = "http://127.0.0.1:8000/";
  web_.pages["http://127.0.0.1:8000/"] = {html("local")};
  EXPECT_TRUE(read());
  EXPECT_EQ(web_.last.peers, net::Peers::kAny);
}

TEST_F(SiteSource, NamesWhereAMovedSiteIs) {
  put("/", {"", 301, "text/html", {{"location", "https://www.e.org/"}}});
  const auto listing = read();
  ASSERT_FALSE(listing);
  EXPECT_EQ(listing.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(listing.error().message, HasSubstr("https://www.e.org/"));
  request_.url = "e.org";
  EXPECT_EQ(read().error().code, ErrorCode::kInvalidArgument);
}

TEST_F(SiteSource, StaysBelowThePath) {
  request_.url = "https://e.org/docs";
  put("/docs", {"", 301, "text/html", {{"location", "/docs/"}}});
  put("/docs/", {html("docs", {"a", "/docs2", "/"})});
  put("/docs/a", {html("a")});
  put("/", {html("home")});
  run();
  EXPECT_THAT(places(), ElementsAre("/docs/", "/docs/a"));
  request_.prefix = "/";
  run();
  EXPECT_THAT(places(), ElementsAre("/", "/docs/", "/docs/a"));
}

TEST_F(SiteSource, KeepsToRobotsTxt) {
  put("/robots.txt", {"User-agent: *\nDisallow: /private/\nCrawl-delay: 1", 200, "text/plain"});
  put("/", {html("home", {"/private/a", "/b"})});
  put("/private/a", {html("a")});
  put("/b", {html("b")});
  run();
  EXPECT_THAT(places(), ElementsAre("/", "/b"));
  EXPECT_THAT(web_.asked, Not(Contains("https://e.org/private/a")));
  EXPECT_THAT(last_.skipped, Contains(HasSubstr("robots.txt does not allow it")));
  EXPECT_GE(clock_.slept(), std::chrono::seconds(3));  // Between four requests.
  // Rules that cannot be read may forbid everything.
  at("/robots.txt").status = 503;
  EXPECT_EQ(read().error().code, ErrorCode::kUnavailable);
  at("/robots.txt") = {"User-agent: rage\nDisallow: /", 200, "text/plain"};
  EXPECT_EQ(read().error().code, ErrorCode::kPermissionDenied);
  at("/robots.txt").status = 403;
  EXPECT_TRUE(read());
}

TEST_F(SiteSource, HonoursWhatPagesSayOfThemselves) {
  put("/", {html("home", {"/hub", "/print", "/login", "/copy"})});
  put("/hub", {"<meta name=robots content=noindex>" + html("hub", {"/behind"})});
  put("/behind", {html("behind")});
  put("/print", {"<link rel=canonical href=/page>" + html("page")});
  put("/page", {html("page itself")});
  put("/copy", {"<link rel=canonical href=https://origin.org/copy>" + html("copy")});
  put("/login", {html("login"), 200, "text/html", {{"x-robots-tag", "noindex"}}});
  run();
  EXPECT_THAT(places(), ElementsAre("/", "/behind", "/copy", "/page"));
  EXPECT_THAT(last_.skipped, Contains(HasSubstr("its address is https://e.org/page")));
  at("/page").status = 404;  // Nobody may lose a page because its canonical address is broken.
  run();
  EXPECT_THAT(places(), ElementsAre("/", "/behind", "/copy", "/print"));
}

TEST_F(SiteSource, FindsPagesInSitemaps) {
  put("/robots.txt", {"Sitemap: https://e.org/all.xml", 200, "text/plain"});
  put("/all.xml", {"<sitemapindex><sitemap><loc>https://e.org/1.xml</loc></sitemap><sitemap><loc>"
                   "https://e.org/broken.xml</loc></sitemap></sitemapindex>"});
  put("/1.xml", {"<urlset><url><loc>https://e.org/alone</loc></url><url><loc>https://other.org/x"
                 "</loc></url></urlset>"});
  put("/broken.xml", {"<urlset>"});
  put("/", {html("home")});
  put("/alone", {html("alone")});
  run();
  EXPECT_THAT(places(), ElementsAre("/", "/alone"));
  EXPECT_THAT(last_.skipped, ElementsAre(HasSubstr("broken.xml")));
}

// What is unchanged costs nothing; what changed, moved or went is seen all the same.
TEST_F(SiteSource, DownloadsOnlyWhatChanged) {
  web_.etags = true;
  put("/", {html("home", {"/a", "/later"})});
  put("/a", {html("a", {"/b"})});
  put("/b", {html("b")});
  put("/later", {"", 500});
  const auto first = read();
  ASSERT_TRUE(first);
  EXPECT_THAT(first->failures, ElementsAre("https://e.org/later: the server answered 500"));
  run();
  EXPECT_THAT(run().write, IsEmpty());
  EXPECT_THAT(web_.downloaded, IsEmpty());
  // The page that links it is unchanged, and it is found all the same.
  put("/later", {html("later")});
  run();
  EXPECT_THAT(places(), ElementsAre("/", "/a", "/b", "/later"));
  EXPECT_THAT(web_.downloaded, ElementsAre("https://e.org/later"));
  at("/b").body = html("b anew", {"/c"});
  put("/c", {html("c")});
  const IndexDiff diff = run();
  EXPECT_THAT(diff.places_changed, ElementsAre("https://e.org/b"));
  EXPECT_THAT(diff.places_added, ElementsAre("https://e.org/c"));
  EXPECT_EQ(diff.unchanged, 3U);
  // Linked no more, but there: it stays. Gone: it goes.
  at("/a").body = html("a without links");
  web_.pages.erase("https://e.org/later");
  EXPECT_THAT(run().places_removed, ElementsAre("https://e.org/later"));
  EXPECT_THAT(places(), ElementsAre("/", "/a", "/b", "/c"));
}

// A run may be killed between any two writes; what it did not write must not be hidden for ever.
TEST_F(SiteSource, IsCompletedByTheNextRunWhereverItWasKilled) {
  web_.etags = true;
  put("/", {html("home", {"/a", "/b"})});
  put("/a", {html("a", {"/c", "/"})});
  put("/b", {html("b", {"/a"})});
  put("/c", {html("c", {"/b"})});
  for (std::size_t writes = 0; writes < 5; ++writes) {
    index_.clear();
    run(writes);
    run();
    EXPECT_THAT(places(), ElementsAre("/", "/a", "/b", "/c")) << writes;
    run();
    EXPECT_THAT(web_.downloaded, IsEmpty()) << writes;
  }
}

TEST_F(SiteSource, ReadsEverythingForAnotherScope) {
  web_.etags = true;
  request_.exclude = {"blog"};
  put("/", {html("home", {"/blog/1"})});
  put("/blog/1", {html("blog")});
  run();
  EXPECT_THAT(places(), ElementsAre("/"));
  request_.exclude = {};
  run();
  EXPECT_THAT(places(), ElementsAre("/", "/blog/1"));
  request_.include = {"blog/**"};
  EXPECT_THAT(run().places_removed, ElementsAre("https://e.org/"));
}

TEST_F(SiteSource, KeepsWhatCannotBeReadNow) {
  put("/", {html("home", {"/a", "/b", "/c", "/d", "/new"})});
  for (const char* path : {"/a", "/b", "/c", "/d"}) put(path, {html(path)});
  run();
  at("/a").status = 500;
  at("/b").status = 403;
  at("/c") = {"", 302, "text/html", {{"location", "https://login.e.org/"}}};
  at("/d") = {"\xff\xfe"};
  put("/new", {"", 401});  // Never was readable: nobody misses it.
  EXPECT_THAT(run().places_removed, IsEmpty());
  EXPECT_THAT(last_.failures, SizeIs(4));
  EXPECT_THAT(last_.skipped, ElementsAre(HasSubstr("/new: the server answered 401")));
  EXPECT_EQ(places().size(), 5U);
  at("/") = {"", 500};
  EXPECT_EQ(read().error().code, ErrorCode::kUnavailable);
  at("/") = {"", 404};
  EXPECT_EQ(read().error().code, ErrorCode::kInvalidArgument);
  web_.down = true;
  EXPECT_EQ(read().error().code, ErrorCode::kUnavailable);
}

TEST_F(SiteSource, KeepsWhatHasBecomeTooLarge) {
  put("/", {html("home", {"/a", "/b"})});
  put("/a", {html("a")});
  put("/b", {html("b")});
  run();
  limits_.file_bytes_max = 2000;
  at("/a").body = html(std::string(3000, 'x'));
  at("/b") = {html(std::string(3000, 'x')), 200, "text/html", {{"content-length", "3100"}}};
  EXPECT_THAT(run().places_removed, IsEmpty());
  EXPECT_THAT(last_.failures, ElementsAre(HasSubstr("/a: it is larger"), HasSubstr("/b: it is")));
  EXPECT_THAT(places(), ElementsAre("/", "/a", "/b"));
}

// A server that asks for patience gets it, within reason.
TEST_F(SiteSource, AsksAgainWhenTold) {
  put("/", {html("home", {"/busy", "/later"})});
  put("/busy", {"", 429, "text/html", {{"retry-after", "20"}}});
  put("/later", {"", 503, "text/html", {{"retry-after", "3600"}}});
  run();
  EXPECT_EQ(std::ranges::count(web_.asked, "https://e.org/busy"), 2);
  EXPECT_EQ(std::ranges::count(web_.asked, "https://e.org/later"), 1);
  EXPECT_GE(clock_.slept(), std::chrono::seconds(20));
  EXPECT_THAT(last_.failures, SizeIs(2));
}

// A server in trouble is left alone.
TEST_F(SiteSource, GivesUpAfterTenFailuresInARow) {
  std::vector<std::string> links;
  for (int i = 0; i < 30; ++i) links.push_back("/" + std::to_string(i));
  put("/", {html("home", links)});
  for (const std::string& link : links) put(link, {"", 502});
  EXPECT_EQ(read().error().code, ErrorCode::kUnavailable);
  EXPECT_LT(web_.asked.size(), 16U);
}

TEST_F(SiteSource, StopsAtItsLimitsAndKeepsTheRest) {
  std::vector<std::string> links;
  for (int i = 10; i < 30; ++i) links.push_back("/" + std::to_string(i));
  put("/", {html("home", links)});
  for (const std::string& link : links) put(link, {html("page " + link)});
  request_.pages_max = 11;
  run();
  EXPECT_EQ(places().size(), 11U);
  EXPECT_THAT(last_.notice, AllOf(HasSubstr("11 pages"), HasSubstr("10 addresses")));
  request_.pages_max = 5;
  EXPECT_THAT(run().places_removed, IsEmpty());
  EXPECT_EQ(places().size(), 11U);
  request_.pages_max = 500;
  run();
  EXPECT_EQ(places().size(), 21U);
  EXPECT_EQ(last_.notice, "");
  request_.depth_max = 0;
  run();
  EXPECT_THAT(places(), ElementsAre("/"));
}

// Types are what the server says; what it does not know is told by the name.
TEST(SiteFetcher, KnowsWhatCanBeRead) {
  const auto name = [](const char* type, const char* url) {
    return detail::readable_file_name(url, {{"content-type", type}});
  };
  EXPECT_EQ(name("Text/HTML; charset=utf-8", "http://e/a.pdf"), "x.html");
  EXPECT_EQ(name("application/pdf", "http://e/a"), "x.pdf");
  EXPECT_EQ(name("text/plain", "http://e/a/README.md?x"), "x.md");
  EXPECT_EQ(name("text/plain", "http://e/a.json"), "x.txt");
  EXPECT_EQ(name("application/octet-stream", "http://e/A.DOCX"), "x.docx");
  EXPECT_EQ(name("", "http://e/a.txt"), "x.txt");
  for (const char* type : {"image/png", "application/json", "text/css", ""}) {
    EXPECT_EQ(name(type, "http://e/a"), "") << type;
  }
}

}  // namespace
}  // namespace rage::cli
