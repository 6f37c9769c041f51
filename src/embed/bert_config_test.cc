#include "embed/bert_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "base/files.h"

namespace rage::embed {
namespace {

using ::testing::HasSubstr;

using Files = std::map<std::string, std::string>;

const std::string kConfig =
    R"({"model_type":"bert","vocab_size":100,"hidden_size":32,"num_hidden_layers":2,)"
    R"("num_attention_heads":4,"intermediate_size":64,"max_position_embeddings":40,)"
    R"("type_vocab_size":2,"layer_norm_eps":1e-5,"hidden_act":"gelu")";

std::string a_config(const std::string& more = "") {
  return kConfig + more + "}";
}

Result<BertConfig> read(const Files& files, std::string_view model_id = "a-model") {
  auto directory = TemporaryDirectory::create("rage-bert-config-");
  if (!directory) return fail(directory.error());
  for (const auto& [name, text] : files) {
    const auto path = (*directory)->path() / name;
    RETURN_IF_ERROR(ensure_directory(path.parent_path()));
    RETURN_IF_ERROR(write_file_atomically(path, text));
  }
  return read_bert_config((*directory)->path(), model_id);
}

TEST(BertConfig, ReadsAWholeFolder) {
  const auto config = read({
      {"config.json", a_config()},
      {"modules.json", R"([{"path":"","type":"sentence_transformers.models.Transformer"},
                           {"path":"1_Pooling","type":"sentence_transformers.models.Pooling"},
                    {"path":"2_Normalize","type":"sentence_transformers.models.Normalize"}])"},
      {"1_Pooling/config.json",
       R"({"pooling_mode_cls_token":true,"pooling_mode_mean_tokens":false})"},
      {"sentence_bert_config.json", R"({"max_seq_length":24})"},
      {"config_sentence_transformers.json", R"({"prompts":{"query":"q: ","passage":"p: "}})"},
  });
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->hidden, 32U);
  EXPECT_EQ(config->layers, 2U);
  EXPECT_EQ(config->heads, 4U);
  EXPECT_EQ(config->tokens_max, 24U);
  EXPECT_DOUBLE_EQ(config->layer_norm_epsilon, 1e-5);
  EXPECT_EQ(config->pooling, Pooling::kCls);
  EXPECT_EQ(config->query_prefix, "q: ");
  EXPECT_EQ(config->passage_prefix, "p: ");
}

TEST(BertConfig, ABareFolderMeansMeanPoolingAndAllPositions) {
  const auto config = read({{"config.json", a_config()}});
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->pooling, Pooling::kMean);
  EXPECT_EQ(config->tokens_max, 40U);
  EXPECT_EQ(config->query_prefix, "");
}

// "no limit" is written as 1e30 by some tools; a length past the position table would read beyond
// it.
TEST(BertConfig, LengthIsCappedByThePositionTable) {
  const auto config =
      read({{"config.json", a_config()},
            {"tokenizer_config.json", R"({"model_max_length":1000000000000000019884624838656})"}});
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->tokens_max, 40U);
}

TEST(BertConfig, NewerPoolingFilesNameTheMode) {
  const Files files = {
      {"config.json", a_config()},
      {"modules.json", R"([{"path":"1_Pooling","type":"x.modules.pooling.Pooling"}])"},
      {"1_Pooling/config.json", R"({"pooling_mode":"cls"})"}};
  const auto config = read(files);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->pooling, Pooling::kCls);
}

struct Refusal {
  Files files;
  ErrorCode code;
  std::string_view reason;
};

