#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "operator/autoscale.h"

namespace rage::op {
namespace {

constexpr std::string_view kPrefix = "scaledobject.kaito.sh/";
constexpr std::string_view kIdleSeconds = "rage.dev/idle-seconds";
constexpr std::uint64_t kReplicasLimit = 100'000;
constexpr std::uint64_t kWindowSecondsLimit = 3600;  // Samples are kept that long.
constexpr std::uint64_t kIdleSecondsLimit = 7 * 24 * 3600;
constexpr std::size_t kMetricBytesMax = 200;

std::string annotation_of(const apis::InferenceSet& set, std::string_view name) {
  return set.meta.annotation(std::string(kPrefix) + std::string(name));
}

// A whole number from `least` to `most`; the fallback if the annotation is absent.
Result<int> whole_number(const std::string& key, const std::string& text, std::uint64_t least,
                         std::uint64_t most, int fallback) {
  if (text.empty()) return fallback;
  const auto number = parse_uint(text);
  if (!number || *number < least || *number > most) {
    return fail(ErrorCode::kInvalidArgument,
                "annotation {} is \"{}\": it has to be a whole number from {} to {}", key,
                text.substr(0, 40), least, most);
  }
  return static_cast<int>(*number);
}

Result<int> number_of(const apis::InferenceSet& set, std::string_view name, std::uint64_t least,
                      std::uint64_t most, int fallback) {
  return whole_number(std::string(kPrefix) + std::string(name), annotation_of(set, name), least,
                      most, fallback);
}

Result<std::chrono::seconds> window_of(const apis::InferenceSet& set, std::string_view name,
                                       std::chrono::seconds fallback) {
  ASSIGN_OR_RETURN(const int seconds, number_of(set, name, 0, kWindowSecondsLimit,
                                                static_cast<int>(fallback.count())));
  return std::chrono::seconds(seconds);
}

Result<double> threshold_of(const apis::InferenceSet& set, const std::string& metric) {
  const std::string text = annotation_of(set, "threshold");
  const auto number = parse_double(text);
  if (number && std::isfinite(*number) && *number > 0) return *number;
  return fail(ErrorCode::kInvalidArgument,
              "annotation {}threshold {}: give how much of {} one replica is to have, above zero",
              kPrefix, text.empty() ? "is missing" : "is no such number", metric);
}

Result<std::string> metric_of(const apis::InferenceSet& set) {
  std::string name = annotation_of(set, "metricName");
  if (name.empty()) return ScaleSettings{}.metric;
  const bool known = name.size() <= kMetricBytesMax && !is_ascii_digit(name.front()) &&
                     std::ranges::all_of(name, [](char c) {
                       return is_ascii_alpha(c) || is_ascii_digit(c) || c == '_' || c == ':';
                     });
  if (known) return name;
  return fail(ErrorCode::kInvalidArgument,
              "annotation {}metricName is not the name of a Prometheus metric", kPrefix);
}

Result<int> most_replicas(const apis::InferenceSet& set, int nodes) {
  const int limit = set.node_count_limit.value_or(0);  // 0 is Go's "not given".
  if (annotation_of(set, "max-replicas").empty() && limit <= 0) {
    return fail(ErrorCode::kInvalidArgument,
                "neither annotation {}max-replicas nor spec.nodeCountLimit says how many replicas "
                "there may be",
                kPrefix);
  }
  return number_of(set, "max-replicas", 1, kReplicasLimit, std::max(limit / std::max(nodes, 1), 1));
}

}  // namespace

bool wants_autoscaling(const ObjectMeta& set) {
  return set.annotation(kAutoProvision) == "true";
}

int nodes_per_replica(const std::vector<apis::Workspace>& children) {
  int most = 0;
  for (const apis::Workspace& child : children) {
    most = std::max(most, child.status.target_node_count);
  }
  return most;
}

Result<ScaleSettings> parse_scale_settings(const apis::InferenceSet& set, int nodes) {
  ScaleSettings settings;
  ASSIGN_OR_RETURN(settings.metric, metric_of(set));
  ASSIGN_OR_RETURN(settings.threshold, threshold_of(set, settings.metric));
  ASSIGN_OR_RETURN(settings.replicas_min, number_of(set, "min-replicas", 0, kReplicasLimit, 1));
  ASSIGN_OR_RETURN(settings.replicas_max, most_replicas(set, nodes));
  ASSIGN_OR_RETURN(settings.up_window, window_of(set, "scaleupcooldown", settings.up_window));
  ASSIGN_OR_RETURN(settings.down_window, window_of(set, "scaledowncooldown", settings.down_window));
  ASSIGN_OR_RETURN(const int idle,
                   whole_number(std::string(kIdleSeconds), set.meta.annotation(kIdleSeconds), 1,
                                kIdleSecondsLimit, static_cast<int>(settings.idle.count())));
  settings.idle = std::chrono::seconds(idle);
  if (settings.replicas_max < settings.replicas_min) {
    return fail(ErrorCode::kInvalidArgument, "at least {} replicas are asked for, at most {}: {}",
                settings.replicas_min, settings.replicas_max,
                "correct min-replicas, max-replicas or spec.nodeCountLimit");
  }
  return settings;
}

}  // namespace rage::op
