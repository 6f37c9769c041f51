// Against the vectors of the real sentence-transformers (tools/golden/embedding_golden.py).
#include "embed/local_embedder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/files.h"
#include "codec/json.h"
#include "embed/factory.h"
#include "test_paths.h"

namespace rage::embed {
namespace {

using ::testing::HasSubstr;

const std::filesystem::path kTestdata = test::source_dir() / "src/embed/testdata";
const std::filesystem::path kMiniLm = test::cache_dir() / "models/packaged/all-MiniLM-L6-v2";

struct GoldenRow {
  TextKind kind = TextKind::kPassage;
  std::string text;
  TokenIds ids;
  std::vector<float> vector;
};

std::vector<GoldenRow> read_golden(const std::filesystem::path& path) {
  const auto bytes = read_file(path, 1U << 20U);
  EXPECT_TRUE(bytes) << path;
  std::vector<GoldenRow> rows;
  std::istringstream lines(bytes.value_or(""));
  for (std::string line; std::getline(lines, line);) {
    const auto json = codec::parse_json(line);
    EXPECT_TRUE(json) << line;
    GoldenRow row{.text = codec::string_or(*json, "text", "")};
    if (codec::string_or(*json, "kind", "") == "query") row.kind = TextKind::kQuery;
    row.vector = json->at("vector").get<std::vector<float>>();
    if (json->contains("ids")) row.ids = json->at("ids").get<TokenIds>();
    rows.push_back(std::move(row));
  }
  EXPECT_FALSE(rows.empty());
  return rows;
}

double cosine(std::span<const float> a, std::span<const float> b) {
  double product = 0;
  double a2 = 0;
  double b2 = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    product += static_cast<double>(a[i]) * b[i];
    a2 += static_cast<double>(a[i]) * a[i];
    b2 += static_cast<double>(b[i]) * b[i];
  }
  return product / std::sqrt(a2 * b2);
}

double largest_difference(std::span<const float> a, std::span<const float> b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, static_cast<double>(std::abs(a[i] - b[i])));
  }
  return largest;
}

std::unique_ptr<LocalEmbedder> load(const std::filesystem::path& folder,
                                    const LocalEmbedderOptions& options = {}) {
  auto embedder = LocalEmbedder::load(folder, options);
  EXPECT_TRUE(embedder) << embedder.error().message << " " << embedder.error().detail;
  return embedder ? *std::move(embedder) : nullptr;
}

EmbeddingMatrix embed(LocalEmbedder& embedder, const std::vector<std::string>& texts,
                      TextKind kind = TextKind::kPassage) {
  auto matrix = embedder.embed({}, texts, kind);
  EXPECT_TRUE(matrix) << matrix.error().message << " " << matrix.error().detail;
  return *std::move(matrix);
}

struct Tolerance {
  const char* name;
  Precision precision;
  double cosine_min;      // To the reference;
  double sparse_min;      // of a text of one token or none.
  double difference_max;  // Of a row between two batch compositions.
};

class GoldenTest : public ::testing::TestWithParam<Tolerance> {};

INSTANTIATE_TEST_SUITE_P(Precisions, GoldenTest,
                         ::testing::Values(Tolerance{"F32", Precision::kF32, 0.9999, 0.9999, 1e-5},
                                           Tolerance{"Bf16", Precision::kBf16, 0.999, 0.999, 1e-3},
                                           Tolerance{"Int8", Precision::kInt8, 0.998, 0.996, 0}),
                         [](const auto& test) { return test.param.name; });

