#include "guardrails/output_guardrails.h"

#include <utility>
#include <vector>

#include "base/files.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "guardrails/guardrail_series.h"
#include "obs/log.h"

namespace rage::guardrails {
namespace {

using codec::Json;

std::vector<std::string> hit_types(const Policy& policy, const Outcome& outcome) {
  std::vector<std::string> types;
  for (std::size_t i = 0; i < outcome.hits.size(); ++i) {
    if (outcome.hits[i]) types.push_back(policy.scanners[i].type);
  }
  return types;
}

}  // namespace

OutputGuardrails::OutputGuardrails(const OutputGuardrailsOptions& options, Clock& clock)
    : options_(options), clock_(clock), series_(std::make_unique<GuardrailSeries>()) {}

OutputGuardrails::~OutputGuardrails() = default;

Result<std::unique_ptr<OutputGuardrails>> OutputGuardrails::create(
    const OutputGuardrailsOptions& options, Clock& clock) {
  std::unique_ptr<OutputGuardrails> made(new OutputGuardrails(options, clock));
  if (!options.enabled) {
    made->series_->active("", nullptr);
    return made;
  }
  if (options.policy.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                "output guardrails are on, but no policy is named: give --guardrails-policy FILE "
                "or OUTPUT_GUARDRAILS_POLICY_PATH");
  }
  std::string seen;
  auto policy = made->load(seen);
  if (!policy) {
    return fail(
        std::move(policy).error().with_context("guardrails policy " + options.policy.string()));
  }
  made->put_in_force(*std::move(policy), std::move(seen));
  if (options.hot_reload) {
    OutputGuardrails& self = *made;
    made->watcher_ = std::jthread([&self](std::stop_token stop) { self.watch(std::move(stop)); });
  }
  return made;
}

std::shared_ptr<const Policy> OutputGuardrails::policy() const {
  return state_.with([](const State& state) { return state.policy; });
}

Result<std::shared_ptr<const Policy>> OutputGuardrails::load(std::string& seen) {
  seen.clear();
  const auto text = read_file(options_.policy, kPolicyBytesMax);
  if (!text) {
    series_->loaded(text.error().code == ErrorCode::kNotFound ? PolicyStatus::kMissing
                                                              : PolicyStatus::kLoadFailed);
    return fail(text.error());
  }
  seen = sha256_hex(*text);
  std::vector<std::string> failed_types;
  auto policy = load_policy(*text, &failed_types);
  for (const std::string& type : failed_types) series_->built(type, false);
  if (policy) {
    for (const Scanner& scanner : (*policy)->scanners) series_->built(scanner.type, true);
  }
  series_->loaded(policy ? PolicyStatus::kSuccess : PolicyStatus::kInvalid);
  return policy;
}

void OutputGuardrails::put_in_force(std::shared_ptr<const Policy> policy, std::string seen) {
  for (const std::string& warning : policy->warnings) {
    obs::log().warn("guardrails policy", {{"warning", warning}});
  }
  obs::log().info("guardrails policy in force", {{"path", options_.policy.string()},
                                                 {"sha256", policy->sha256},
                                                 {"scanners", policy->scanners.size()}});
  const WallTime now = clock_.wall_now();
  series_->active(options_.policy.string(), policy.get());
  series_->loaded_at(now);
  state_.with([&](State& state) {
    state = {.policy = std::move(policy), .loaded_at = now, .seen = std::move(seen), .problem = {}};
  });
}

void OutputGuardrails::fail_reload(const std::string& problem, std::string seen) {
  series_->reloaded(ReloadResult::kFailure);
  obs::log().error("the guardrails policy cannot be used; the last good one stays in force",
                   {{"path", options_.policy.string()}, {"problem", problem}});
  state_.with([&](State& state) {
    state.seen = std::move(seen);
    state.problem = problem;
  });
}

void OutputGuardrails::look() {
  const State before = state_.with([](const State& state) { return state; });
  if (before.policy == nullptr) return;
  const auto text = read_file(options_.policy, kPolicyBytesMax);
  const std::string now = text ? sha256_hex(*text) : std::string();
  if (now == before.seen && (text || !before.problem.empty())) return;
  if (now == before.policy->sha256) {  // What is in force is back.
    series_->reloaded(ReloadResult::kNoop);
    state_.with([&](State& state) {
      state.seen = now;
      state.problem.clear();
    });
    return;
  }
  std::string seen;
  auto policy = load(seen);
  if (!policy) return fail_reload(policy.error().message, std::move(seen));
  series_->reloaded(ReloadResult::kSuccess);
  put_in_force(*std::move(policy), std::move(seen));
}

void OutputGuardrails::watch(std::stop_token stop) {
  while (clock_.sleep_for(options_.look_every, stop)) look();
}

void OutputGuardrails::record(const Policy& policy, const Outcome& outcome,
                              const std::string& response_id) {
  series_->finished(outcome.action);
  for (std::size_t i = 0; i < outcome.hits.size(); ++i) {
    if (outcome.hits[i]) series_->hit(policy.scanners[i].type, policy.scanners[i].action);
  }
  if (outcome.action == FinalAction::kAllow) return;
  obs::log().info("output_guardrails_triggered",
                  {{"action", name_of(outcome.action)},
                   {"response_id", response_id},
                   {"scanners", join(hit_types(policy, outcome), ",")},
                   {"policy_hash", policy.sha256}});
}

std::string OutputGuardrails::problem() const {
  return state_.with([](const State& state) { return state.problem; });
}

Json OutputGuardrails::describe() const {
  const State state = state_.with([](const State& current) { return current; });
  Json described = {{"enabled", state.policy != nullptr}};
  if (state.policy == nullptr) return described;
  Json scanners = Json::array();
  for (const Scanner& scanner : state.policy->scanners) {
    scanners.push_back({{"type", scanner.type}, {"action", name_of(scanner.action)}});
  }
  described["path"] = options_.policy.string();
  described["sha256"] = state.policy->sha256;
  described["loaded_at"] = unix_seconds(state.loaded_at);
  described["block_message"] = state.policy->block_message;
  described["scanners"] = std::move(scanners);
  described["warnings"] = state.policy->warnings;
  described["hot_reload"] = options_.hot_reload;
  described["problem"] = state.problem.empty() ? Json(nullptr) : Json(state.problem);
  return described;
}

std::string OutputGuardrails::render_metrics() const {
  return series_->render();
}

}  // namespace rage::guardrails
