#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "picker/detail/decide.h"
#include "picker/detail/exchange.h"
#include "picker/detail/refusals.h"
#include "picker/detail/request_headers.h"
#include "routing/subset.h"

namespace rage::picker::detail {
namespace {

using routing::Endpoint;
using routing::Schedule;

routing::SchedulingRequest scheduling_request(const Prepared& prepared) {
  const payload::InferenceRequest& parsed = prepared.parsed;
  return {.target_model = prepared.target_model,
          .cache_salt = parsed.cache_salt,
          .prompts = parsed.prompts,
          .token_prompts = parsed.token_prompts,
          .output_tokens_max = parsed.output_tokens_max,
          .multimodal = parsed.multimodal,
          .priority = prepared.flow.priority,
          .header = [&headers = prepared.request.headers](std::string_view name) {
            return headers.find(name);
          }};
}

// "prefill-decode" and so on.
std::string stages_of(const Schedule& schedule) {
  const auto ran = [&](std::string_view profile) {
    return std::ranges::any_of(schedule.others,
                               [&](const auto& other) { return other.profile == profile; });
  };
  if (ran("encode")) return ran("prefill") ? "encode-prefill-decode" : "encode-decode";
  return ran("prefill") ? "prefill-decode" : "decode-only";
}

// A profile's first endpoint until the request ends, or until the first bytes come.
Charge charge_of(const EndpointTable::View& view, const Candidates& candidates,
                 const routing::ProfileResult& profile, bool until_end, bool tokens_early) {
  Charge charge{
      .slot = view.slot(candidates.index(profile.endpoints.front())),
      .load = {.requests = 1, .tokens = profile.load_tokens + profile.load_output_tokens}};
  if (!until_end) {
    charge.until_first_bytes = charge.load;
  } else if (tokens_early) {
    charge.until_first_bytes.tokens = profile.load_tokens;
  }
  charge.slot->charge(charge.load);
  return charge;
}

std::vector<Charge> charge(const EndpointTable::View& view, const Candidates& candidates,
                           const Schedule& schedule) {
  const bool early = schedule.token_based_release;
  std::vector<Charge> charges = {charge_of(view, candidates, schedule.primary, true, early)};
  // Behind a door (data parallelism) somebody else serves the request to its end.
  const bool door = !schedule.primary.computes_prompt;
  for (const auto& other : schedule.others) {
    charges.push_back(charge_of(view, candidates, other, door, early));
  }
  return charges;
}

Pick make_pick(const Prepared& prepared, const Candidates& candidates, Schedule& schedule) {
  Pick pick{.scores = schedule.primary.scores,
            .request_headers = std::move(schedule.request_headers),
            .body = rewritten_body(prepared),
            .model = prepared.parsed.model,
            .exchange = nullptr};
  for (const std::size_t index : schedule.primary.endpoints) {
    pick.destinations.push_back(candidates.endpoints()[index].authority());
  }
  if (!prepared.request.headers.has("x-request-id")) {
    pick.request_headers.emplace_back("x-request-id", random_uuid());
  }
  return pick;
}

}  // namespace

Candidates::Candidates(std::span<const Endpoint> all,
                       const std::optional<std::vector<std::string>>& subset)
    : all_(all), filtered_(subset.has_value()) {
  if (!filtered_) return;
  const std::vector<std::string_view> texts(subset->begin(), subset->end());
  indexes_ = routing::select(all, routing::EndpointSubset(texts));
  chosen_.reserve(indexes_.size());
  for (const std::size_t index : indexes_) chosen_.push_back(all[index]);
}

PickOutcome refused(Refusal refusal) {
  return {.pick = std::nullopt, .refusal = std::move(refusal)};
}

std::optional<Refusal> refuse_sheddable(const Core& core, const Prepared& prepared) {
  if (prepared.flow.priority >= 0) return std::nullopt;
  const EndpointTable::View view = core.table.view();
  if (view.endpoints().empty()) return no_candidates();
  if (routing::admits_without_queue(prepared.flow.priority, core.saturation(view.endpoints()))) {
    return std::nullopt;
  }
  return saturated(core.options.retry_after);
}

PickOutcome decide(const std::shared_ptr<Core>& core, Prepared& prepared) {
  const DirectorOptions& options = core->options;
  const SteadyTime now = core->clock.now();
  const EndpointTable::View view = core->table.view();
  const Candidates candidates(view.endpoints(), prepared.request.subset);
  if (candidates.endpoints().empty()) return refused(no_candidates());
  if (options.admitter && !routing::admits(prepared.flow.priority, candidates.endpoints(),
                                           *options.admitter, core->random())) {
    return refused(saturated(options.retry_after));
  }
  const routing::SchedulingRequest wish = scheduling_request(prepared);
  Result<Schedule> schedule = core->scheduler->schedule(wish, candidates.endpoints(), now);
  if (!schedule) {
    core->metrics.count_schedule("failure", prepared.target_model, nullptr);
    return refused(of_schedule(schedule.error(), options.retry_after));
  }
  if (prefers_if_available(prepared.request.headers) && schedule->matched_blocks == 0) {
    return refused(not_available());
  }
  core->scheduler->commit(wish, candidates.endpoints(), *schedule, now);
  std::vector<Charge> charges = charge(view, candidates, *schedule);
  core->charged.fetch_add(static_cast<std::int64_t>(charges.size()));
  const Endpoint& first = candidates.endpoints()[schedule->primary.endpoints.front()];
  core->metrics.count_schedule("success", prepared.target_model, &first);
  if (options.disaggregated) {
    core->metrics.count_disaggregation(prepared.parsed.model, stages_of(*schedule));
  }
  Pick pick = make_pick(prepared, candidates, *schedule);
  const RequestLabels labels = prepared.labels();
  pick.exchange = make_exchange(core, {.labels = labels,
                                       .series = &core->metrics.request(labels),
                                       .charges = std::move(charges),
                                       .destination = pick.destinations.front(),
                                       .response_headers = std::move(schedule->response_headers),
                                       .client_model = prepared.parsed.model,
                                       .served_model = prepared.target_model,
                                       .streaming = prepared.parsed.stream,
                                       .read_body = prepared.parsed.api != payload::Api::kUnknown,
                                       .report_served = options.report_served,
                                       .arrived_at = prepared.arrived_at});
  core->metrics.scheduler_seconds.observe(seconds_of(core->clock.now() - now));
  return {.pick = std::move(pick), .refusal = std::nullopt};
}

PickOutcome pick_any(Core& core, const PickRequest& request) {
  const EndpointTable::View view = core.table.view();
  const Candidates candidates(view.endpoints(), request.subset);
  const auto endpoints = candidates.endpoints();
  if (endpoints.empty()) return refused(request.subset ? no_candidates() : no_pods());
  const auto index =
      static_cast<std::size_t>(core.random() * static_cast<double>(endpoints.size()));
  Pick pick{.destinations = {endpoints[std::min(index, endpoints.size() - 1)].authority()},
            .exchange = make_plain_exchange(core.options.report_served)};
  return {.pick = std::move(pick), .refusal = std::nullopt};
}

}  // namespace rage::picker::detail
