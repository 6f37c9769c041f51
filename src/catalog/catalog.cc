#include "catalog/catalog.h"

#include <algorithm>

#include "base/strings.h"
#include "catalog/detail/attention.h"
#include "catalog/detail/vllm_rules.h"

namespace rage::catalog {
namespace {

// One line of data/models.inc. Plain constants, so that a program that asks for no model pays
// nothing at its start.
struct ModelRow {
  std::string_view id;
  std::string_view alias = {};
  std::string_view architecture = {};
  std::uint64_t weight_bytes = 0;
  std::uint64_t loaded_weight_bytes = 0;  // 0: all of them.
  std::uint32_t context_tokens_max = 0;
  AttentionShape attention = {};
  std::string_view quantization = {};
  bool gated = false;
  std::string_view license = {};
  bool mistral_format = false;
  std::string_view transformers_params =
      {};                              // "torch_dtype=auto trust_remote_code"; "": not served.
  std::string_view tuning_image = {};  // "": cannot be tuned.
  std::string_view tuning_disk = {};
};

constexpr ModelRow kRows[] = {
#include "catalog/data/models.inc"
};

// Once in the catalogue.
constexpr std::string_view kDeprecated[] = {"phi-2", "microsoft/phi-2"};

std::map<std::string, std::string> parse_params(std::string_view text) {
  std::map<std::string, std::string> params;
  for (const std::string_view word : split(text, ' ')) {
    const std::size_t equals = std::min(word.find('='), word.size());
    params.emplace(word.substr(0, equals), word.substr(std::min(equals + 1, word.size())));
  }
  return params;
}

Model model_of(const ModelRow& row) {
  Model model;
  model.id = row.id;
  model.served_name = to_lower_ascii(row.id.substr(row.id.find('/') + 1));
  if (!row.alias.empty()) model.aliases.emplace_back(row.alias);
  model.architecture = row.architecture;
  model.weight_bytes = row.weight_bytes;
  model.loaded_weight_bytes =
      row.loaded_weight_bytes > 0 ? row.loaded_weight_bytes : row.weight_bytes;
  model.context_tokens_max = row.context_tokens_max;
  model.attention = row.attention;
  if (row.attention.attention_layers == 0) model.attention.attention_layers = row.attention.layers;
  model.kv_bytes_per_token = detail::upstream_kv_bytes_per_token(model.attention);
  model.quantization = row.quantization;
  model.gated = row.gated;
  model.license = row.license;
  model.vllm = detail::vllm_settings(
      model.served_name, row.architecture, row.quantization,
      row.mistral_format ? detail::WeightFormat::kMistral : detail::WeightFormat::kHuggingFace);
  model.transformers_runtime = !row.transformers_params.empty();
  if (model.transformers_runtime) model.transformers_params = parse_params(row.transformers_params);
  if (!row.tuning_image.empty()) {
    model.tuning = TuningFacts{.oci_image = std::string(row.tuning_image),
                               .disk = std::string(row.tuning_disk)};
  }
  return model;
}

std::vector<Model> all_models() {
  std::vector<Model> all;
  all.reserve(std::size(kRows));
  for (const ModelRow& row : kRows) all.push_back(model_of(row));
  return all;
}

}  // namespace

std::span<const Model> models() {
  static const std::vector<Model> kModels = all_models();
  return kModels;
}

const Model* find_model(std::string_view name) {
  for (const Model& model : models()) {
    if (equals_ignoring_case(model.id, name)) return &model;
    for (const std::string& alias : model.aliases) {
      if (equals_ignoring_case(alias, name)) return &model;
    }
  }
  return nullptr;
}

bool is_valid_name(std::string_view name) {
  const std::size_t slash = name.find('/');
  if (slash != std::string_view::npos && slash > 0 && slash + 1 < name.size()) return true;
  return find_model(name) != nullptr;
}

bool is_deprecated(std::string_view name) {
  return std::ranges::any_of(
      kDeprecated, [&](std::string_view known) { return equals_ignoring_case(known, name); });
}

}  // namespace rage::catalog
