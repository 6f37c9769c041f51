#include "operator/autoscale_metrics.h"

#include <array>
#include <cmath>
#include <utility>

#include "base/strings.h"

namespace rage::op {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

// What follows the labels of a series; `text` begins with '{'. Empty if they do not end. A label's
// value may hold braces, commas and escaped quotes.
std::string_view after_labels(std::string_view text) {
  bool quoted = false;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && text[i] == '}') {
      return text.substr(i + 1);
    }
  }
  return {};
}

// The value of a line `name{labels} value [timestamp]`; none if it is of another series.
std::optional<double> value_of(std::string_view line, std::string_view name) {
  if (!line.starts_with(name)) return std::nullopt;
  line.remove_prefix(name.size());
  if (line.empty() || (line.front() != '{' && !is_blank(line.front()))) return std::nullopt;
  while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
  if (line.starts_with('{')) line = after_labels(line);
  line = trim(line);
  const auto number = parse_double(line.substr(0, line.find_first_of(" \t")));
  if (!number || !std::isfinite(*number)) return std::nullopt;
  return number;
}

// The first of them that the server tells.
template <std::size_t N>
std::optional<double> first_of(std::string_view text,
                               const std::array<std::string_view, N>& names) {
  for (const std::string_view name : names) {
    if (const auto sum = sum_of_metric(text, name)) return sum;
  }
  return std::nullopt;
}

}  // namespace

std::optional<double> sum_of_metric(std::string_view text, std::string_view name) {
  std::optional<double> sum;
  while (!text.empty() && !name.empty()) {
    const std::size_t end = text.find('\n');
    const auto value = value_of(text.substr(0, end), name);
    if (value) sum = sum.value_or(0) + *value;
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  if (sum && !std::isfinite(*sum)) return std::nullopt;
  return sum;
}

ReplicaLoad parse_replica_load(std::string_view text, std::string_view metric) {
  constexpr std::array<std::string_view, 2> kRunning = {"vllm:num_requests_running",
                                                        "llamacpp:requests_processing"};
  constexpr std::array<std::string_view, 2> kWork = {"vllm:prompt_tokens_total",
                                                     "llamacpp:prompt_tokens_total"};
  return {.metric = sum_of_metric(text, metric),
          .running = first_of(text, kRunning),
          .work = first_of(text, kWork)};
}

std::string metrics_url(std::string_view pattern, const MetricsTarget& target) {
  const bool is_v6 = target.ip.find(':') != std::string::npos;
  const std::array<std::pair<std::string_view, std::string>, 4> values = {{
      {"{ip}", is_v6 ? "[" + target.ip + "]" : target.ip},
      {"{port}", std::to_string(target.port)},
      {"{namespace}", target.ns},
      {"{pod}", target.pod},
  }};
  std::string url;
  while (!pattern.empty()) {
    bool filled = false;
    for (const auto& [placeholder, value] : values) {
      if (!pattern.starts_with(placeholder)) continue;
      url += value;
      pattern.remove_prefix(placeholder.size());
      filled = true;
      break;
    }
    if (filled) continue;
    url += pattern.front();
    pattern.remove_prefix(1);
  }
  return url;
}

}  // namespace rage::op
