// describe_model(): a model of which only its repository is known.
#include <algorithm>
#include <limits>

#include "base/strings.h"
#include "catalog/catalog.h"
#include "catalog/detail/attention.h"
#include "catalog/detail/config_reader.h"
#include "catalog/detail/vllm_rules.h"

namespace rage::catalog {
namespace {

using detail::integer_or;
using detail::kDimensionMax;
using detail::kLayersMax;
using detail::WeightFormat;

struct Weights {
  std::uint64_t listed_bytes = 0;  // As KAITO counts them, `original/` included.
  std::uint64_t loaded_bytes = 0;
  WeightFormat format = WeightFormat::kHuggingFace;
};

template <class Matches>
std::uint64_t sum_of(std::span<const RepositoryFile> files, Matches&& matches) {
  std::uint64_t sum = 0;
  for (const RepositoryFile& file : files) {
    if (!matches(std::string_view(file.path))) continue;
    sum += std::min(file.bytes, std::numeric_limits<std::uint64_t>::max() - sum);
  }
  return sum;
}

// State of a training that lies beside the weights.
bool is_training_state(std::string_view path) {
  return path == "training_args.bin" || path == "optimizer.bin" || path == "scheduler.bin";
}

// One format is loaded: Mistral's consolidated files, else safetensors, else PyTorch's. Folders
// hold the same weights once more (original/), or other models (onnx/, a draft); what lies at the
// top is loaded. Where nothing does, everything but original/ counts: too much rather than nothing.
Weights weights_of(std::span<const RepositoryFile> files) {
  const auto is_original = [](std::string_view path) { return path.starts_with("original/"); };
  const auto is_at_top = [](std::string_view path) { return !path.contains('/'); };
  const auto is_consolidated = [](std::string_view path) {
    return path.starts_with("consolidated") && path.ends_with(".safetensors");
  };
  if (const std::uint64_t bytes = sum_of(files, is_consolidated); bytes > 0) {
    return {.listed_bytes = bytes, .loaded_bytes = bytes, .format = WeightFormat::kMistral};
  }
  for (const std::string_view suffix : {".safetensors", ".bin"}) {
    const std::uint64_t listed =
        sum_of(files, [&](std::string_view path) { return path.ends_with(suffix); });
    const std::uint64_t at_top = sum_of(files, [&](std::string_view path) {
      return path.ends_with(suffix) && is_at_top(path) && !is_training_state(path);
    });
    const std::uint64_t below = sum_of(
        files, [&](std::string_view path) { return path.ends_with(suffix) && !is_original(path); });
    if (listed > 0) return {.listed_bytes = listed, .loaded_bytes = at_top > 0 ? at_top : below};
  }
  return {};
}

// The first that vLLM serves; "" when none is named (params.json of Mistral).
Result<std::string> architecture_of(std::string_view id, const Json& config) {
  const Json* names = codec::find_key(config, "architectures");
  if (names == nullptr || !names->is_array() || names->empty()) return std::string();
  std::vector<std::string> unknown;
  for (const Json& name : *names) {
    if (!name.is_string()) continue;
    const auto& text = name.get_ref<const std::string&>();
    if (detail::is_served_architecture(text)) return text;
    unknown.push_back(text.substr(0, 100));
  }
  return fail(ErrorCode::kInvalidArgument, "{}: vLLM does not serve its architecture {}", id,
              join(unknown, ", "));
}

std::string quantization_of(const Json& config) {
  const Json* settings = detail::find_setting(config, "quantization_config");
  if (settings == nullptr) return {};
  return codec::string_or(*settings, "quant_method", "");
}

AttentionShape attention_of(const Json& config) {
  AttentionShape shape;
  shape.layers = integer_or(config, {"num_hidden_layers", "n_layer", "n_layers"}, kLayersMax, 0);
  const int heads =
      integer_or(config, {"num_attention_heads", "n_head", "n_heads"}, kDimensionMax, 0);
  const int hidden =
      integer_or(config, {"hidden_size", "n_embd", "d_model", "dim"}, kDimensionMax << 4, 0);
  shape.kv_heads =
      integer_or(config, {"num_key_value_heads", "n_head_kv", "n_kv_heads"}, kDimensionMax, heads);
  const int divided = heads > 0 ? std::min(hidden / heads, kDimensionMax) : 0;
  shape.head_dim = integer_or(config, {"head_dim", "attention_head_dim"}, kDimensionMax, divided);
  shape.kv_lora_rank = integer_or(config, {"kv_lora_rank"}, kDimensionMax, 0);
  shape.qk_rope_head_dim = integer_or(config, {"qk_rope_head_dim"}, kDimensionMax, 0);
  detail::read_layer_kinds(config, shape);
  return shape;
}

}  // namespace

Result<Model> describe_model(std::string_view id, const Json& config,
                             std::span<const RepositoryFile> files) {
  const std::size_t slash = id.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == id.size()) {
    return fail(ErrorCode::kInvalidArgument, "'{}' is not a model id: org/name", id);
  }
  ASSIGN_OR_RETURN(std::string architecture, architecture_of(id, config));
  const Weights weights = weights_of(files);
  if (weights.loaded_bytes == 0) {
    return fail(ErrorCode::kInvalidArgument,
                "{}: the repository has no *.safetensors and no *.bin, so nothing can be loaded",
                id);
  }
  Model model;
  model.id = id;
  model.served_name = to_lower_ascii(id.substr(slash + 1));
  model.architecture = std::move(architecture);
  model.weight_bytes = weights.listed_bytes;
  model.loaded_weight_bytes = weights.loaded_bytes;
  model.context_tokens_max = static_cast<std::uint32_t>(
      integer_or(config,
                 {"max_position_embeddings", "n_ctx", "seq_length", "max_seq_len",
                  "max_sequence_length", "model_max_length"},
                 detail::kTokensMax, 0));
  model.attention = attention_of(config);
  model.kv_bytes_per_token = detail::upstream_kv_bytes_per_token(model.attention);
  model.quantization = quantization_of(config);
  model.vllm = detail::vllm_settings(model.served_name, model.architecture, model.quantization,
                                     weights.format);
  model.in_catalogue = false;
  return model;
}

}  // namespace rage::catalog
