#include "cli/document_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "text/structured_chunks.h"

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
  EXPECT_EQ((*documents)[0]["text"], "9 – 17");
  EXPECT_EQ(codec::render_json((*documents)[0]["metadata"]),
            R"({"file_path":"a/hours.HTML","title":"Hours","split_type":"markdown"})");
  EXPECT_FALSE(parse_documents("a.html", "<script>x</script>"));
}

TEST(DocumentFiles, ErrorsNameTheLine) {
  EXPECT_THAT(parse_documents("a.jsonl", "{\"text\":\"one\"}\n{x}\n").error().message,
              HasSubstr("line 2"));
  EXPECT_THAT(parse_documents("a.json", "{\"title\":\"no text\"}").error().message,
              HasSubstr("\"text\""));
  EXPECT_FALSE(parse_documents("a.json", "{\"documents\":1}"));
  EXPECT_FALSE(parse_documents("a.png", "x"));
  EXPECT_FALSE(parse_documents("a.txt", "\xff\xfe"));
  EXPECT_FALSE(parse_documents("a.txt", "  \n"));
}

// Code that is not known to be code is cut in the middle of its functions.
TEST(DocumentFiles, SourceCodeSaysItsLanguage) {
  const auto documents = parse_documents("src/a.PY", "x = 1\n");
  ASSERT_TRUE(documents) << documents.error().message;
  EXPECT_EQ(codec::render_json((*documents)[0]["metadata"]),
            R"({"file_path":"src/a.PY","split_type":"code","language":"python"})");
  for (const char* name : {"a.c", "a.h", "a.cc", "a.go", "a.rs", "a.java", "a.js", "a.ts", "a.tsx",
                           "a.sh", "a.yml", "a.sql", "a.toml", "a.css"}) {
    const auto language = code_language_of(name);
    EXPECT_TRUE(text::is_code_language(language)) << name;
  }
  EXPECT_EQ(code_language_of("a.md"), "");
  EXPECT_FALSE(is_document_name("a.py"));  // Nobody's repository is indexed whole unasked.
}

// One unreadable file must not stop the other thousand.
TEST(DocumentFiles, SkipsWhatCannotBeReadAndGoesOn) {
  const auto folder = *TemporaryDirectory::create("rage-cli-");
  for (const auto& [name, content] :
       {std::pair{"b.md", "# Beta"}, {"a.txt", "Alpha"}, {"c.bin", "x"}, {".hidden.txt", "no"}}) {
    ASSERT_TRUE(write_file_atomically(folder->path() / name, content));
  }
  const auto loaded =
      load_documents({}, {folder->path().string(), (folder->path() / "absent.txt").string()});
  ASSERT_EQ(loaded.documents.size(), 2U);
  EXPECT_EQ(loaded.documents[0]["text"], "Alpha");
  EXPECT_THAT(loaded.documents[1]["metadata"]["file_path"].get<std::string>(), HasSubstr("b.md"));
  ASSERT_EQ(loaded.skipped.size(), 2U);
  EXPECT_THAT(loaded.skipped[0].path, HasSubstr("c.bin"));
  EXPECT_FALSE(loaded.skipped[0].missed);  // It merely lies there.
  EXPECT_THAT(loaded.skipped[1].path, HasSubstr("absent.txt"));
  EXPECT_TRUE(loaded.skipped[1].missed);
}

}  // namespace
}  // namespace rage::cli
