// What a sentence-transformers folder says about its encoder: config.json, modules.json, the
// pooling module, sentence_bert_config.json and config_sentence_transformers.json.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"

namespace rage::embed {

enum class Pooling { kMean, kCls };

// Value. Sizes are positive and small enough that products of two cannot overflow.
struct BertConfig {
  std::size_t vocabulary = 0;
  std::size_t hidden = 0;
  std::size_t layers = 0;
  std::size_t heads = 0;
  std::size_t intermediate = 0;
  std::size_t positions = 0;
  std::size_t token_types = 0;
  double layer_norm_epsilon = 1e-12;
  std::size_t tokens_max = 0;  // Of one text, special tokens included; at most `positions`.
  Pooling pooling = Pooling::kMean;
  std::string query_prefix = {};
  std::string passage_prefix = {};
};

// kUnimplemented for what we cannot compute ("model_type 'roberta' is not supported yet"),
// kInvalidArgument for a folder that contradicts itself, kNotFound without config.json.
// `model_id` ("BAAI/bge-small-en-v1.5") may name a model with a well-known query prefix; so may the
// folder's own name.
Result<BertConfig> read_bert_config(const std::filesystem::path& folder, std::string_view model_id);

// The instruction that BGE v1 and v1.5 expect before a question but do not carry in their files;
// empty for any other model. The organisation before the slash may be missing.
std::string_view well_known_query_prefix(std::string_view model_id);

}  // namespace rage::embed
