#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "catalog/catalog.h"
#include "catalog/estimator.h"

// Whatever a repository's config.json says: no crash, and numbers within the estimator's bounds.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage::catalog;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto config = parse_model_config(text);
  if (!config) return 0;
  const RepositoryFile file{.path = "model.safetensors", .bytes = std::uint64_t{14} << 30};
  const auto model = describe_model("org/name", *config, {&file, 1});
  if (!model) return 0;
  const AttentionShape& shape = model->attention;
  CHECK(shape.attention_layers >= 0 && shape.sliding_layers >= 0);
  CHECK(shape.attention_layers + shape.sliding_layers <= shape.layers);
  CHECK(kv_cache_bytes(*model, 2048, EstimateRules::kTruthful) <=
        kv_cache_bytes(*model, 4096, EstimateRules::kTruthful));
  const auto found = estimate(*model, capacity_of(gpu_skus()[0]));
  CHECK(!found || found->nodes > 0);
  return 0;
}
