#include "text/wordpiece.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "base/files.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "test_paths.h"

namespace rage::text {
namespace {

using testing::ElementsAre;
using Ids = std::vector<std::int32_t>;

const Tokenizer& mini_lm() {
  static const auto tokenizer =
      load_tokenizer(test::cache_dir() / "models/packaged/all-MiniLM-L6-v2");
  EXPECT_TRUE(tokenizer.has_value()) << tokenizer.error().message;
  return **tokenizer;
}

std::vector<nlohmann::json> golden() {
  const auto bytes =
      read_file(test::source_dir() / "src/text/testdata/wordpiece_golden.jsonl", 1 << 20);
  std::vector<nlohmann::json> rows;
  if (!bytes) return rows;
  for (const auto line : split(*bytes, '\n')) {
    if (!line.empty()) rows.push_back(nlohmann::json::parse(line));
  }
  return rows;
}

std::string joined(const Ids& ids) {
  std::string out;
  for (const auto id : ids) out += (out.empty() ? "" : " ") + std::to_string(id);
  return out;
}

// One id that differs and every embedding of that text differs from the one its index was built
// with.
TEST(WordPiece, GivesTheIdsOfHuggingFaceTokenizers) {
  const auto rows = golden();
  ASSERT_GT(rows.size(), 500U);
  for (const auto& row : rows) {
    if (!row.contains("text")) continue;
    const auto text = row["text"].get<std::string>();
    const auto expected = row["ids"].get<Ids>();
    EXPECT_EQ(mini_lm().encode(text, 100000), expected) << row["text"].dump(-1, ' ', true);
    EXPECT_EQ(mini_lm().count(text), expected.size() - 2);
  }
}

TEST(WordPiece, GivesTheSameIdsForAMegabyte) {
  const auto rows = golden();
  ASSERT_FALSE(rows.empty());
  std::string unit;
  for (const auto& row : rows) {
    if (row.contains("text")) unit += row["text"].get<std::string>() + "\n";
  }
  std::string text;
  while (text.size() < rows.back()["joined_bytes"].get<std::size_t>()) text += unit;
  const auto expected = rows.back()["sha256"].get<std::string>();
  EXPECT_EQ(sha256_hex(joined(mini_lm().encode(text, text.size() + 2))), expected);
}

TEST(WordPiece, CuttingKeepsThePrefix) {
  for (const auto& row : golden()) {
    if (!row.contains("text") || row["ids"].size() < 12) continue;
    const auto text = row["text"].get<std::string>();
    const auto whole = row["ids"].get<Ids>();
    for (const std::size_t most : {2U, 3U, 7U, 11U}) {
      Ids expected(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(most) - 1);
      expected.push_back(102);
      ASSERT_EQ(mini_lm().encode(text, most), expected) << text;
    }
  }
  EXPECT_THAT(mini_lm().encode("hello", 0), ElementsAre(101, 102));
}

// A megabyte without a space is one unknown word; it must not be kept, copied or tried piece by
// piece.
TEST(WordPiece, ReadsAMegabyteWithoutSpaces) {
  EXPECT_THAT(mini_lm().encode(std::string(1 << 20, 'x'), 512), ElementsAre(101, 100, 102));
  EXPECT_EQ(mini_lm().count(std::string(1 << 20, '-')), 1U << 20);
  std::string marks = "a";
  for (int i = 0; i < 100000; ++i) marks += "\xF0\x9D\x85\xA5\xE3\x80\xAE";  // U+1D165 U+302E
  EXPECT_THAT(mini_lm().encode(marks, 512), ElementsAre(101, 100, 102));
}

// `tokenizers` never sees invalid bytes; we read them as U+FFFD, which BERT's normalizer removes.
TEST(WordPiece, IgnoresInvalidBytes) {
  const Ids hello = mini_lm().encode("hello world", 16);
  for (const char* text : {"hel\xFFlo world", "\xC0\x80hello\xED\xA0\x80 world\xF0\x9F\x98",
                           "hello \x80 wor\xE2\x82ld", "hello\xF4\x90\x80\x80 world"}) {
    EXPECT_EQ(mini_lm().encode(text, 16), hello);
  }
}

std::vector<std::string> small_vocabulary() {
  return {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "un",        "##aff", "##able", "A",
          "a",     "É",     "é",     "e",     "##e\u0301", "東京",  "東",     "京"};
}

Ids encode_with(const WordPieceOptions& options, std::string_view text) {
  const auto tokenizer = WordPieceTokenizer::create(small_vocabulary(), options);
  EXPECT_TRUE(tokenizer.has_value());
  return (*tokenizer)->encode(text, 64);
}

TEST(WordPiece, FollowsItsOptions) {
  EXPECT_THAT(encode_with({}, "unaffable"), ElementsAre(2, 4, 5, 6, 3));
  EXPECT_THAT(encode_with({}, "unaffables A é 東京"), ElementsAre(2, 1, 8, 11, 14, 15, 3));
  EXPECT_THAT(encode_with({.lower_case = false, .strip_accents = false}, "A a É é"),
              ElementsAre(2, 7, 8, 9, 10, 3));
  EXPECT_THAT(encode_with({.strip_accents = false}, "A É"), ElementsAre(2, 8, 10, 3));
  EXPECT_THAT(encode_with({.split_cjk = false}, "東京"), ElementsAre(2, 13, 3));
  EXPECT_THAT(encode_with({.word_characters_max = 8}, "unaffable un"), ElementsAre(2, 1, 4, 3));
  EXPECT_THAT(encode_with({.special_tokens = {"a"}}, "una[SEP]"), ElementsAre(2, 4, 8, 1, 1, 1, 3));
}

TEST(WordPiece, RefusesAVocabularyWithoutItsSpecialTokens) {
  const auto made = WordPieceTokenizer::create({"[UNK]", "[CLS]", "a"}, {});
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code, ErrorCode::kInvalidArgument);
  EXPECT_FALSE(WordPieceTokenizer::create({}, {}));
  EXPECT_FALSE(WordPieceTokenizer::create(small_vocabulary(), {.word_characters_max = 0}));
  EXPECT_FALSE(WordPieceTokenizer::create(small_vocabulary(), {.special_tokens = {""}}));
  auto huge = small_vocabulary();
  huge.emplace_back(1000, 'x');
  EXPECT_FALSE(WordPieceTokenizer::create(huge, {}));
}

// Models on the hub come with either file.
TEST(WordPiece, LoadsVocabTxtAlone) {
  const auto folder = TemporaryDirectory::create("wordpiece");
  ASSERT_TRUE(folder.has_value());
  const auto& path = (*folder)->path();
  EXPECT_EQ(load_tokenizer(path).error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(write_file_atomically(path / "vocab.txt", "[UNK]\r\n[CLS]\n[SEP]\nA\na\n"));
  const auto lower = load_tokenizer(path);
  ASSERT_TRUE(lower.has_value());
  EXPECT_EQ((*lower)->vocabulary_size(), 5U);
  EXPECT_THAT((*lower)->encode("A", 9), ElementsAre(1, 4, 2));
  ASSERT_TRUE(write_file_atomically(path / "tokenizer_config.json", R"({"do_lower_case":false})"));
  EXPECT_THAT((*load_tokenizer(path))->encode("A", 9), ElementsAre(1, 3, 2));
}

std::string tokenizer_json(std::string_view normalizer, std::string_view vocabulary) {
  return fmt::format(
      R"({{"model":{{"type":"WordPiece","unk_token":"?","vocab":{}}},"normalizer":{},
          "pre_tokenizer":{{"type":"BertPreTokenizer"}},
          "added_tokens":[{{"id":1,"content":"<s>","normalized":false,"single_word":false}}],
          "post_processor":{{"type":"RobertaProcessing","cls":["<s>",1],"sep":["</s>",2]}}}})",
      vocabulary, normalizer);
}

