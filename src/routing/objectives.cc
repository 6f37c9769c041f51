#include "routing/objectives.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "routing/inference_pool.h"

namespace rage::routing {

bool PoolRef::is_pool(std::string_view pool_name) const {
  return group == kPoolGroup && kind == kPoolKind && name == pool_name;
}

Objectives::Objectives(const std::vector<InferenceObjective>& all, std::string_view name_space,
                       std::string_view pool) {
  for (const InferenceObjective& objective : all) {
    if (objective.name_space != name_space || !objective.pool.is_pool(pool)) continue;
    by_name_.insert_or_assign(objective.name, objective.priority);
  }
}

std::int32_t Objectives::priority_of(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? 0 : found->second;
}

std::set<std::int32_t> Objectives::priorities() const {
  std::set<std::int32_t> out;
  for (const auto& [name, priority] : by_name_) out.insert(priority);
  return out;
}

ModelRewrites::ModelRewrites(const std::vector<InferenceModelRewrite>& all,
                             std::string_view name_space, std::string_view pool) {
  std::vector<const InferenceModelRewrite*> oldest_first;
  for (const InferenceModelRewrite& rewrite : all) {
    if (rewrite.name_space == name_space && rewrite.pool.is_pool(pool)) {
      oldest_first.push_back(&rewrite);
    }
  }
  std::sort(oldest_first.begin(), oldest_first.end(), [](const auto* a, const auto* b) {
    return std::tie(a->created, a->name, a) < std::tie(b->created, b->name, b);
  });
  for (const InferenceModelRewrite* rewrite : oldest_first) {
    for (const RewriteRule& rule : rewrite->rules) {
      const bool weighted =
          std::any_of(rule.targets.begin(), rule.targets.end(),
                      [](const auto& target) { return target.weight.has_value(); });
      Rule compiled{.rewrite = rewrite->name, .targets = {}};
      double sum = 0;
      for (const RewriteTarget& target : rule.targets) {
        if (weighted && !target.weight) continue;
        sum += target.weight.value_or(1);
        compiled.targets.emplace_back(target.model, sum);
      }
      if (compiled.targets.empty()) continue;
      if (rule.models.empty() && !generic_) generic_ = rules_.size();
      for (const std::string& model : rule.models) exact_.try_emplace(model, rules_.size());
      rules_.push_back(std::move(compiled));
    }
  }
}

std::optional<RewriteChoice> ModelRewrites::resolve(std::string_view model, double random) const {
  const auto exact = exact_.find(model);
  const std::optional<std::size_t> index =
      exact != exact_.end() ? std::optional(exact->second) : generic_;
  if (!index) return std::nullopt;
  const Rule& rule = rules_[*index];
  const double at = random * rule.targets.back().second;
  auto target = std::upper_bound(rule.targets.begin(), rule.targets.end(), at,
                                 [](double value, const auto& one) { return value < one.second; });
  if (target == rule.targets.end()) --target;  // Rounding.
  return RewriteChoice{.model = target->first, .rewrite = rule.rewrite};
}

Result<TargetModel> choose_target_model(std::string_view body_model, std::string_view header_model,
                                        const ModelRewrites& rewrites, double random) {
  if (!header_model.empty()) return TargetModel{.model = std::string(header_model), .rewrite = {}};
  if (const auto choice = rewrites.resolve(body_model, random)) {
    return TargetModel{.model = std::string(choice->model),
                       .rewrite = std::string(choice->rewrite)};
  }
  if (body_model.empty()) {
    return fail(ErrorCode::kInvalidArgument, "model not found in request body");
  }
  return TargetModel{.model = std::string(body_model), .rewrite = {}};
}

}  // namespace rage::routing