// Vectors that are nearly right are worse than none: whatever we cannot compute exactly is refused.
TEST(BertConfig, NamesWhatItCannotCompute) {
  const auto pooled = [](const std::string& pooling, const std::string& path = "1_Pooling") {
    return Files{{"config.json", a_config()},
                 {"modules.json", R"([{"path":")" + path + R"(","type":"m.Pooling"}])"},
                 {"1_Pooling/config.json", pooling}};
  };
  const Refusal cases[] = {
      {{}, ErrorCode::kNotFound, "config.json"},
      {{{"config.json", "{"}}, ErrorCode::kInvalidArgument, "config.json"},
      {{{"config.json", R"({"model_type":"roberta"})"}},
       ErrorCode::kUnimplemented,
       "model_type 'roberta' is not supported yet"},
      {{{"config.json", R"({"model_type":"bert","hidden_act":"relu"})"}},
       ErrorCode::kUnimplemented,
       "hidden_act 'relu'"},
      {{{"config.json", a_config(R"(,"position_embedding_type":"relative_key")")}},
       ErrorCode::kUnimplemented,
       "relative_key"},
      {{{"config.json", R"({"model_type":"bert"})"}}, ErrorCode::kInvalidArgument, "'vocab_size'"},
      {{{"config.json", a_config(R"(,"num_attention_heads":5)")}},
       ErrorCode::kInvalidArgument,
       "no multiple"},
      {{{"config.json", a_config(R"(,"layer_norm_eps":0)")}},
       ErrorCode::kInvalidArgument,
       "layer_norm_eps"},
      {pooled(R"({"pooling_mode_max_tokens":true})"), ErrorCode::kUnimplemented, "'max_tokens'"},
      {pooled(R"({"pooling_mode_cls_token":true,"pooling_mode_mean_tokens":true})"),
       ErrorCode::kUnimplemented, "'cls_token+mean_tokens'"},
      {pooled(R"({"pooling_mode":["cls","mean"]})"), ErrorCode::kUnimplemented, "pooling mode"},
      {pooled(R"({"pooling_mode":"mean","include_prompt":false})"), ErrorCode::kUnimplemented,
       "include_prompt"},
      {pooled("{}", "../1_Pooling"), ErrorCode::kInvalidArgument, "leaves the folder"},
      {{{"config.json", a_config()},
        {"modules.json", R"([{"path":"2_Dense","type":"sentence_transformers.models.Dense"}])"}},
       ErrorCode::kUnimplemented,
       "module 'Dense'"},
      {{{"config.json", a_config()}, {"sentence_bert_config.json", R"({"max_seq_length":2})"}},
       ErrorCode::kInvalidArgument,
       "max_seq_length"},
  };
  for (const auto& [files, code, reason] : cases) {
    const auto config = read(files);
    ASSERT_FALSE(config) << reason;
    EXPECT_EQ(config.error().code, code) << config.error().message;
    EXPECT_THAT(config.error().message, HasSubstr(reason));
  }
}

// XLM-RoBERTa's first two positions belong to no text; a text as long as the table would read past
// it.
TEST(BertConfig, XlmRobertaBeginsBehindItsPadding) {
  std::string config = a_config(R"(,"pad_token_id":1)");
  config.replace(config.find("bert"), 4, "xlm-roberta");
  const auto read_one = read({{"config.json", config}});
  ASSERT_TRUE(read_one) << read_one.error().message;
  EXPECT_EQ(read_one->position_first, 2U);
  EXPECT_EQ(read_one->tokens_max, 38U);
  for (const char* padding : {"39", "-1", "1.5", "1e30"}) {
    std::string other = config;
    other.replace(other.rfind('1'), 1, padding);
    const auto refused = read({{"config.json", other}});
    ASSERT_FALSE(refused) << padding;
    EXPECT_THAT(refused.error().message, HasSubstr("pad_token_id"));
  }
}

// BGE and E5 rank visibly worse when their words are missing or put before another model's texts.
TEST(BertConfig, KnowsPrefixesByName) {
  const std::string_view english = "Represent this question for searching relevant passages: ";
  const auto query = [](std::string_view name) { return well_known_prefixes(name).query; };
  EXPECT_EQ(query("BAAI/bge-small-en-v1.5"), english);
  EXPECT_EQ(query("bge-base-en"), english);
  EXPECT_EQ(query("BAAI/bge-large-en-v1.5"), english);
  EXPECT_THAT(query("BAAI/bge-small-zh-v1.5"), HasSubstr("检索"));
  EXPECT_EQ(well_known_prefixes("bge-base-en").passage, "");
  for (const auto* e5 : {"intfloat/multilingual-e5-small", "multilingual-e5-large", "e5-base-v2",
                         "intfloat/e5-small"}) {
    EXPECT_EQ(query(e5), "query: ") << e5;
    EXPECT_EQ(well_known_prefixes(e5).passage, "passage: ") << e5;
  }
  for (const auto* other :
       {"BAAI/bge-m3", "bge-small", "BAAI/bge-small-en-v1.5-onnx", "bge-tiny-en",
        "sentence-transformers/all-MiniLM-L6-v2", "", "bge-", "e5-", "e5-mistral-7b-instruct",
        "multilingual-e5-large-instruct", "multilingual-e5-base-v2"}) {
    EXPECT_EQ(query(other), "") << other;
    EXPECT_EQ(well_known_prefixes(other).passage, "") << other;
  }
  const auto config = read({{"config.json", a_config()}}, "BAAI/bge-small-en-v1.5");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->query_prefix, english);
  EXPECT_EQ(config->passage_prefix, "");
}

// A folder that says what it wants is not overruled by its name.
TEST(BertConfig, PromptsOfTheFolderComeFirst) {
  const auto config =
      read({{"config.json", a_config()},
            {"config_sentence_transformers.json", R"({"prompts":{"query":"q: ","document":""}})"}},
           "intfloat/multilingual-e5-small");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->query_prefix, "q: ");
  EXPECT_EQ(config->passage_prefix, "");
}

}  // namespace
}  // namespace rage::embed
