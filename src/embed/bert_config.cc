#include "embed/bert_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/files.h"
#include "codec/json.h"

namespace rage::embed {
namespace {

using codec::Json;

constexpr std::uint64_t kConfigBytesMax = std::uint64_t{4} << 20;
constexpr std::size_t kSizeMax = std::size_t{1} << 24;
constexpr std::string_view kBert = "bert";
constexpr std::string_view kXlmRoberta = "xlm-roberta";

// An absent file reads as an empty object: all but config.json are optional.
Result<Json> read_json(const std::filesystem::path& path) {
  auto bytes = read_file(path, kConfigBytesMax);
  if (!bytes && bytes.error().code == ErrorCode::kNotFound) return Json::object();
  if (!bytes) return fail(std::move(bytes).error());
  auto value = codec::parse_json(*bytes, {.depth_max = 16});
  if (!value) return fail(std::move(value).error().with_context(path.string()));
  return value;
}

Result<std::size_t> size_field(const Json& config, std::string_view key, std::size_t size_max) {
  const Json* value = codec::find_key(config, key);
  if (value == nullptr || !value->is_number_unsigned() || value->get<std::uint64_t>() == 0 ||
      value->get<std::uint64_t>() > size_max) {
    return fail(ErrorCode::kInvalidArgument,
                "config.json: '{}' must be a whole number from 1 to {}", key, size_max);
  }
  return value->get<std::size_t>();
}

// A silent approximation would give wrong vectors, so whatever is not exactly this is refused.
Result<void> check_architecture(const Json& config) {
  const std::string type = codec::string_or(config, "model_type", kBert);
  if (type != kBert && type != kXlmRoberta) {
    return fail(ErrorCode::kUnimplemented, "model_type '{}' is not supported yet", type);
  }
  constexpr std::array<std::array<std::string_view, 2>, 2> kSupported = {{
      {"hidden_act", "gelu"},
      {"position_embedding_type", "absolute"},
  }};
  for (const auto& [key, supported] : kSupported) {
    const std::string value = codec::string_or(config, key, supported);
    if (value != supported) {
      return fail(ErrorCode::kUnimplemented, "{} '{}' is not supported yet", key, value);
    }
  }
  return {};
}

// XLM-RoBERTa's positions begin behind the one of its padding token.
Result<std::size_t> read_position_first(const Json& config, std::size_t positions) {
  const double padding = codec::number_or(config, "pad_token_id", 1);
  if (!(padding >= 0 && padding + 1 < static_cast<double>(positions)) ||
      padding != std::floor(padding)) {
    return fail(ErrorCode::kInvalidArgument, "config.json: 'pad_token_id' leaves no positions");
  }
  return static_cast<std::size_t>(padding) + 1;
}

Result<void> read_architecture(const Json& config, BertConfig& bert) {
  RETURN_IF_ERROR(check_architecture(config));
  ASSIGN_OR_RETURN(bert.vocabulary, size_field(config, "vocab_size", kSizeMax));
  ASSIGN_OR_RETURN(bert.hidden, size_field(config, "hidden_size", 16384));
  ASSIGN_OR_RETURN(bert.layers, size_field(config, "num_hidden_layers", 256));
  ASSIGN_OR_RETURN(bert.heads, size_field(config, "num_attention_heads", 1024));
  ASSIGN_OR_RETURN(bert.intermediate, size_field(config, "intermediate_size", 131072));
  ASSIGN_OR_RETURN(bert.positions, size_field(config, "max_position_embeddings", 131072));
  ASSIGN_OR_RETURN(bert.token_types, size_field(config, "type_vocab_size", 1024));
  if (codec::string_or(config, "model_type", kBert) == kXlmRoberta) {
    ASSIGN_OR_RETURN(bert.position_first, read_position_first(config, bert.positions));
  }
  bert.layer_norm_epsilon = codec::number_or(config, "layer_norm_eps", 1e-12);
  if (!(bert.layer_norm_epsilon > 0 && bert.layer_norm_epsilon < 1)) {
    return fail(ErrorCode::kInvalidArgument, "config.json: 'layer_norm_eps' must be in (0, 1)");
  }
  if (bert.hidden % bert.heads != 0) {
    return fail(ErrorCode::kInvalidArgument,
                "config.json: 'hidden_size' {} is no multiple of 'num_attention_heads' {}",
                bert.hidden, bert.heads);
  }
  return {};
}

// Newer files say "pooling_mode": "mean"; older ones have one boolean a mode.
Result<Pooling> parse_pooling(const Json& config) {
  const Json* prompt = codec::find_key(config, "include_prompt");
  if (prompt != nullptr && prompt->is_boolean() && !prompt->get<bool>()) {
    return fail(ErrorCode::kUnimplemented,
                "pooling with 'include_prompt' false is not supported yet");
  }
  std::string mode;
  if (const Json* value = codec::find_key(config, "pooling_mode")) {
    mode = value->is_string() ? value->get<std::string>() : codec::render_json(*value);
  } else {
    for (const auto& [key, enabled] : config.items()) {
      if (key.starts_with("pooling_mode_") && enabled.is_boolean() && enabled.get<bool>()) {
        mode += (mode.empty() ? "" : "+") + key.substr(std::string_view("pooling_mode_").size());
      }
    }
  }
  if (mode.empty() || mode == "mean" || mode == "mean_tokens") return Pooling::kMean;
  if (mode == "cls" || mode == "cls_token") return Pooling::kCls;
  return fail(ErrorCode::kUnimplemented, "pooling mode '{}' is not supported yet", mode);
}

// A folder from the network must not make us read outside of it.
Result<std::filesystem::path> module_folder(const std::filesystem::path& folder,
                                            const std::string& name) {
  const std::filesystem::path relative(name);
  const bool leaves = relative.is_absolute() || std::ranges::find(relative, "..") != relative.end();
  if (leaves)
    return fail(ErrorCode::kInvalidArgument, "modules.json: path '{}' leaves the folder", name);
  return folder / relative;
}

Result<void> read_modules(const std::filesystem::path& folder, BertConfig& bert) {
  ASSIGN_OR_RETURN(const Json modules, read_json(folder / "modules.json"));
  for (const Json& module : modules) {
    const std::string full_type = codec::string_or(module, "type", "");
    const std::string type = full_type.substr(full_type.rfind('.') + 1);
    const std::string path = codec::string_or(module, "path", "");
    if (type == "Transformer" && path.empty()) continue;
    if (type == "Normalize") continue;  // Our rows have length 1 with or without it.
    if (type != "Pooling") {
      return fail(ErrorCode::kUnimplemented,
                  "modules.json: module '{}' at '{}' is not supported yet", type, path);
    }
    ASSIGN_OR_RETURN(const auto pooling_folder, module_folder(folder, path));
    ASSIGN_OR_RETURN(const Json pooling, read_json(pooling_folder / "config.json"));
    ASSIGN_OR_RETURN(bert.pooling, parse_pooling(pooling));
  }
  return {};
}

// sentence-transformers' own order of preference for each side.
std::string find_prompt(const Json& config, const std::vector<std::string_view>& names) {
  const Json* prompts = codec::find_key(config, "prompts");
  if (prompts == nullptr) return {};
  for (const std::string_view name : names) {
    if (codec::find_key(*prompts, name) != nullptr) return codec::string_or(*prompts, name, "");
  }
  return codec::string_or(*prompts, codec::string_or(config, "default_prompt_name", ""), "");
}

Result<void> read_prompts(const std::filesystem::path& folder, std::string_view model_id,
                          BertConfig& bert) {
  ASSIGN_OR_RETURN(const Json config, read_json(folder / "config_sentence_transformers.json"));
  bert.query_prefix = find_prompt(config, {"query"});
  bert.passage_prefix = find_prompt(config, {"document", "passage", "corpus"});
  if (!bert.query_prefix.empty() || !bert.passage_prefix.empty()) return {};
  const std::string folder_name = folder.filename().string();
  Prefixes known = well_known_prefixes(model_id);
  if (known.query.empty()) known = well_known_prefixes(folder_name);
  bert.query_prefix = known.query;
  bert.passage_prefix = known.passage;
  return {};
}

Result<void> read_length(const std::filesystem::path& folder, BertConfig& bert) {
  ASSIGN_OR_RETURN(const Json sentence, read_json(folder / "sentence_bert_config.json"));
  ASSIGN_OR_RETURN(const Json tokenizer, read_json(folder / "tokenizer_config.json"));
  const double limit = codec::number_or(sentence, "max_seq_length",
                                        codec::number_or(tokenizer, "model_max_length", 1e30));
  const std::size_t positions = bert.positions - bert.position_first;
  bert.tokens_max = limit < static_cast<double>(positions)
                        ? static_cast<std::size_t>(std::max(limit, 0.0))
                        : positions;
  if (bert.tokens_max < 3) {
    return fail(ErrorCode::kInvalidArgument,
                "sentence_bert_config.json: 'max_seq_length' is too small");
  }
  return {};
}

constexpr std::array<std::string_view, 3> kSizes = {"small", "base", "large"};

bool is_size(std::string_view name) {
  return std::ranges::find(kSizes, name) != kSizes.end();
}

// "bge-small-en-v1.5", "bge-base-zh"
std::string_view bge_instruction(std::string_view name) {
  if (!name.starts_with("bge-")) return {};
  name.remove_prefix(4);
  if (name.ends_with("-v1.5")) name.remove_suffix(5);
  const std::string_view size = name.substr(0, name.find('-'));
  if (!is_size(size)) return {};
  const std::string_view language = name.substr(size.size());
  if (language == "-en") return "Represent this question for searching relevant passages: ";
  if (language == "-zh") return "为这个句子生成表示以用于检索相关文章：";
  return {};
}

// "e5-small", "e5-base-v2", "multilingual-e5-large"; those for instructions take other words.
bool is_e5(std::string_view name) {
  if (name.starts_with("multilingual-")) {
    name.remove_prefix(std::string_view("multilingual-").size());
  } else if (name.ends_with("-v2")) {
    name.remove_suffix(3);
  }
  return name.starts_with("e5-") && is_size(name.substr(3));
}

}  // namespace

Result<BertConfig> read_bert_config(const std::filesystem::path& folder,
                                    std::string_view model_id) {
  ASSIGN_OR_RETURN(const std::string bytes, read_file(folder / "config.json", kConfigBytesMax));
  auto config = codec::parse_json(bytes, {.depth_max = 16});
  if (!config) return fail(std::move(config).error().with_context("config.json"));
  BertConfig bert;
  RETURN_IF_ERROR(read_architecture(*config, bert));
  RETURN_IF_ERROR(read_modules(folder, bert));
  RETURN_IF_ERROR(read_prompts(folder, model_id, bert));
  RETURN_IF_ERROR(read_length(folder, bert));
  return bert;
}

void number_positions(const BertConfig& config, std::span<const std::int32_t> ids,
                      std::span<std::int32_t> positions) {
  CHECK(ids.size() <= config.positions - config.position_first && positions.size() == ids.size());
  const std::int32_t padding = static_cast<std::int32_t>(config.position_first) - 1;
  auto next = static_cast<std::int32_t>(config.position_first);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    // XLM-RoBERTa counts no padding token, not even one that stands in a text.
    positions[i] = ids[i] == padding ? padding : next++;
  }
}

Prefixes well_known_prefixes(std::string_view model_id) {
  const std::string_view name = model_id.substr(model_id.rfind('/') + 1);
  if (is_e5(name)) return {.query = "query: ", .passage = "passage: "};
  return {.query = bge_instruction(name)};
}

}  // namespace rage::embed
