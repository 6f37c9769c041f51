// Compares routing policies in virtual time on the workload of bench/routing_study.md; prints one
// JSON object. usage: routing_study [--seed N] [--policy NAME]... [--experiment NAME]...
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "codec/json.h"
#include "routing_study_cluster.h"

namespace rage::bench {
namespace {

using codec::Json;
using simulator::VirtualTime;

// Qwen3-32B in bfloat16 on two H100; how each number comes about is in routing_study.md.
simulator::EngineOptions two_h100() {
  return {.prefill_tokens_per_second = 15'928,
          .decode_base = std::chrono::milliseconds(12),
          .decode_per_sequence = std::chrono::microseconds(50),
          .decode_nanoseconds_per_kv_token = 39,
          .sequences_max = 256,
          .batch_tokens_max = 8'192,
          .block_tokens = 16,
          .blocks = 20'000};
}

struct Experiment {
  std::string name;
  WorkloadOptions workload;
  std::vector<LadderStep> ladder;
};

const std::vector<LadderStep>& published_ladder() {
  static const std::vector<LadderStep> ladder = {
      {15, 50}, {3, 20},  {10, 20}, {15, 20}, {20, 38}, {22, 34}, {25, 30}, {30, 25}, {35, 21},
      {40, 38}, {43, 36}, {46, 33}, {49, 30}, {52, 29}, {55, 27}, {57, 26}, {60, 25}};
  return ladder;
}

// Rates that are kept up for minutes: what a fleet can carry for good.
const std::vector<LadderStep>& steady_ladder() {
  static const std::vector<LadderStep> ladder = {{4, 60},   {4, 240},  {6, 240},  {8, 240},
                                                 {10, 240}, {12, 240}, {14, 240}, {16, 240},
                                                 {18, 240}, {20, 240}, {22, 240}, {24, 240}};
  return ladder;
}

std::vector<Experiment> experiments() {
  const std::vector<LadderStep> warm_then_60 = {{15, 50}, {60, 25}};
  std::vector<Experiment> all = {{"published", {}, published_ladder()},
                                 {"steady", {}, steady_ladder()}};
  for (const std::uint32_t groups : {8u, 40u, 150u, 600u}) {
    all.push_back({fmt::format("groups-{}", groups), {.groups = groups}, warm_then_60});
  }
  all.push_back({"new-questions", {.questions_per_group = 0}, published_ladder()});
  all.push_back(
      {"nothing-shared",
       {.groups = 1, .questions_per_group = 0, .prefix_tokens = 0, .question_tokens = 7'200},
       published_ladder()});
  return all;
}

double seconds(VirtualTime time) {
  return std::chrono::duration<double>(time).count();
}

// Linear between the neighbours, as numpy has it.
double percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const double place = share * static_cast<double>(values.size() - 1);
  const auto low = static_cast<std::size_t>(place);
  const std::size_t high = std::min(low + 1, values.size() - 1);
  return values[low] + (values[high] - values[low]) * (place - static_cast<double>(low));
}

double rounded(double value) {
  return std::round(value * 1e4) / 1e4;
}

Json summary_of(const LadderStep& ladder, const StepOutcome& step) {
  std::vector<double> ttft;
  std::vector<double> ntpot;
  double tokens = 0;
  double prompt = 0;
  double cached = 0;
  double decode_time = 0;
  double decode_tokens = 0;
  for (const Outcome& request : step.requests) {
    const auto output = static_cast<double>(request.output_tokens);
    ttft.push_back(seconds(request.first_token_at - request.arrived_at));
    ntpot.push_back(seconds(request.ended_at - request.arrived_at) / output);
    tokens += output;
    prompt += static_cast<double>(request.prompt_tokens);
    cached += static_cast<double>(request.cached_tokens);
    decode_time += seconds(request.ended_at - request.first_token_at);
    decode_tokens += output - 1;
  }
  return {{"rate", ladder.rate},
          {"requests", step.requests.size()},
          {"seconds", rounded(seconds(step.ended_at - step.began_at))},
          {"output_tokens_per_second", rounded(tokens / seconds(step.ended_at - step.began_at))},
          {"late_tokens_per_second",
           rounded(static_cast<double>(step.late_tokens) * 2 / ladder.seconds)},
          {"ttft_p50", rounded(percentile(ttft, 0.5))},
          {"ttft_p90", rounded(percentile(ttft, 0.9))},
          {"ttft_p99", rounded(percentile(ttft, 0.99))},
          {"ntpot_p50", rounded(percentile(ntpot, 0.5))},
          {"ntpot_p90", rounded(percentile(ntpot, 0.9))},
          {"itl_mean", rounded(decode_time / decode_tokens)},
          {"cache_hit_rate", rounded(cached / prompt)},
          {"preemptions", step.preemptions}};
}

Result<Json> run(const Experiment& experiment, std::string_view policy_name, std::uint64_t seed) {
  const ClusterOptions options{.engine = two_h100()};
  ASSIGN_OR_RETURN(const auto policy, make_policy(policy_name, seed));
  Workload workload(experiment.workload, options.engine.block_tokens, seed);
  Cluster cluster(options, *policy, workload);
  Json steps = Json::array();
  for (std::size_t i = 0; i < experiment.ladder.size(); ++i) {
    const StepOutcome step = cluster.run(experiment.ladder[i]);
    if (i > 0) steps.push_back(summary_of(experiment.ladder[i], step));  // The first warms up.
  }
  return steps;
}

struct Arguments {
  std::uint64_t seed = 1;
  std::vector<std::string> policies;
  std::vector<std::string> experiments;
};

Result<Arguments> parse(std::vector<std::string_view> words) {
  Arguments arguments;
  if (words.size() % 2 != 0) return fail(ErrorCode::kInvalidArgument, "each flag has one value");
  for (std::size_t i = 0; i < words.size(); i += 2) {
    const std::string value(words[i + 1]);
    if (words[i] == "--seed" && parse_uint(value)) {
      arguments.seed = *parse_uint(value);
    } else if (words[i] == "--policy") {
      arguments.policies.push_back(value);
    } else if (words[i] == "--experiment") {
      arguments.experiments.push_back(value);
    } else {
      return fail(ErrorCode::kInvalidArgument, "{} {}?", words[i], value);
    }
  }
  const auto names = policy_names();
  if (arguments.policies.empty()) arguments.policies.assign(names.begin(), names.end());
  return arguments;
}

bool is_wanted(const std::vector<std::string>& wanted, std::string_view name) {
  return wanted.empty() || std::ranges::find(wanted, name) != wanted.end();
}

Result<Json> study(const Arguments& arguments) {
  Json report = {{"seed", arguments.seed}, {"experiments", Json::object()}};
  for (const Experiment& experiment : experiments()) {
    if (!is_wanted(arguments.experiments, experiment.name)) continue;
    for (const std::string& policy : arguments.policies) {
      const auto began = std::chrono::steady_clock::now();
      ASSIGN_OR_RETURN(report["experiments"][experiment.name][policy],
                       run(experiment, policy, arguments.seed));
      fmt::print(stderr, "{:>20} {:<15} {:.1f} s\n", experiment.name, policy,
                 seconds(std::chrono::steady_clock::now() - began));
    }
  }
  return report;
}

}  // namespace
}  // namespace rage::bench

int main(int argc, char** argv) {
  const auto arguments = rage::bench::parse({argv + 1, argv + argc});
  const auto report = arguments ? rage::bench::study(*arguments)
                                : rage::Result<rage::codec::Json>(rage::fail(arguments.error()));
  if (!report) {
    fmt::print(stderr, "routing_study: {}\n", report.error().message);
    return 1;
  }
  fmt::print("{}\n", rage::codec::render_json_pretty(*report));
  return 0;
}
