#include "text/sentencepiece.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/strings.h"
#include "test_paths.h"
#include "text/detail/tokenizer_files.h"
#include "text/unicode.h"

namespace rage::text {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using Ids = std::vector<std::int32_t>;

const std::filesystem::path kFolder = test::source_dir() / "src/text/testdata/tiny_unigram";

std::string read(const char* name) {
  return read_file(kFolder / name, 1U << 20U).value_or("");
}

std::vector<json> golden_pieces() {
  const std::string bytes = read("golden.jsonl");
  std::vector<json> rows;
  for (const auto line : split(bytes, '\n')) {
    if (!line.empty()) rows.push_back(json::parse(line));
  }
  EXPECT_GT(rows.size(), 400U);
  return rows;
}

Result<std::unique_ptr<Tokenizer>> load(const std::string& file, const std::string& bytes,
                                        const std::string& kind = "XLMRobertaTokenizer") {
  const auto folder = TemporaryDirectory::create("unigram");
  EXPECT_TRUE(folder.has_value());
  const auto& path = (*folder)->path();
  EXPECT_TRUE(write_file_atomically(path / file, bytes));
  const json config = {{"tokenizer_class", kind}};
  EXPECT_TRUE(write_file_atomically(path / "tokenizer_config.json", config.dump()));
  return load_tokenizer(path);
}

Result<std::unique_ptr<Tokenizer>> load(const json& tokenizer) {
  return load("tokenizer.json", tokenizer.dump());
}

const Tokenizer& tiny() {
  static const auto tokenizer = load_tokenizer(kFolder);
  EXPECT_TRUE(tokenizer.has_value()) << tokenizer.error().message;
  return **tokenizer;
}

// The same tokenizer as other versions of `transformers` write it (VARIANTS of unigram_golden.py).
json variant(bool normalized) {
  json root = json::parse(read("tokenizer.json"));
  json steps = json::array({root["normalizer"]});
  if (!normalized) {
    steps.push_back({{"type", "Strip"}, {"strip_left", false}, {"strip_right", true}});
  }
  steps.push_back({{"type", "Replace"},
                   {"pattern", {{"Regex", " {2,}"}}},
                   {"content", normalized ? " " : "\u2581"}});
  root["normalizer"] = {{"type", "Sequence"}, {"normalizers", steps}};
  root["pre_tokenizer"] = root["pre_tokenizer"]["pretokenizers"][1];
  root["added_tokens"].back()["lstrip"] = true;
  root["added_tokens"].back()["normalized"] = normalized;
  return root;
}

void expect_golden(const Tokenizer& tokenizer, const char* name) {
  for (const json& row : golden_pieces()) {
    const auto text = row["text"].get<std::string>();
    const auto expected = row[row.contains(name) ? name : "ids"].get<Ids>();
    EXPECT_EQ(tokenizer.encode(text, 100000), expected) << row["text"].dump(-1, ' ', true);
    EXPECT_EQ(tokenizer.count(text), expected.size() - 2);
  }
}

// One id that differs and every embedding of that text differs from the one its index was built
// with.
TEST(SentencePiece, GivesTheIdsOfHuggingFaceTokenizers) {
  EXPECT_EQ(tiny().vocabulary_size(), json::parse(read("tokenizer.json"))["model"]["vocab"].size());
  expect_golden(tiny(), "ids");
  for (const bool normalized : {false, true}) {
    const auto other = load(variant(normalized));
    ASSERT_TRUE(other.has_value()) << other.error().message;
    expect_golden(**other, normalized ? "metaspace" : "strip");
  }
}

TEST(SentencePiece, GivesTheSameIdsFromTheSentencepieceFile) {
  for (const char* name : {"sentencepiece.bpe.model", "sentencepiece.model", "spiece.model"}) {
    const auto pieces = load(name, read("sentencepiece.bpe.model"));
    ASSERT_TRUE(pieces.has_value()) << pieces.error().message;
    EXPECT_EQ((*pieces)->vocabulary_size(), tiny().vocabulary_size());
    EXPECT_EQ((*pieces)->encode("the keynote", 99), tiny().encode("the keynote", 99));
    if (name == std::string_view("spiece.model")) expect_golden(**pieces, "ids");
  }
}

TEST(SentencePiece, CuttingKeepsThePrefix) {
  for (const json& row : golden_pieces()) {
    const auto whole = row["ids"].get<Ids>();
    for (const std::size_t most : {2U, 3U, 7U, 11U}) {
      if (whole.size() <= most) continue;
      Ids expected(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(most) - 1);
      expected.push_back(2);
      ASSERT_EQ(tiny().encode(row["text"].get<std::string>(), most), expected) << row["text"];
    }
  }
  EXPECT_THAT(tiny().encode("hello", 0), ElementsAre(0, 2));
}

// A word that does not end must be cut where the whole word would be, and not be kept.
TEST(SentencePiece, ReadsLongTextsInParts) {
  const auto word = [](std::size_t times) {
    std::string text;
    while (times-- > 0) text += "東京は大きいthe-keynote";
    return text;
  };
  const Ids one = tiny().encode(word(40), 100000);
  const Ids many = tiny().encode(word(2000), 1000000);
  EXPECT_TRUE(std::equal(one.begin(), one.end() - 1, many.begin()));
  EXPECT_EQ((one.size() - 3) * 50, many.size() - 3);  // <s>, the first "▁" and </s> apart.
  EXPECT_EQ(tiny().encode(word(2000), 12), tiny().encode(word(4), 12));
  EXPECT_EQ(tiny().count(std::string(50000, ' ') + "a" + std::string(50000, ' ')),
            tiny().count("a"));
  EXPECT_EQ(tiny().count(std::string(50000, '~')), 2U);  // One unknown token behind "▁".
}

TEST(SentencePiece, ReadsInvalidBytesAsReplacementCharacters) {
  for (const std::string_view text :
       {"hel\xFFlo world", "\xC0\x80hello\xED\xA0\x80 world\xF0\x9F\x98",
        "a\xCC <mask>\x80\xE2\x82", "\x81\xE2\x96"}) {
    EXPECT_EQ(tiny().encode(text, 64), tiny().encode(to_valid_utf8(text), 64));
  }
}

UnigramModel a_model() {
  return {.pieces = {{.text = "<s>"},
                     {.text = "</s>"},
                     {.text = "?"},
                     {.text = "\u2581", .score = -1},
                     {.text = "a", .score = -2},
                     {.text = "b", .score = -2},
                     {.text = "ab", .score = -4},
                     {.text = "\u2581a", .score = -3}},
          .unknown = 2,
          .first = 0,
          .last = 1};
}

Ids encode(UnigramModel model, std::string_view text) {
  const auto tokenizer = create_unigram_tokenizer(std::move(model));
  EXPECT_TRUE(tokenizer.has_value()) << tokenizer.error().message;
  return (*tokenizer)->encode(text, 64);
}

// Of equally likely ways `tokenizers` takes the one whose last piece begins first.
TEST(SentencePiece, FollowsItsModel) {
  EXPECT_THAT(encode(a_model(), "ab"), ElementsAre(0, 3, 6, 1));
  EXPECT_THAT(encode(a_model(), "b xyz"), ElementsAre(0, 3, 5, 3, 2, 1));
  UnigramModel added = a_model();
  added.added = {{.text = "<m>", .id = 40, .strip_left = true, .strip_right = true},
                 {.text = "<m>x", .id = 41}};
  EXPECT_THAT(encode(added, "b <m> b<m>xb"), ElementsAre(0, 3, 5, 40, 3, 5, 41, 3, 5, 1));
  EXPECT_EQ((*create_unigram_tokenizer(added))->vocabulary_size(), 42U);
}

// A map that makes `replacement` of "A": root, one child, its value.
std::string a_map(std::string_view replacement, std::uint32_t root_offset = 256,
                  std::uint32_t child_offset = 'A', std::uint32_t value = 0) {
  std::vector<std::uint32_t> units(512);
  units[0] = root_offset << 10U;
  units[256 ^ 'A'] = 'A' | 1U << 8U | child_offset << 10U;
  units[256] = value | 1U << 31U;
  const auto bytes = static_cast<std::uint32_t>(units.size() * sizeof(std::uint32_t));
  std::string out(sizeof bytes + bytes, '\0');
  std::memcpy(out.data(), &bytes, sizeof bytes);
  std::memcpy(out.data() + sizeof bytes, units.data(), bytes);
  return out.append(replacement).append(1, '\0');
}

TEST(SentencePiece, ReplacesCharacters) {
  UnigramModel model = a_model();
  model.character_map = a_map("ab");
  EXPECT_THAT(encode(model, "A"), ElementsAre(0, 3, 6, 1));
  EXPECT_THAT(encode(model, "A\u0301"),
              ElementsAre(0, 3, 6, 1));  // As `tokenizers`: the mark goes.
  model.character_map = a_map("");
  EXPECT_THAT(encode(model, "AbA"), ElementsAre(0, 3, 5, 1));
  model.character_map =
      a_map("b", 256, 0);  // The child leads to itself: its value is its own unit.
  EXPECT_FALSE(create_unigram_tokenizer(model));
}

// Files come from the network: whatever is in them, reading ends, and says so.
TEST(SentencePiece, RefusesDamagedMaps) {
  const std::string good = a_map("ab");
  std::string cut_character = a_map("\u00E9", 256, 'A', 1);
  std::string sizes[] = {good, good, good};
  sizes[0][0] = 2;
  sizes[1][2] = 1;
  sizes[2][3] = '\x7F';
  for (const std::string& map :
       {good.substr(0, 3), good.substr(0, 100), std::string(4, '\0'), sizes[0], sizes[1], sizes[2],
        a_map("ab", 512), a_map("ab", 1U << 21U), a_map("ab", 256, 1U << 20U), cut_character,
        a_map("ab", 256, 'A', 3), a_map("ab", 256, 'A', 0x7FFFFFFF), a_map("\xFF")}) {
    UnigramModel model = a_model();
    model.character_map = map;
    const auto made = create_unigram_tokenizer(std::move(model));
    ASSERT_FALSE(made.has_value());
    EXPECT_EQ(made.error().code, ErrorCode::kDataLoss);
  }
}

TEST(SentencePiece, RefusesImpossibleModels) {
  const auto code = [](auto change) {
    UnigramModel model = a_model();
    change(model);
    const auto made = create_unigram_tokenizer(std::move(model));
    return made ? ErrorCode::kInternal : made.error().code;
  };
  EXPECT_EQ(code([](auto& model) { model.pieces.clear(); }), ErrorCode::kDataLoss);
  EXPECT_EQ(code([](auto& model) { model.unknown = 8; }), ErrorCode::kDataLoss);
  EXPECT_EQ(code([](auto& model) { model.first = -1; }), ErrorCode::kDataLoss);
  EXPECT_EQ(code([](auto& model) { model.pieces[4].score = NAN; }), ErrorCode::kDataLoss);
  EXPECT_EQ(code([](auto& model) { model.pieces[4].text = "\xFF"; }), ErrorCode::kDataLoss);
  EXPECT_EQ(code([](auto& model) { model.added = {{.text = ""}}; }), ErrorCode::kDataLoss);
  EXPECT_EQ(code([](auto& model) { model.added = {{.text = "a", .id = -1}}; }),
            ErrorCode::kDataLoss);
  EXPECT_EQ(code([](auto& model) { model.pieces[4].text = std::string(257, 'x'); }),
            ErrorCode::kResourceExhausted);
  EXPECT_EQ(code([](auto& model) { model.pieces.resize((1U << 20U) + 1); }),
            ErrorCode::kResourceExhausted);
}

std::string field(int number, std::string_view bytes) {
  std::string out;
  out += static_cast<char>(number << 3 | 2);
  out += static_cast<char>(bytes.size());
  return out.append(bytes);
}

TEST(SentencePiece, RefusesDamagedSentencepieceFiles) {
  const std::string good = read("sentencepiece.bpe.model");
  ASSERT_TRUE(parse_xlm_roberta_pieces(good));
  for (std::size_t size = 0; size < good.size() / 5; size += 7) {  // Among the pieces.
    const auto cut = parse_xlm_roberta_pieces(good.substr(0, size));
    ASSERT_FALSE(cut.has_value()) << size;
    EXPECT_EQ(cut.error().code, ErrorCode::kDataLoss);
  }
  EXPECT_FALSE(parse_xlm_roberta_pieces(""));
  EXPECT_FALSE(parse_xlm_roberta_pieces(std::string(20, '\xFF')));
  EXPECT_FALSE(parse_xlm_roberta_pieces("\x0A\x7F short"));
  EXPECT_FALSE(parse_xlm_roberta_pieces(std::string(1000, '\x0B')));  // Groups.
  // A field 0, found by fuzzing: it was taken for one whose bytes are wanted.
  const auto refused = parse_xlm_roberta_pieces(good + field(2, std::string("\x02\0", 2)));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kDataLoss);
}

