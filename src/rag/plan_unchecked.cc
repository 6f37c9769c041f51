#include "rag/plan_unchecked.h"

#include <algorithm>

#include "rag/grounding_prompt.h"

namespace rage::rag {

AnswerPlan plan_unchecked(const std::vector<ChatTurn>& turns,
                          const std::vector<RetrievedChunk>& retrieved,
                          const GroundingOptions& options) {
  AnswerPlan plan;
  plan.grounding = GroundingMode::kOff;
  plan.standalone_question = open_question(turns);
  plan.kind = PlanKind::kBareModel;
  plan.trace.finding = "not checked";
  std::vector<const RetrievedChunk*> near;
  for (const RetrievedChunk& hit : retrieved) {
    const float distance = 2 - 2 * hit.dense_score.value_or(0);
    if (options.distance_max == 0 || distance <= options.distance_max) near.push_back(&hit);
  }
  std::ranges::sort(near, [](const RetrievedChunk* a, const RetrievedChunk* b) {
    if (a->dense_score != b->dense_score) return a->dense_score > b->dense_score;
    return a < b;  // As retrieved.
  });
  for (const RetrievedChunk* hit : near) plan.sources.push_back(*hit);
  if (plan.sources.empty()) return plan;
  plan.sources.resize(count_fitting(plan.sources, options.context_tokens_max));
  plan.kind = PlanKind::kAskModel;
  plan.prompt = render_plain_prompt(turns, plan.standalone_question, plan.sources);
  return plan;
}

}  // namespace rage::rag
