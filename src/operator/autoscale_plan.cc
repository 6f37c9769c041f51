#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "operator/autoscale.h"

namespace rage::op {
namespace {

// As of the horizontal pod autoscaler, so that what people know of it holds here.
constexpr double kTolerance = 0.1;
constexpr std::chrono::seconds kRatePeriod{15};
constexpr int kRatePods = 4;
constexpr int kRateFactor = 2;

int least(const ScaleSettings& settings) {
  return std::max(settings.replicas_min, 1);
}

int within_limits(int replicas, const ScaleSettings& settings) {
  return std::clamp(replicas, least(settings), std::max(settings.replicas_max, least(settings)));
}

// What this sample alone would ask for, between the limits.
int wanted_by(const ScaleSample& sample, const ScaleSettings& settings) {
  const int current = sample.replicas;
  if (sample.known == 0) return within_limits(current, settings);
  // In replicas. Bounded before it becomes an integer: a metric may say anything.
  const double load = std::clamp(sample.sum / settings.threshold, 0.0, 1e6);
  const int unknown = std::max(current - sample.known, 0);
  int wanted = current;
  if (load > current * (1 + kTolerance)) {
    wanted = static_cast<int>(std::ceil(load));
  } else if (load + unknown < current * (1 - kTolerance)) {
    wanted = static_cast<int>(std::ceil(load)) + unknown;
  }
  return within_limits(wanted, settings);
}

// Of the samples of `window` and, while they do not reach back so far, of what there was at first.
template <class Better>
int best_of_window(const ScaleHistory& history, std::chrono::seconds window,
                   const ScaleSettings& settings, Better better) {
  const SteadyTime since = history.samples.back().at - window;
  int best = wanted_by(history.samples.back(), settings);
  if (history.samples.front().at > since) {
    best = better(best, within_limits(history.samples.front().replicas, settings));
  }
  for (const ScaleSample& sample : history.samples) {
    if (sample.at > since) best = better(best, wanted_by(sample, settings));
  }
  return best;
}

// New replicas start slowly and their load is seen late: not everything at once.
int limit_rate(const ScaleHistory& history, int wanted) {
  const ScaleSample& now = history.samples.back();
  int start = now.replicas;
  for (const ScaleSample& sample : history.samples) {
    if (sample.at > now.at - kRatePeriod) start = std::min(start, sample.replicas);
  }
  return std::min(wanted, std::max({start * kRateFactor, start + kRatePods, now.replicas}));
}

std::string describe_load(const ScaleSample& sample, const ScaleSettings& settings) {
  return fmt::format("{} is {:.1f} over {} of {} replicas, {:g} a replica are wanted",
                     settings.metric, sample.sum, sample.known, sample.replicas,
                     settings.threshold);
}

std::optional<double> add(std::optional<double> sum, std::optional<double> value) {
  if (!sum || !value) return std::nullopt;
  return *sum + *value;
}

bool is_asleep(const apis::InferenceSet& set) {
  return set.replicas <= 0;
}

}  // namespace

ScaleHistory with_sample(ScaleHistory history, SteadyTime now, int replicas,
                         const std::vector<ReplicaLoad>& loads, const ScaleSettings& settings) {
  ScaleSample sample{.at = now, .replicas = replicas, .work = 0.0};
  std::optional<double> running = 0.0;
  for (const ReplicaLoad& load : loads) {
    sample.work = add(sample.work, load.work);
    running = add(running, load.running);
    if (!load.metric) continue;
    ++sample.known;
    sample.sum += *load.metric;
  }
  const std::optional<double> before =
      history.samples.empty() ? std::nullopt : history.samples.back().work;
  // Requests that came and went between two samples show in the counter alone. It falls when a
  // replica goes, which is no work.
  const bool idle = replicas > 0 && sample.known >= replicas && sample.sum <= 0 && running &&
                    *running <= 0 && sample.work && before && *sample.work <= *before;
  if (!idle) {
    history.idle_since.reset();
  } else if (!history.idle_since) {
    history.idle_since = now;
  }
  const SteadyTime since = now - std::max({settings.up_window, settings.down_window, kRatePeriod});
  // One from before the windows stays: it shows that they are covered.
  auto& samples = history.samples;
  while (samples.size() > 1 && samples[1].at <= since) samples.erase(samples.begin());
  samples.push_back(sample);
  return history;
}

ScaleDecision plan_scale(const ScaleHistory& history, const ScaleSettings& settings) {
  CHECK(!history.samples.empty());
  const ScaleSample& now = history.samples.back();
  const int current = now.replicas;
  if (current <= 0) return {.replicas = current, .reason = {}};
  if (settings.replicas_min == 0 && history.idle_since &&
      now.at - *history.idle_since >= settings.idle) {
    return {.replicas = 0, .reason = fmt::format("no request for {} s", settings.idle.count())};
  }
  if (const int allowed = within_limits(current, settings); allowed != current) {
    return {.replicas = allowed,
            .reason = fmt::format("{} to {} replicas are allowed", least(settings),
                                  settings.replicas_max)};
  }
  if (now.known == 0) return {.replicas = current, .reason = {}};
  const auto lower = [](int a, int b) { return std::min(a, b); };
  const auto higher = [](int a, int b) { return std::max(a, b); };
  const int up = best_of_window(history, settings.up_window, settings, lower);
  const int down = best_of_window(history, settings.down_window, settings, higher);
  const int wanted = up > current ? limit_rate(history, up) : std::min(current, down);
  if (wanted == current) return {.replicas = current, .reason = {}};
  return {.replicas = wanted, .reason = describe_load(now, settings)};
}

ScalingReport describe_scaling(const ScaleHistory& history, const ScaleSettings& settings) {
  using apis::ConditionStatus;
  CHECK(!history.samples.empty());
  const ScaleSample& now = history.samples.back();
  if (now.replicas <= 0 && settings.replicas_min > 0) {
    return {ConditionStatus::kFalse, "ScalingDisabled",
            "scaled to zero by hand: raise spec.replicas, or annotate rage.dev/wake"};
  }
  if (now.replicas <= 0) {
    return {ConditionStatus::kTrue, "ScaledToZero", "waits for the annotation rage.dev/wake"};
  }
  if (now.known == 0) {
    return {ConditionStatus::kFalse, "MetricsMissing",
            fmt::format("no replica tells its {} (it starts, or cannot be asked), so their number "
                        "stays as it is",
                        settings.metric)};
  }
  std::string message =
      fmt::format("scaled between {} and {} replicas for {:g} of {} each", settings.replicas_min,
                  settings.replicas_max, settings.threshold, settings.metric);
  // Those that only start are no reason to say so.
  const bool silent = now.known >= now.replicas && !now.work;
  if (settings.replicas_min == 0 && silent) {
    message += "; not to zero, because not every replica tells whether it works";
  } else if (settings.replicas_min == 0) {
    message += fmt::format(", to zero after {} s without a request", settings.idle.count());
  }
  return {ConditionStatus::kTrue, "ValidMetricFound", std::move(message)};
}

std::string describe_sleep(const ObjectMeta& set) {
  std::string text = fmt::format(
      "scaled to zero: no model is loaded and requests are refused; wakes on the annotation {0} "
      "(kubectl annotate inferenceset {1} -n {2} {0}=now)",
      kWake, set.name, set.ns);
  const std::string seconds = set.annotation(kColdStart);
  text += seconds.empty() ? "; how long a cold start takes has not been measured yet"
                          : fmt::format("; the last cold start took {} s", seconds);
  return text;
}

Json plan_wake(const apis::InferenceSet& set, const ScaleSettings& settings,
               std::optional<WallTime> ready_since, WallTime now) {
  Json patch = Json::object();
  const auto annotate = [&](std::string_view key, Json value) {
    patch["metadata"]["annotations"][std::string(key)] = std::move(value);
  };
  const std::string woken_at = set.meta.annotation(kWokenAt);
  const bool wake = !set.meta.annotation(kWake).empty();
  if (wake) annotate(kWake, nullptr);
  if (wake && is_asleep(set)) {
    annotate(kWokenAt, render_time(now));
    patch["spec"]["replicas"] = least(settings);
  } else if (!woken_at.empty() && is_asleep(set)) {
    annotate(kWokenAt, nullptr);  // It never got as far as serving.
  } else if (!woken_at.empty() && ready_since) {
    const WallTime woken = parse_time(woken_at).value_or(now);
    const auto took =
        std::chrono::duration_cast<std::chrono::seconds>(std::max(*ready_since, woken) - woken);
    annotate(kWokenAt, nullptr);
    annotate(kColdStart, std::to_string(took.count()));
  }
  // Only what was looked at: somebody else may have scaled it meanwhile.
  if (!patch.empty()) patch["metadata"]["resourceVersion"] = set.meta.resource_version;
  return patch;
}

}  // namespace rage::op
