#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "codec/json.h"
#include "routing/objectives.h"

// Any document as objective and as rewrite: a rewrite that is accepted gives every model it names,
// and any other if it has a generic rule, one of its targets.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage::routing;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto document = rage::codec::parse_json(text, {.depth_max = 32});
  if (!document) return 0;
  if (const auto objective = parse_inference_objective(*document)) {
    const Objectives objectives({*objective}, objective->name_space, objective->pool.name);
    const bool ours = objective->pool.is_pool(objective->pool.name);
    CHECK(objectives.priority_of(objective->name) == (ours ? objective->priority : 0));
  }
  const auto rewrite = parse_inference_model_rewrite(*document);
  if (!rewrite) return 0;
  const ModelRewrites rewrites({*rewrite}, rewrite->name_space, rewrite->pool.name);
  for (const RewriteRule& rule : rewrite->rules) {
    CHECK(!rule.targets.empty());
    for (const std::string& model : rule.models) {
      for (const double random : {0.0, 0.5, 0.999999999999}) {
        const auto choice = rewrites.resolve(model, random);
        CHECK(choice.has_value() == rewrite->pool.is_pool(rewrite->pool.name));
        if (choice) CHECK(!choice->model.empty() && choice->rewrite == rewrite->name);
      }
    }
  }
  return 0;
}
