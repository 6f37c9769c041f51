#include "cli/document_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"

namespace rage::cli {
namespace {

using testing::HasSubstr;

TEST(DocumentFiles, ReadsEveryShapeOfJson) {
  const std::pair<const char*, const char*> cases[] = {
      {"a.json",
       R"({"index_name":"x","documents":[{"text":"one","metadata":{"k":1}},{"text":"two"}]})"},
      {"a.json", R"([{"text":"one","metadata":{"k":1}},{"text":"two"}])"},
      {"a.jsonl", "{\"text\":\"one\",\"k\":1}\n\n{\"text\":\"two\"}\r\n"},
  };
  for (const auto& [name, content] : cases) {
    const auto documents = parse_documents(name, content);
    ASSERT_TRUE(documents) << documents.error().message;
    ASSERT_EQ(documents->size(), 2U);
    EXPECT_EQ(codec::render_json((*documents)[0]), R"({"text":"one","metadata":{"k":1}})");
    EXPECT_EQ(codec::render_json((*documents)[1]), R"({"text":"two","metadata":{}})");
  }
}

TEST(DocumentFiles, ReadAPageWithItsTitle) {
  const auto documents = parse_documents("a/hours.HTML", "<title>Hours</title><p>9 &ndash; 17</p>");
  ASSERT_TRUE(documents) << documents.error().message;
  EXPECT_EQ(codec::render_json((*documents)[0]),
            R"({"text":"9 – 17","metadata":{"file_path":"a/hours.HTML","title":"Hours"}})");
  EXPECT_FALSE(parse_documents("a.html", "<script>x</script>"));
}

TEST(DocumentFiles, ErrorsNameTheLine) {
  EXPECT_THAT(parse_documents("a.jsonl", "{\"text\":\"one\"}\n{x}\n").error().message,
              HasSubstr("line 2"));
  EXPECT_THAT(parse_documents("a.json", "{\"title\":\"no text\"}").error().message,
              HasSubstr("\"text\""));
  EXPECT_FALSE(parse_documents("a.json", "{\"documents\":1}"));
  EXPECT_FALSE(parse_documents("a.pdf", "%PDF"));
  EXPECT_FALSE(parse_documents("a.txt", "\xff\xfe"));
  EXPECT_FALSE(parse_documents("a.txt", "  \n"));
}

// One unreadable file must not stop the other thousand.
TEST(DocumentFiles, SkipsWhatCannotBeReadAndGoesOn) {
  const auto folder = *TemporaryDirectory::create("rage-cli-");
  for (const auto& [name, content] :
       {std::pair{"b.md", "# Beta"}, {"a.txt", "Alpha"}, {"c.bin", "x"}, {".hidden.txt", "no"}}) {
    ASSERT_TRUE(write_file_atomically(folder->path() / name, content));
  }
  const auto loaded =
      load_documents({folder->path().string(), (folder->path() / "absent.txt").string()});
  ASSERT_EQ(loaded.documents.size(), 2U);
  EXPECT_EQ(loaded.documents[0]["text"], "Alpha");
  EXPECT_THAT(loaded.documents[1]["metadata"]["file_path"].get<std::string>(), HasSubstr("b.md"));
  ASSERT_EQ(loaded.skipped.size(), 2U);
  EXPECT_THAT(loaded.skipped[0].path, HasSubstr("c.bin"));
  EXPECT_THAT(loaded.skipped[1].path, HasSubstr("absent.txt"));
}

}  // namespace
}  // namespace rage::cli
