#include "catalog/detail/attention.h"

#include <algorithm>
#include <string>

#include "catalog/detail/config_reader.h"

namespace rage::catalog::detail {
namespace {

enum class LayerKind { kFull, kSliding, kNone };

LayerKind kind_of(std::string_view name) {
  if (name == "sliding_attention") return LayerKind::kSliding;
  for (const std::string_view without_cache :
       {"linear_attention", "mamba", "mamba2", "moe", "mlp", "conv", "recurrent"}) {
    if (name == without_cache) return LayerKind::kNone;
  }
  return LayerKind::kFull;  // Also "chunked_attention" and what comes after us.
}

// {"layer_types": ["sliding_attention", "full_attention", ...]}; false if there is none.
bool read_named_layers(const Json& config, AttentionShape& shape) {
  const Json* kinds = find_setting(config, "layer_types");
  if (kinds == nullptr) kinds = find_setting(config, "layers_block_type");
  if (kinds == nullptr || !kinds->is_array() || kinds->empty()) return false;
  // The last layers of gemma-4's small models read the cache of earlier ones.
  const int shared = integer_or(config, {"num_kv_shared_layers"}, kLayersMax, 0);
  const std::size_t own = kinds->size() - std::min(kinds->size(), static_cast<std::size_t>(shared));
  std::size_t full = 0;
  std::size_t sliding = 0;
  for (std::size_t i = 0; i < own; ++i) {
    const Json& kind = (*kinds)[i];
    switch (kind.is_string() ? kind_of(kind.get_ref<const std::string&>()) : LayerKind::kFull) {
      case LayerKind::kFull:
        ++full;
        break;
      case LayerKind::kSliding:
        ++sliding;
        break;
      case LayerKind::kNone:
        break;
    }
  }
  if (full + sliding > static_cast<std::size_t>(shape.layers)) return false;  // Contradictory.
  shape.attention_layers = static_cast<int>(full);
  shape.sliding_layers = static_cast<int>(sliding);
  return true;
}

// {"hybrid_override_pattern": "M-M*-"}: '*' is attention, the others Mamba, MLP and experts.
bool read_pattern(const Json& config, AttentionShape& shape) {
  const Json* pattern = find_setting(config, "hybrid_override_pattern");
  if (pattern == nullptr || !pattern->is_string()) return false;
  const auto& text = pattern->get_ref<const std::string&>();
  if (text.find_first_not_of("M-*E") != std::string::npos) return false;
  const auto attending = std::ranges::count(text, '*');
  if (attending > shape.layers) return false;
  shape.attention_layers = static_cast<int>(attending);
  return true;
}

}  // namespace

std::uint64_t upstream_kv_bytes_per_token(const AttentionShape& shape) {
  const auto wide = [](int value) { return static_cast<std::uint64_t>(value); };
  const std::uint64_t numbers = shape.kv_lora_rank > 0
                                    ? wide(shape.kv_lora_rank) + wide(shape.qk_rope_head_dim)
                                    : 2 * wide(shape.kv_heads) * wide(shape.head_dim);
  return 2 * numbers * wide(shape.layers);
}

void read_layer_kinds(const Json& config, AttentionShape& shape) {
  shape.attention_layers = shape.layers;
  shape.sliding_window = integer_or(config, {"sliding_window"}, kTokensMax, 0);
  shape.full_kv_heads = integer_or(config, {"num_global_key_value_heads"}, kDimensionMax, 0);
  shape.full_head_dim = integer_or(config, {"global_head_dim"}, kDimensionMax, 0);
  if (!read_named_layers(config, shape) && !read_pattern(config, shape)) {
    // Older gemma-3 files name only the period; those of Qwen's hybrids, too.
    const int period = integer_or(config, {"sliding_window_pattern"}, kLayersMax, 0);
    const int interval = integer_or(config, {"full_attention_interval"}, kLayersMax, 0);
    if (period > 0 && shape.sliding_window > 0) {
      shape.attention_layers = shape.layers / period;
      shape.sliding_layers = shape.layers - shape.attention_layers;
    } else if (interval > 0) {
      shape.attention_layers = shape.layers / interval;
    }
  }
  if (shape.sliding_window == 0) {  // Sliding by how much?
    shape.attention_layers += shape.sliding_layers;
    shape.sliding_layers = 0;
  }
  // A window that no layer is said to have counts for nothing.
  if (shape.sliding_layers == 0) shape.sliding_window = 0;
}

}  // namespace rage::catalog::detail