// A person who moves over from sentence-transformers keeps his index: the vectors are the same. And
// what else happens to be embedded at the same time must not change a vector.
TEST_P(GoldenTest, MiniLmMatchesSentenceTransformers) {
  auto loaded = LocalEmbedder::load(kMiniLm, {.precision = GetParam().precision});
  if (!loaded && loaded.error().code == ErrorCode::kUnimplemented) {
    GTEST_SKIP() << loaded.error().message;
  }
  ASSERT_TRUE(loaded) << loaded.error().message << " " << loaded.error().detail;
  const std::unique_ptr<LocalEmbedder> embedder = *std::move(loaded);
  EXPECT_EQ(embedder->id(), "all-MiniLM-L6-v2");
  EXPECT_EQ(embedder->dimension(), 384U);
  EXPECT_EQ(embedder->tokens_max(), 256U);
  const auto golden = read_golden(kTestdata / "minilm_golden.jsonl");
  std::vector<std::string> texts;
  for (const GoldenRow& row : golden) texts.push_back(row.text);
  const EmbeddingMatrix together = embed(*embedder, texts);
  for (std::size_t i = 0; i < golden.size(); ++i) {
    const bool sparse = golden[i].ids.size() <= 3;  // With the first and the last.
    EXPECT_GE(cosine(together.row(i), golden[i].vector),
              sparse ? GetParam().sparse_min : GetParam().cosine_min)
        << texts[i];
    EXPECT_NEAR(std::inner_product(together.row(i).begin(), together.row(i).end(),
                                   together.row(i).begin(), 0.0),
                1.0, 1e-5);
    const EmbeddingMatrix alone = embed(*embedder, {texts[i]});
    EXPECT_LE(largest_difference(alone.row(0), together.row(i)), GetParam().difference_max)
        << texts[i];
    if (golden[i].ids.size() < embedder->tokens_max()) {
      EXPECT_EQ(embedder->count_tokens(texts[i]), golden[i].ids.size() - 2) << texts[i];
    }
  }
}

// The other kind of folder: CLS pooling, "bert." prefix, F16 weights, prompts, no Normalize module.
TEST(LocalEmbedder, TinyClsModelMatchesSentenceTransformers) {
  const auto embedder =
      load(kTestdata / "tiny_cls_bert", {.id = "tiny", .precision = Precision::kF32});
  ASSERT_NE(embedder, nullptr);
  EXPECT_EQ(embedder->id(), "tiny");
  EXPECT_EQ(embedder->tokens_max(), 24U);
  for (const GoldenRow& row : read_golden(kTestdata / "tiny_cls_bert" / "golden.jsonl")) {
    const EmbeddingMatrix matrix = embed(*embedder, {row.text}, row.kind);
    EXPECT_GE(cosine(matrix.row(0), row.vector), 0.99999) << row.text;
  }
}

// The multilingual kind: sentencepiece, positions behind the padding's, "roberta." prefix, and the
// words that E5 expects by its name. The tokenizer may come in either of its files.
TEST(LocalEmbedder, TinyXlmRobertaMatchesSentenceTransformers) {
  const auto copy = TemporaryDirectory::create("rage-embed-");
  ASSERT_TRUE(copy);
  const std::filesystem::path pieces = (*copy)->path() / "model";
  std::filesystem::copy(kTestdata / "tiny_xlm_roberta", pieces,
                        std::filesystem::copy_options::recursive);
  std::filesystem::remove(pieces / "tokenizer.json");
  std::filesystem::copy(
      test::source_dir() / "src/text/testdata/tiny_unigram/sentencepiece.bpe.model", pieces);
  for (const std::filesystem::path& folder : {kTestdata / "tiny_xlm_roberta", pieces}) {
    const auto embedder =
        load(folder, {.id = "intfloat/multilingual-e5-small", .precision = Precision::kF32});
    ASSERT_NE(embedder, nullptr);
    EXPECT_EQ(embedder->tokens_max(), 40U);
    for (const GoldenRow& row : read_golden(kTestdata / "tiny_xlm_roberta" / "golden.jsonl")) {
      const EmbeddingMatrix matrix = embed(*embedder, {row.text}, row.kind);
      EXPECT_GE(cosine(matrix.row(0), row.vector), 0.99999) << row.text;
    }
  }
}

