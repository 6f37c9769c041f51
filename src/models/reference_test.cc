#include "models/reference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rage::models {
namespace {

TEST(ModelReference, EverySpellingMeansWhatItSays) {
  struct Case {
    std::string_view text;
    ModelReference expected;
    std::string_view canonical;
  };
  const auto hub = [](std::string revision, std::string file) {
    return ModelReference{.source = ModelSource::kHub,
                          .organization = "sentence-transformers",
                          .repository = "all-MiniLM-L6-v2",
                          .revision = std::move(revision),
                          .file = std::move(file)};
  };
  const std::string base = "hf://sentence-transformers/all-MiniLM-L6-v2";
  const Case cases[] = {
      {"packaged:all-MiniLM-L6-v2",
       {.source = ModelSource::kPackaged, .name = "all-MiniLM-L6-v2"},
       "packaged:all-MiniLM-L6-v2"},
      {"file:/models/a b.gguf",
       {.source = ModelSource::kFile, .path = "/models/a b.gguf"},
       "file:/models/a b.gguf"},
      {"file:///models/a.gguf",
       {.source = ModelSource::kFile, .path = "/models/a.gguf"},
       "file:/models/a.gguf"},
      {"file:../a.gguf", {.source = ModelSource::kFile, .path = "../a.gguf"}, "file:../a.gguf"},
      {"hf://sentence-transformers/all-MiniLM-L6-v2", hub("main", ""), base},
      {"sentence-transformers/all-MiniLM-L6-v2", hub("main", ""), base},
      {"sentence-transformers/all-MiniLM-L6-v2@main/a/b.gguf", hub("main", "a/b.gguf"),
       "hf://sentence-transformers/all-MiniLM-L6-v2/a/b.gguf"},
      {"sentence-transformers/all-MiniLM-L6-v2@v1.0", hub("v1.0", ""),
       "hf://sentence-transformers/all-MiniLM-L6-v2@v1.0"},
      {"sentence-transformers/all-MiniLM-L6-v2@refs/pr/7/x@y.gguf", hub("refs/pr/7", "x@y.gguf"),
       "hf://sentence-transformers/all-MiniLM-L6-v2@refs/pr/7/x@y.gguf"},
  };
  for (const Case& test : cases) {
    const auto reference = parse_model_reference(test.text);
    ASSERT_TRUE(reference) << test.text << ": " << reference.error().message;
    EXPECT_EQ(reference.value(), test.expected) << test.text;
    EXPECT_EQ(render_model_reference(*reference), test.canonical);
    EXPECT_EQ(parse_model_reference(test.canonical).value(), test.expected);
  }
}

// A reference may come from a web form; none may name a file outside the cache.
TEST(ModelReference, NothingThatLeavesTheCacheIsAccepted) {
  const std::string_view refused[] = {
      "",
      "model",
      "packaged:",
      "packaged:../secrets",
      "packaged:a/b",
      "packaged:.hidden",
      "file:",
      "file://otherhost/model",
      "file:a\nb",
      "hf://",
      "hf://org",
      "hf://org/",
      "hf://../repo",
      "hf://org/..",
      "hf://org/a..b",
      "hf://org/a--b",
      "hf://org/repo@",
      "hf://org/repo@../x",
      "hf://org/repo@-x",
      "hf://org/repo@a b",
      "hf://org/repo@refs/pr/",
      "hf://org/repo/",
      "hf://org/repo//etc/passwd",
      "hf://org/repo/../../x",
      "hf://org/repo/a/./b",
      "hf://org/repo/a\\b",
      "hf://org/repo/a\x7f",
      "https://org/repo",
      "./model.gguf",
      "/models/model.gguf",
  };
  for (const std::string_view text : refused) {
    const auto reference = parse_model_reference(text);
    ASSERT_FALSE(reference) << text;
    EXPECT_EQ(reference.error().code, ErrorCode::kInvalidArgument) << text;
  }
  EXPECT_FALSE(parse_model_reference(std::string_view("hf://org/repo/a\0b", 17)));
  EXPECT_FALSE(parse_model_reference("hf://org/repo/" + std::string(2000, 'a')));
  EXPECT_FALSE(parse_model_reference(std::string(100'000, '/')));
}

// Error messages are printed to terminals.
TEST(ModelReference, MessagesCarryNoControlCharacters) {
  const auto reference = parse_model_reference("\x1b[2Jorg");
  ASSERT_FALSE(reference);
  EXPECT_EQ(reference.error().message.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace rage::models
