// InferenceObjective and InferenceModelRewrite (llm-d.ai/v1alpha2) as values, and what they decide:
// a request's priority and the model it is sent to (llm-d router).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "codec/json.h"

namespace rage::routing {

struct PoolRef {
  std::string group;
  std::string kind;
  std::string name;
  bool is_pool(std::string_view pool_name) const;  // An InferencePool of that name.
  bool operator==(const PoolRef&) const = default;
};

// Value.
struct InferenceObjective {
  std::string name_space;
  std::string name;
  PoolRef pool;
  std::int32_t priority = 0;  // Below 0: sheddable.
  bool operator==(const InferenceObjective&) const = default;
};

struct RewriteTarget {
  std::string model;
  std::optional<std::uint32_t> weight;  // 1..1'000'000
  bool operator==(const RewriteTarget&) const = default;
};

struct RewriteRule {
  std::vector<std::string> models;  // Exact names. Empty: any model, and a request without one.
  std::vector<RewriteTarget> targets;
  bool operator==(const RewriteRule&) const = default;
};

// Value.
struct InferenceModelRewrite {
  std::string name_space;
  std::string name;
  // As the API server writes it (RFC 3339, UTC, whole seconds), so that its order is that of time.
  std::string created;
  PoolRef pool;
  std::vector<RewriteRule> rules;
  bool operator==(const InferenceModelRewrite&) const = default;
};

// kInvalidArgument names the field. Objects of the legacy group inference.networking.x-k8s.io are
// read as well. Unknown fields are left alone.
Result<InferenceObjective> parse_inference_objective(const codec::Json& object);
Result<InferenceModelRewrite> parse_inference_model_rewrite(const codec::Json& object);

// Value, immutable. The objectives of one pool.
class Objectives final {
 public:
  Objectives() = default;
  // Takes those that refer to the pool. Of two with one name the later in the list holds.
  Objectives(const std::vector<InferenceObjective>& all, std::string_view name_space,
             std::string_view pool);
  // 0 if there is none of that name.
  std::int32_t priority_of(std::string_view name) const;
  // All there are: each makes a band of flow control.
  std::set<std::int32_t> priorities() const;

 private:
  std::map<std::string, std::int32_t, std::less<>> by_name_;
};

struct RewriteChoice {
  std::string_view model;    // Lives as long as the rules.
  std::string_view rewrite;  // The object's name, for metrics.
};

// Value, immutable. The rules of one pool, each model's found at once. A rule that names the model
// goes before one for any model; then the older object, then by name; then the earlier rule.
class ModelRewrites final {
 public:
  ModelRewrites() = default;
  ModelRewrites(const std::vector<InferenceModelRewrite>& all, std::string_view name_space,
                std::string_view pool);
  // None if no rule applies; `model` may be empty. `random` is uniform in [0, 1): targets are
  // chosen by weight; if some have one, the others are never chosen; if none has, all are equal.
  std::optional<RewriteChoice> resolve(std::string_view model, double random) const;

 private:
  struct Rule {
    std::string rewrite;
    std::vector<std::pair<std::string, double>> targets;  // With the sum of weights up to here.
  };
  std::vector<Rule> rules_;
  std::map<std::string, std::size_t, std::less<>> exact_;
  std::optional<std::size_t> generic_;
};

struct TargetModel {
  std::string model;
  std::string rewrite;  // Empty: none was applied.
};

// What the request is sent with: the header (x-llm-d-model-name-rewrite) if it has one, else what
// the rules say, else what the body says. kInvalidArgument: no model at all.
Result<TargetModel> choose_target_model(std::string_view body_model, std::string_view header_model,
                                        const ModelRewrites& rewrites, double random);

}  // namespace rage::routing