TEST(WordPiece, LoadsTokenizerJson) {
  const auto folder = TemporaryDirectory::create("wordpiece");
  ASSERT_TRUE(folder.has_value());
  const auto& path = (*folder)->path();
  const auto load = [&](const std::string& content) {
    EXPECT_TRUE(write_file_atomically(path / "tokenizer.json", content));
    return load_tokenizer(path);
  };
  const std::string vocabulary = R"({"?":0,"<s>":1,"</s>":2,"A":3,"a":7})";
  const auto good =
      load(tokenizer_json(R"({"type":"BertNormalizer","lowercase":false})", vocabulary));
  ASSERT_TRUE(good.has_value()) << good.error().message;
  EXPECT_THAT((*good)->encode("A<s>a b", 9), ElementsAre(1, 3, 1, 7, 0, 2));
  EXPECT_EQ((*good)->vocabulary_size(), 8U);

  const std::string normalizer = R"({"type":"BertNormalizer"})";
  EXPECT_EQ(load("{").error().code, ErrorCode::kDataLoss);
  EXPECT_EQ(load("[1]").error().code, ErrorCode::kDataLoss);
  EXPECT_EQ(load("{}").error().code, ErrorCode::kUnimplemented);
  EXPECT_EQ(load(tokenizer_json(R"({"type":"NFC"})", vocabulary)).error().code,
            ErrorCode::kUnimplemented);
  for (const char* bad : {"[]", R"({"a":-1})", R"({"a":99999999999})", R"({"a":"b"})"}) {
    EXPECT_EQ(load(tokenizer_json(normalizer, bad)).error().code, ErrorCode::kDataLoss) << bad;
  }
  EXPECT_EQ(load(tokenizer_json(normalizer, "{}")).error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace rage::text
