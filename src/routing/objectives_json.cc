#include <limits>
#include <utility>

#include "routing/detail/find_given.h"
#include "routing/inference_pool.h"
#include "routing/objectives.h"

namespace rage::routing {
namespace {

using detail::find_given;

using codec::find_key;
using codec::Json;
using codec::string_or;

constexpr std::size_t kRewriteRulesMax = 1024;
constexpr std::size_t kMatchesMax = 1024;
constexpr std::size_t kTargetsMax = 1024;
constexpr std::int64_t kWeightMax = 1'000'000;

std::unexpected<Error> bad(std::string_view field, std::string_view why) {
  return fail(ErrorCode::kInvalidArgument, "{}: {}", field, why);
}

struct Head {
  std::string name_space;
  std::string name;
  std::string created;
  PoolRef pool;
};

Result<Head> read_head(const Json& object, std::string_view kind) {
  const std::string version = string_or(object, "apiVersion", "");
  const bool known =
      version == "llm-d.ai/v1alpha2" || version == "inference.networking.x-k8s.io/v1alpha2";
  if (!known || string_or(object, "kind", "") != kind) return bad(kind, "another kind of object");
  const Json* metadata = find_key(object, "metadata");
  Head head;
  if (metadata != nullptr) {
    head.name_space = string_or(*metadata, "namespace", "default");
    head.name = string_or(*metadata, "name", "");
    head.created = string_or(*metadata, "creationTimestamp", "");
  }
  if (head.name.empty()) return bad("metadata.name", "is required");
  const Json* spec = find_key(object, "spec");
  const Json* pool = spec == nullptr ? nullptr : find_given(*spec, "poolRef");
  if (pool == nullptr) return bad("spec.poolRef", "is required");
  head.pool = {.group = string_or(*pool, "group", kPoolGroup),
               .kind = string_or(*pool, "kind", kPoolKind),
               .name = string_or(*pool, "name", "")};
  if (head.pool.name.empty()) return bad("spec.poolRef.name", "is required");
  return head;
}

Result<std::string> read_match(const Json& match) {
  const Json* model = find_given(match, "model");
  if (model == nullptr) return bad("spec.rules[].matches[].model", "is required");
  if (string_or(*model, "type", "Exact") != "Exact") {
    return bad("spec.rules[].matches[].model.type", "must be Exact");
  }
  std::string value = string_or(*model, "value", "");
  if (value.empty()) return bad("spec.rules[].matches[].model.value", "is required");
  return value;
}

Result<RewriteTarget> read_target(const Json& target) {
  RewriteTarget out{.model = string_or(target, "modelRewrite", ""), .weight = {}};
  if (out.model.empty()) return bad("spec.rules[].targets[].modelRewrite", "is required");
  const Json* weight = find_given(target, "weight");
  if (weight == nullptr) return out;
  const std::int64_t value = weight->is_number_integer() ? weight->get<std::int64_t>() : 0;
  if (value < 1 || value > kWeightMax) {
    return bad("spec.rules[].targets[].weight", "must be in 1..1000000");
  }
  out.weight = static_cast<std::uint32_t>(value);
  return out;
}

// Absent is empty. None: it is no list, or too long.
Result<std::vector<const Json*>> read_list(const Json& object, std::string_view key,
                                           std::size_t count_max) {
  std::vector<const Json*> out;
  const Json* list = find_given(object, key);
  if (list == nullptr) return out;
  if (!list->is_array()) return bad(key, "must be a list");
  if (list->size() > count_max) return bad(key, "has too many entries");
  for (const Json& entry : *list) out.push_back(&entry);
  return out;
}

Result<RewriteRule> read_rule(const Json& rule) {
  RewriteRule out;
  ASSIGN_OR_RETURN(const std::vector<const Json*> matches, read_list(rule, "matches", kMatchesMax));
  ASSIGN_OR_RETURN(const std::vector<const Json*> targets, read_list(rule, "targets", kTargetsMax));
  for (const Json* match : matches) {
    ASSIGN_OR_RETURN(std::string model, read_match(*match));
    out.models.push_back(std::move(model));
  }
  for (const Json* target : targets) {
    ASSIGN_OR_RETURN(RewriteTarget one, read_target(*target));
    out.targets.push_back(std::move(one));
  }
  if (out.targets.empty()) return bad("spec.rules[].targets", "is required");
  return out;
}

}  // namespace

Result<InferenceObjective> parse_inference_objective(const Json& object) {
  ASSIGN_OR_RETURN(Head head, read_head(object, "InferenceObjective"));
  InferenceObjective out{.name_space = std::move(head.name_space),
                         .name = std::move(head.name),
                         .pool = std::move(head.pool)};
  const Json* priority = find_given(*find_key(object, "spec"), "priority");
  if (priority == nullptr) return out;
  using Limits = std::numeric_limits<std::int32_t>;
  // A number above int64 is unsigned there; as int64 it would be any.
  const bool whole = priority->is_number_integer() && priority->get<double>() >= Limits::min() &&
                     priority->get<double>() <= Limits::max();
  if (!whole) return bad("spec.priority", "must be a 32-bit whole number");
  out.priority = priority->get<std::int32_t>();
  return out;
}

Result<InferenceModelRewrite> parse_inference_model_rewrite(const Json& object) {
  ASSIGN_OR_RETURN(Head head, read_head(object, "InferenceModelRewrite"));
  InferenceModelRewrite out{.name_space = std::move(head.name_space),
                            .name = std::move(head.name),
                            .created = std::move(head.created),
                            .pool = std::move(head.pool),
                            .rules = {}};
  ASSIGN_OR_RETURN(const std::vector<const Json*> rules,
                   read_list(*find_key(object, "spec"), "rules", kRewriteRulesMax));
  for (const Json* rule : rules) {
    ASSIGN_OR_RETURN(RewriteRule one, read_rule(*rule));
    out.rules.push_back(std::move(one));
  }
  return out;
}

}  // namespace rage::routing
