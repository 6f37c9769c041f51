// What a sentence-transformers folder says about its encoder: config.json, modules.json, the
// pooling module, sentence_bert_config.json and config_sentence_transformers.json.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
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
  std::size_t positions = 0;  // Rows of the position table.
  std::size_t position_first =
      0;  // Of a text's first token: XLM-RoBERTa's come after its padding's.
  std::size_t token_types = 0;
  double layer_norm_epsilon = 1e-12;
  std::size_t tokens_max = 0;  // Of one text, special tokens included; they fit the position table.
  Pooling pooling = Pooling::kMean;
  std::string query_prefix = {};
  std::string passage_prefix = {};
};

// Reads BERT and XLM-RoBERTa. kUnimplemented for what we cannot compute ("model_type 'roberta' is
// not supported yet"), kInvalidArgument for a folder that contradicts itself, kNotFound without
// config.json. `model_id` ("BAAI/bge-small-en-v1.5") may name a model with well-known prefixes; so
// may the folder's own name. They count only where the folder has no prompts of its own.
Result<BertConfig> read_bert_config(const std::filesystem::path& folder, std::string_view model_id);

// Rows of the position table for the tokens of one text: as many positions as ids, which fit it.
void number_positions(const BertConfig& config, std::span<const std::int32_t> ids,
                      std::span<std::int32_t> positions);

// What is put before questions and passages.
struct Prefixes {
  std::string_view query = {};
  std::string_view passage = {};
};

// What models expect but do not all carry in their files: the instruction of BGE v1 and v1.5 before
// a question, "query: " and "passage: " of E5. Empty for any other model. The organisation before
// the slash may be missing.
Prefixes well_known_prefixes(std::string_view model_id);

}  // namespace rage::embed