TEST(SentencePiece, NamesWhatASentencepieceFileHasBeyondIt) {
  const std::string good = read("sentencepiece.bpe.model");
  const std::pair<std::string, const char*> cases[] = {
      {field(2, "\x18\x02"), "model_type"},         // BPE
      {field(2, "\x98\x02\x01"), "byte_fallback"},  // Field 35.
      {field(3, std::string("\x18\0", 2)), "add_dummy_prefix"},
      {field(3, std::string("\x20\0", 2)), "remove_extra_whitespaces"},
      {field(1, "\x0A\x01x\x18\x04"), "a piece of another type"}};
  for (const auto& [more, reason] : cases) {
    const auto refused = parse_xlm_roberta_pieces(good + more);
    ASSERT_FALSE(refused.has_value()) << reason;
    EXPECT_EQ(refused.error().code, ErrorCode::kUnimplemented);
    EXPECT_THAT(refused.error().message, HasSubstr(reason));
  }
  const auto other = load("spiece.model", good, "T5Tokenizer");
  ASSERT_FALSE(other.has_value());
  EXPECT_EQ(other.error().code, ErrorCode::kUnimplemented);
  EXPECT_THAT(other.error().message, HasSubstr("'T5Tokenizer'"));
}

// Tokens that are nearly right give vectors that are nearly right, which nobody notices.
TEST(SentencePiece, NamesWhatATokenizerJsonHasBeyondIt) {
  const json good = json::parse(read("tokenizer.json"));
  const auto patched = [&](const char* patch) {
    json root = good;
    root.merge_patch(json::parse(patch));
    auto model = detail::unigram_from_json(root);
    if (!model) return model.error().message;
    const auto made = create_unigram_tokenizer(*std::move(model));
    return made ? "loaded" : made.error().message;
  };
  EXPECT_EQ(patched("{}"), "loaded");
  EXPECT_EQ(patched(R"({"normalizer":null})"), "loaded");
  const std::pair<const char*, const char*> cases[] = {
      {R"({"model":{"byte_fallback":true}})", "byte_fallback"},
      {R"({"model":{"unk_id":null}})", "unk_id"},
      {R"({"model":{"unk_id":99999}})", "unknown piece"},
      {R"({"model":{"vocab":{}}})", "model.vocab"},
      {R"({"model":{"vocab":[["a"]]}})", "a piece of model.vocab"},
      {R"({"normalizer":{"type":"NFKC"}})", "normalizer 'NFKC'"},
      {R"({"normalizer":{"precompiled_charsmap":"?"}})", "base64"},
      {R"({"normalizer":{"type":"Replace","pattern":{"String":"a"},"content":" "}})", "Replace"},
      {R"({"normalizer":{"type":"Sequence","normalizers":[
           {"type":"Replace","pattern":{"Regex":" {2,}"},"content":" "},{"type":"Strip"}]}})",
       "order"},
      {R"({"pre_tokenizer":{"type":"ByteLevel"}})", "pre_tokenizer"},
      {R"({"pre_tokenizer":{"type":"Metaspace","replacement":"_"}})", "replacement"},
      {R"({"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"first"}})",
       "prepend_scheme"},
      {R"({"pre_tokenizer":{"type":"Metaspace","replacement":"▁","add_prefix_space":false}})",
       "prepend_scheme"},
      {R"({"pre_tokenizer":{"type":"Metaspace","replacement":"▁","split":false}})", "split"},
      {R"({"post_processor":null})", "post_processor"},
      {R"({"post_processor":{"special_tokens":{"<s>":{"ids":[-1]}}}})", "post_processor"},
      {R"({"added_tokens":[{"content":"a"}]})", "added_tokens"},
      {R"({"added_tokens":[{"content":"a","id":1,"single_word":true}]})", "single word"},
      {R"({"added_tokens":[{"content":"a b","id":1,"normalized":true}]})", "a space"}};
  for (const auto& [patch, reason] : cases) EXPECT_THAT(patched(patch), HasSubstr(reason));
  const auto other = load("tokenizer.json", R"({"model":{"type":"BPE","vocab":{}}})");
  ASSERT_FALSE(other.has_value());
  EXPECT_THAT(other.error().message, HasSubstr("model 'BPE'"));
}

}  // namespace
}  // namespace rage::text
