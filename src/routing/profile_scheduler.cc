#include "routing/detail/profile_scheduler.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"

namespace rage::routing::detail {
namespace {

// What is no number scores nothing.
double clamp_score(double score) {
  return score > 0 ? std::min(score, 1.0) : 0.0;
}

std::uint64_t estimate_output(const OutputEstimate& estimate, std::uint64_t prompt_tokens,
                              std::optional<std::uint64_t> asked_max) {
  const double tokens = std::round(estimate.ratio * static_cast<double>(prompt_tokens));
  std::uint64_t output = static_cast<std::uint64_t>(std::min(tokens, 1e15));
  if (asked_max) output = std::min(output, *asked_max);
  if (estimate.tokens_max) output = std::min(output, *estimate.tokens_max);
  return output;
}

}  // namespace

std::optional<ProfileResult> ProfileScheduler::run(Cycle& cycle, std::string_view name) const {
  const auto profile = std::ranges::find(parts_.profiles, name, &Profile::name);
  if (profile == parts_.profiles.end()) return std::nullopt;
  Candidates kept(cycle.endpoints.size());
  for (std::uint32_t i = 0; i < kept.size(); ++i) kept[i] = i;
  for (const FilterFunction& filter : profile->filters) {
    filter(cycle, kept);
    if (kept.empty()) return std::nullopt;
  }
  std::vector<double> totals(kept.size());
  std::vector<double> scores(kept.size());
  for (const WeightedScorer& scorer : profile->scorers) {
    std::ranges::fill(scores, 0);
    scorer.score(cycle, kept, scores);
    for (std::size_t i = 0; i < kept.size(); ++i) {
      totals[i] += clamp_score(scores[i]) * scorer.weight;
    }
  }
  ProfileResult result{.profile = profile->name};
  profile->pick(cycle, kept, totals, result);
  CHECK(!result.endpoints.empty());
  return result;
}

Result<Schedule> ProfileScheduler::schedule(const SchedulingRequest& request,
                                            std::span<const Endpoint> candidates, SteadyTime now) {
  if (candidates.empty()) return fail(ErrorCode::kUnavailable, "there are no endpoints");
  const std::uint64_t decision = decisions_.fetch_add(1, std::memory_order_relaxed);
  Cycle cycle{.request = request,
              .endpoints = candidates,
              .now = now,
              .random = Random(Random(parts_.random_seed ^ decision).next()),
              .prompt_tokens = prompt_tokens(request)};
  if (parts_.prefix_source) cycle.prefix = parts_.prefix_source->match(request, candidates);
  Schedule schedule;
  const RunProfile run_profile = [this](Cycle& running, std::string_view name) {
    return run(running, name);
  };
  RETURN_IF_ERROR(parts_.handler(cycle, run_profile, schedule));
  complete(cycle, schedule);
  return schedule;
}

void ProfileScheduler::complete(Cycle& cycle, Schedule& schedule) const {
  const auto primary = static_cast<std::uint32_t>(schedule.primary.endpoints.front());
  schedule.prompt_tokens = cycle.prompt_tokens;
  schedule.uncached_tokens = cycle.uncached_tokens(primary);
  schedule.matched_blocks = cycle.matched_blocks(primary);
  auto memo = std::make_shared<ScheduleMemo>();
  const auto account = [&](ProfileResult& result) {
    if (!result.computes_prompt) return;
    const auto first = static_cast<std::uint32_t>(result.endpoints.front());
    memo->taught.push_back(first);
    result.load_tokens = cycle.uncached_tokens(first);
    if (parts_.output_estimate) {
      result.load_output_tokens = estimate_output(*parts_.output_estimate, cycle.prompt_tokens,
                                                  cycle.request.output_tokens_max);
    }
  };
  account(schedule.primary);
  for (ProfileResult& other : schedule.others) account(other);
  memo->cold = cycle.cold();
  memo->prefix = std::move(cycle.prefix);
  schedule.memo = std::move(memo);
  for (const NamedLearner& named : parts_.learners) {
    named.learner->annotate(cycle.endpoints, schedule);
  }
}

void ProfileScheduler::commit(const SchedulingRequest& request,
                              std::span<const Endpoint> candidates, const Schedule& schedule,
                              SteadyTime now) {
  if (schedule.memo && parts_.prefix_source) {
    for (const std::uint32_t i : schedule.memo->taught) {
      parts_.prefix_source->learn(schedule.memo->prefix, candidates[i]);
    }
  }
  for (const NamedLearner& named : parts_.learners) {
    named.learner->commit(request, candidates, schedule, now);
  }
}

void ProfileScheduler::retain(std::span<const Endpoint> endpoints) {
  if (parts_.prefix_source) parts_.prefix_source->retain(endpoints);
  for (const NamedLearner& named : parts_.learners) named.learner->retain(endpoints);
}

std::string ProfileScheduler::debug_state() const {
  codec::Json state = {{"decisions", decisions_.load(std::memory_order_relaxed)}};
  for (const Profile& profile : parts_.profiles) state["profiles"].push_back(profile.name);
  if (parts_.prefix_source) state["prefixCache"] = parts_.prefix_source->debug_state();
  for (const NamedLearner& named : parts_.learners) {
    state["plugins"][named.name] = named.learner->debug_state();
  }
  return codec::render_json(state);
}

}  // namespace rage::routing::detail
