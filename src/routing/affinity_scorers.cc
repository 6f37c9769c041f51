// Scorers by what an endpoint has ready for this request.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "base/strings.h"
#include "routing/detail/plugins.h"

namespace rage::routing::detail {
namespace {

constexpr double kActive = 1.0;
constexpr double kHasRoom = 0.8;
constexpr double kWaiting = 0.6;

double lora_score(const EndpointMetrics& metrics, std::string_view model) {
  const auto lists = [&](const std::vector<std::string>& adapters) {
    return std::ranges::find(adapters, model) != adapters.end();
  };
  if (lists(metrics.active_adapters)) return kActive;
  if (metrics.active_adapters.size() + metrics.waiting_adapters.size() < metrics.adapters_max) {
    return kHasRoom;
  }
  return lists(metrics.waiting_adapters) ? kWaiting : 0;
}

struct LengthRange {
  double min = 0;
  double max = 0;
  bool contains(double tokens) const { return min <= tokens && tokens <= max; }
};

// "0-2048"; none if it is absent or reads otherwise.
std::optional<LengthRange> range_of(const Endpoint& endpoint, const std::string& label) {
  const auto at = endpoint.labels.find(label);
  if (at == endpoint.labels.end()) return std::nullopt;
  const std::string_view text = at->second;
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto min = parse_uint(trim(text.substr(0, dash)));
  const auto max = parse_uint(trim(text.substr(dash + 1)));
  if (!min || !max || *min > *max) return std::nullopt;
  return LengthRange{.min = static_cast<double>(*min), .max = static_cast<double>(*max)};
}

constexpr double kUnlabelled = 0.5;
constexpr double kEdge = 0.3;          // Below: out of range. Above: in range.
constexpr double kTightTokens = 8192;  // A range as wide as this is half as good as a point.

double length_score(const std::optional<LengthRange>& range, double tokens) {
  if (!range) return kUnlabelled;
  if (range->contains(tokens)) {
    return kEdge + (1 - kEdge) / (1 + (range->max - range->min) / kTightTokens);
  }
  return kEdge * (tokens > range->max ? range->max / tokens : tokens / range->min);
}

// Tells the client what the label of the chosen endpoint is.
class LabelStamp final : public Learner {
 public:
  LabelStamp(std::string header, std::string label)
      : header_(std::move(header)), label_(std::move(label)) {}
  void annotate(std::span<const Endpoint> candidates, Schedule& schedule) const override {
    const Endpoint& chosen = candidates[schedule.primary.endpoints.front()];
    const auto at = chosen.labels.find(label_);
    if (at != chosen.labels.end()) schedule.response_headers.emplace_back(header_, at->second);
  }

 private:
  const std::string header_;
  const std::string label_;
};

}  // namespace

Plugin prefix_cache_scorer(ParameterReader& parameters) {
  const double weight = parameters.number(
      parameters.has("prefixLengthWeight") ? "prefixLengthWeight" : "matchLengthWeight", 0,
      {.max = 1});
  const double scale = parameters.number(
      parameters.has("maxModelLen") ? "maxModelLen" : "matchLengthScaleTokens", 8192, {.min = 1});
  parameters.text("prefixMatchInfoProducerName");
  return {.score = score_each([=](const Cycle& cycle, std::uint32_t i) {
            const auto tokens = static_cast<double>(cycle.matched_blocks(i)) *
                                static_cast<double>(cycle.prefix.block_tokens);
            const double length = std::min(1.0, tokens / scale);
            return cycle.matched_share(i) * (1 - weight) + length * length * weight;
          })};
}

Plugin lora_affinity_scorer(ParameterReader&) {
  return {.score = score_each([](const Cycle& cycle, std::uint32_t i) {
            return lora_score(cycle.endpoints[i].metrics, cycle.request.target_model);
          })};
}

Plugin context_length_aware(ParameterReader& parameters) {
  const std::string label = parameters.text("label", "llm-d.ai/context-length-range");
  Plugin plugin{.score = score_each([=](const Cycle& cycle, std::uint32_t i) {
                  return length_score(range_of(cycle.endpoints[i], label),
                                      static_cast<double>(cycle.prompt_tokens));
                })};
  if (parameters.flag("enableFiltering", false)) {
    plugin.filter = keep_if([=](const Cycle& cycle, const Endpoint& endpoint) {
      const auto range = range_of(endpoint, label);
      return !range || range->contains(static_cast<double>(cycle.prompt_tokens));
    });
  }
  return plugin;
}

Plugin header_label_affinity_scorer(ParameterReader& parameters) {
  const std::string header = to_lower_ascii(parameters.text("headerName"));
  const std::string label = parameters.text("labelKey");
  if (header.empty()) parameters.refuse("headerName", "is missing");
  if (label.empty()) parameters.refuse("labelKey", "is missing");
  Plugin plugin{.score = [=](const Cycle& cycle, std::span<const std::uint32_t> candidates,
                             std::span<double> scores) {
    const std::string_view wanted = cycle.header(header);
    if (wanted.empty()) return;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const auto& labels = cycle.endpoints[candidates[i]].labels;
      const auto at = labels.find(label);
      scores[i] = at != labels.end() && at->second == wanted ? 1 : 0;
    }
  }};
  if (parameters.flag("stampResponseHeader", true)) {
    plugin.learner = std::make_shared<LabelStamp>(header, label);
  }
  return plugin;
}

}  // namespace rage::routing::detail