TEST(LocalEmbedder, ConcurrentCallersGetTheirOwnRows) {
  const auto embedder = load(kTestdata / "tiny_cls_bert", {.precision = Precision::kF32});
  ASSERT_NE(embedder, nullptr);
  const auto golden = read_golden(kTestdata / "tiny_cls_bert" / "golden.jsonl");
  std::vector<std::jthread> callers;
  for (unsigned caller = 0; caller < 8; ++caller) {
    callers.emplace_back([&, caller] {
      std::mt19937 random(caller);
      for (int i = 0; i < 20; ++i) {
        const GoldenRow& row = golden[random() % golden.size()];
        const std::vector<std::string> texts(1 + random() % 70, row.text);
        const EmbeddingMatrix matrix = embed(*embedder, texts, row.kind);
        for (std::size_t k = 0; k < texts.size(); ++k) {
          ASSERT_GE(cosine(matrix.row(k), row.vector), 0.9999) << row.text;
        }
      }
    });
  }
}

TEST(LocalEmbedder, HonoursTheContext) {
  const auto embedder = load(kTestdata / "tiny_cls_bert");
  ASSERT_NE(embedder, nullptr);
  std::stop_source stop;
  stop.request_stop();
  const std::vector<std::string> texts = {"who?"};
  const auto cancelled = embedder->embed({.stop = stop.get_token()}, texts, TextKind::kQuery);
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code, ErrorCode::kCancelled);
  const auto late = embedder->embed(Context::with_timeout(std::chrono::milliseconds(-1)), texts,
                                    TextKind::kQuery);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(embed(*embedder, {}).rows, 0U);
}

// A copy of the tiny model's folder with one file replaced.
class DamagedModelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto directory = TemporaryDirectory::create("rage-embed-");
    ASSERT_TRUE(directory);
    directory_ = *std::move(directory);
    std::filesystem::copy(kTestdata / "tiny_cls_bert", folder(),
                          std::filesystem::copy_options::recursive);
  }
  std::filesystem::path folder() const { return directory_->path() / "model"; }
  std::string read(const char* name) { return read_file(folder() / name, 1U << 20U).value_or(""); }
  void write(const char* name, const std::string& bytes) {
    ASSERT_TRUE(write_file_atomically(folder() / name, bytes));
  }
  void replace(const char* name, const std::string& from, const std::string& to) {
    std::string text = read(name);
    const auto at = text.find(from);
    ASSERT_NE(at, std::string::npos);
    write(name, text.replace(at, from.size(), to));
  }
  std::string error() {
    const auto embedder = make_embedder({.model = folder().string()});
    return embedder ? "" : embedder.error().message;
  }

 private:
  std::unique_ptr<TemporaryDirectory> directory_;
};

TEST_F(DamagedModelTest, NamesTheMissingTensor) {
  replace("model.safetensors", "bert.encoder.layer.1.output.dense.bias",
          "bert.encoder.layer.1.output.dense.bxxx");
  EXPECT_THAT(error(), HasSubstr("tensor 'bert.encoder.layer.1.output.dense.bias' is missing"));
}

TEST_F(DamagedModelTest, NamesTheTensorOfAnotherShape) {
  replace("config.json", "\"intermediate_size\": 64", "\"intermediate_size\": 65");
  EXPECT_THAT(error(), HasSubstr("has shape [64, 32], config.json says [65, 32]"));
}

TEST_F(DamagedModelTest, NamesTheArchitecture) {
  replace("config.json", "\"model_type\": \"bert\"", "\"model_type\": \"roberta\"");
  EXPECT_THAT(error(), HasSubstr("model_type 'roberta' is not supported yet"));
}

TEST_F(DamagedModelTest, RefusesATokenizerLargerThanTheModel) {
  write("vocab.txt", read("vocab.txt") + "more\n");
  EXPECT_THAT(error(), HasSubstr("the tokenizer knows 84 tokens"));
}

TEST_F(DamagedModelTest, RefusesACutOffFile) {
  const std::string whole = read("model.safetensors");
  write("model.safetensors", whole.substr(0, whole.size() - 1));
  EXPECT_THAT(error(), HasSubstr("model.safetensors"));
  write("model.safetensors", "");
  EXPECT_THAT(error(), HasSubstr("model.safetensors"));
}

}  // namespace
}  // namespace rage::embed
