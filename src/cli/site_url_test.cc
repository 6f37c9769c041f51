#include "cli/site_url.h"

#include <gtest/gtest.h>

namespace rage::cli {
namespace {

std::string normal(std::string_view url) {
  const auto parsed = parse_site_url(url);
  return parsed ? parsed->text() : "none";
}

// Two spellings of one address would be two documents, and each run would swap them.
TEST(SiteUrl, HasOneSpelling) {
  const std::pair<const char*, const char*> cases[] = {
      {"HTTPS://Example.ORG:443", "https://example.org/"},
      {"http://example.org.:80/a#part", "http://example.org/a"},
      {"http://example.org:8080/a/./b/../c/", "http://example.org:8080/a/c/"},
      {"http://e.org/../..", "http://e.org/"},
      {"http://e.org/a/..", "http://e.org/"},
      {"http://e.org/a/%2e%2e/b", "http://e.org/b"},
      {"http://e.org/%7euser/%c3%bc%2F", "http://e.org/~user/%C3%BC%2F"},
      {"http://e.org/\xC3\xBC b", "http://e.org/%C3%BC%20b"},
      {"http://e.org/100%", "http://e.org/100%25"},
      {"http://e.org?q=1", "http://e.org/?q=1"},
      {"http://e.org/a?", "http://e.org/a"},
      {"http://e.org/a?utm_source=x&id=7&fbclid=y&&UTM_x=1", "http://e.org/a?id=7"},
      {"http://e.org/a;jsessionid=1F/b;JSESSIONID=2?x", "http://e.org/a/b?x"},
      {"http://[::1]:8000/a", "http://[::1]:8000/a"},
      {"http://[::1]:80", "http://[::1]/"},
      {" http://e.org/ ", "http://e.org/"},
  };
  for (const auto& [url, wanted] : cases) {
    EXPECT_EQ(normal(url), wanted) << url;
    EXPECT_EQ(normal(wanted), wanted);
  }
}

TEST(SiteUrl, IsOfTheWebAlone) {
  for (const char* url : {"", "e.org", "ftp://e.org/", "file:///etc/passwd", "http://", "http:///a",
                          "https://me:secret@e.org/", "http://e.org\\@evil.org/", "http://e.org:0/",
                          "http://e.org:99999/", "http://e.org:x/", "http://a b/", "mailto:a@b",
                          "http://../x", "http://e.org../"}) {
    EXPECT_EQ(normal(url), "none") << url;
  }
  EXPECT_EQ(normal("http://e.org/" + std::string(3000, 'a')), "none");
  // Escapes make it too long.
  EXPECT_EQ(normal("http://e.org/" + std::string(1000, '<')), "none");
}

TEST(SiteUrl, ResolvesWhatAuthorsWrite) {
  const SiteUrl base = *parse_site_url("https://e.org/docs/guide/start.html?v=1");
  const auto resolved = [&](std::string_view href) {
    const auto url = resolve_site_url(base, href);
    return url ? url->text() : "none";
  };
  EXPECT_EQ(resolved("next.html#top"), "https://e.org/docs/guide/next.html");
  EXPECT_EQ(resolved("../faq/"), "https://e.org/docs/faq/");
  EXPECT_EQ(resolved("/"), "https://e.org/");
  EXPECT_EQ(resolved("?v=2"), "https://e.org/docs/guide/start.html?v=2");
  EXPECT_EQ(resolved("//other.org/x"), "https://other.org/x");
  EXPECT_EQ(resolved(" my\n page.html "), "https://e.org/docs/guide/my%20page.html");
  EXPECT_EQ(resolved("mailto:a@e.org"), "none");
  EXPECT_EQ(resolved("javascript:void(0)"), "none");
}

TEST(SiteUrl, PrefixIsThePageAndWhatIsBelowIt) {
  EXPECT_EQ(prefix_of("/"), "/");
  EXPECT_EQ(prefix_of("/docs"), "/docs/");
  EXPECT_EQ(prefix_of("/docs/"), "/docs/");
  EXPECT_EQ(prefix_of("/docs/v1.2/"), "/docs/v1.2/");
  EXPECT_EQ(prefix_of("/docs/start.html"), "/docs/");
}

// A user who names a site on this machine means it; a name that leads here may be a trick.
TEST(SiteUrl, TellsWhoNamesAnAddress) {
  for (const char* url : {"http://localhost:8000/", "http://docs.localhost/", "http://127.0.0.1/",
                          "http://10.1.2.3/", "http://[::1]/"}) {
    EXPECT_TRUE(names_an_address(*parse_site_url(url))) << url;
  }
  for (const char* url :
       {"http://localhost.example.org/", "http://127.0.0.1.nip.io/", "http://e.org/"}) {
    EXPECT_FALSE(names_an_address(*parse_site_url(url))) << url;
  }
}

// What lies beside the site, or on another, is nobody's to read; traps without end neither.
TEST(SiteScope, SaysWhatIsNotRead) {
  const SiteScope scope{.origin = "https://e.org",
                        .prefix = "/docs/",
                        .include = {"*.html"},
                        .exclude = {"docs/internal", "*.pdf"}};
  const auto objection = [&](std::string_view url) {
    return objection_to(*parse_site_url(url), scope);
  };
  EXPECT_EQ(objection("https://e.org/docs/a.html"), "");
  EXPECT_EQ(objection("https://e.org/docs"), "");
  EXPECT_EQ(objection("https://e.org/docs/tags/"), "");  // Not wanted, but it has links.
  EXPECT_NE(objection("http://e.org/docs/a.html"), "");
  EXPECT_NE(objection("https://e.org:8443/docs/a.html"), "");
  EXPECT_NE(objection("https://www.e.org/docs/a.html"), "");
  EXPECT_NE(objection("https://e.org/docs2/a.html"), "");
  EXPECT_NE(objection("https://e.org/docs/../a.html"), "");
  EXPECT_NE(objection("https://e.org/docs/internal/a.html"), "");
  EXPECT_NE(objection("https://e.org/docs/a.pdf"), "");
  EXPECT_NE(objection("https://e.org/docs/a.PNG"), "");
  EXPECT_NE(objection("https://e.org/docs/a/b/a/b/a/b/a/b/"), "");
  EXPECT_EQ(objection("https://e.org/docs/2026/01/01/"), "");
  EXPECT_TRUE(is_wanted(*parse_site_url("https://e.org/docs/a.html"), scope));
  EXPECT_FALSE(is_wanted(*parse_site_url("https://e.org/docs/tags/"), scope));
}

}  // namespace
}  // namespace rage::cli
