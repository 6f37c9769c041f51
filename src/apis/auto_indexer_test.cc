#include "apis/auto_indexer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apis/index_report.h"
#include "codec/json_for_test.h"

namespace rage::apis {
namespace {

using codec::json_of;
using testing::HasSubstr;

TEST(AutoIndexer, IsReadWithTheSchemasDefaults) {
  const auto indexer = parse_auto_indexer(json_of(R"({"metadata":{"name":"docs","namespace":"d",
      "deletionTimestamp":"2026-03-05T10:00:00Z"},"spec":{"ragEngine":"rag","indexName":"handbook",
      "source":{"git":{"url":"https://example.com/docs.git","paths":["*.md"],
      "accessSecret":"token"}}}})"));
  ASSERT_TRUE(indexer) << indexer.error().message;
  EXPECT_EQ(indexer->git->ref, "HEAD");
  EXPECT_THAT(indexer->git->paths, testing::ElementsAre("*.md"));
  EXPECT_FALSE(indexer->http);
  EXPECT_EQ(indexer->deleted_documents, Retention::kRemove);
  EXPECT_EQ(indexer->on_delete, Retention::kKeep);
  EXPECT_EQ(indexer->removed_percent_max, 50);
  EXPECT_TRUE(indexer->meta.deleting);
  EXPECT_EQ(indexer->deletion_timestamp, "2026-03-05T10:00:00Z");
}

TEST(AutoIndexer, NamesWhatIsWrong) {
  const auto error = [](std::string_view text) {
    const auto indexer = parse_auto_indexer(json_of(text));
    return indexer ? std::string() : indexer.error().message;
  };
  EXPECT_THAT(error(R"({"spec":{"source":{}}})"), HasSubstr("exactly one of git and http"));
  EXPECT_THAT(error(R"({"spec":{"suspend":"x","source":{"http":{"urls":["http://a"]}}}})"),
              HasSubstr("spec.suspend"));
  EXPECT_THAT(error(R"({"spec":{"retention":{"onDelete":"x"},"source":{"http":{"urls":[]}}}})"),
              HasSubstr("onDelete"));
}

// A password in a URL would be readable in the pod's arguments, in logs and in messages.
TEST(AutoIndexer, KnowsUrlsWithAPassword) {
  EXPECT_TRUE(has_password("https://me:secret@example.com/x"));
  EXPECT_TRUE(has_password("https://:secret@example.com"));
  for (const char* url : {"https://example.com/a:b@c", "ssh://git@example.com:22/x", "git@host:x/y",
                          "https://me@example.com/?q=a:b@c", "", "://"}) {
    EXPECT_FALSE(has_password(url)) << url;
  }
}

IndexReport a_report() {
  return {.succeeded = true,
          .reason = "Indexed",
          .message = "all is in place",
          .revision = "0123456789abcdef0123456789abcdef01234567",
          .documents = 12,
          .added = 3,
          .changed = 2,
          .removed = 1,
          .unchanged = 6,
          .failed = 0,
          .skipped = 4,
          .failures = {"a.md: not UTF-8 text"}};
}

TEST(IndexReport, ComesBackAsItWas) {
  const auto read = parse_index_report(render_index_report(a_report()) + "\n");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, a_report());
}

// kubelet cuts at 4 KiB, and half a report would be none.
TEST(IndexReport, FitsATerminationMessage) {
  IndexReport report = a_report();
  report.message = std::string(100'000, '\x01');
  for (int i = 0; i < 1000; ++i) report.failures.push_back(std::string(5000, '"') + "ü");
  const std::string text = render_index_report(report);
  EXPECT_LE(text.size(), kIndexReportBytesMax);
  const auto read = parse_index_report(text);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->documents, 12);
  EXPECT_EQ(read->reason, "Indexed");
}

// With FallbackToLogsOnError anything may stand there.
TEST(IndexReport, IsNotReadOutOfNonsense) {
  for (const char* text : {"", "{}", "rage: killed", "[1]", R"({"version":2,"reason":"A"})",
                           R"({"version":1,"reason":"not a word","documents":1})",
                           R"({"version":1,"reason":"A","documents":-1})"}) {
    EXPECT_FALSE(parse_index_report(text)) << text;
  }
}

}  // namespace
}  // namespace rage::apis
