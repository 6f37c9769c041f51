#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "routing/detail/metric_line.h"
#include "routing/metrics_text.h"

namespace rage::routing {
namespace {

constexpr std::size_t kRulesMax = 256;

// Reads up to eight bytes from `at` on.
std::uint64_t window_of(std::string_view text, std::size_t at) {
  std::uint64_t window = 0;
  if (text.size() >= at + sizeof(window)) {
    std::memcpy(&window, text.data() + at, sizeof(window));
  } else if (text.size() > at) {
    std::memcpy(&window, text.data() + at, text.size() - at);
  }
  return window;
}

std::size_t common_prefix(std::string_view a, std::string_view b) {
  const auto end = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first;
  return static_cast<std::size_t>(end - a.begin());
}

}  // namespace

Result<std::shared_ptr<const MetricsFormat>> MetricsFormat::create(MetricRules rules) {
  if (rules.size() > kRulesMax) {
    return fail(ErrorCode::kInvalidArgument, "more than {} metrics to look for", kRulesMax);
  }
  std::shared_ptr<MetricsFormat> format(new MetricsFormat);
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const MetricRule& rule = rules[i];
    if (rule.series.name.empty() ||
        (rule.signal == MetricSignal::kCustom && rule.attribute.empty())) {
      return fail(ErrorCode::kInvalidArgument, "a metric to look for needs a name and a key");
    }
    auto name = std::find_if(format->names_.begin(), format->names_.end(),
                             [&](const Name& known) { return known.text == rule.series.name; });
    if (name == format->names_.end()) {
      name = format->names_.insert(name, Name{.window = 0, .text = rule.series.name, .rules = {}});
    }
    name->rules.push_back(static_cast<std::uint16_t>(i));
  }
  format->rules_ = std::move(rules);
  if (format->names_.empty()) return std::shared_ptr<const MetricsFormat>(format);

  std::size_t shortest = std::string::npos;
  std::size_t shared = std::string::npos;
  for (const Name& name : format->names_) {
    shortest = std::min(shortest, name.text.size());
    shared = std::min(shared, common_prefix(name.text, format->names_.front().text));
  }
  constexpr std::size_t kWindow = sizeof(std::uint64_t);
  const std::size_t bytes = std::min(shortest, kWindow);
  format->window_at_ = std::min(shared, shortest - bytes);
  const std::array<unsigned char, kWindow> ones = [bytes] {
    std::array<unsigned char, kWindow> mask{};
    std::fill_n(mask.begin(), bytes, 0xFF);
    return mask;
  }();
  std::memcpy(&format->window_mask_, ones.data(), kWindow);
  for (Name& name : format->names_) {
    name.window = window_of(name.text, format->window_at_) & format->window_mask_;
  }
  return std::shared_ptr<const MetricsFormat>(format);
}

MetricsFormat::Named MetricsFormat::find(std::string_view line) const {
  const std::uint64_t window = window_of(line, window_at_) & window_mask_;
  for (const Name& name : names_) {
    if (name.window != window || !line.starts_with(name.text)) continue;
    const std::size_t end = name.text.size();
    if (end < line.size() && (line[end] == '{' || detail::is_blank(line[end]))) {
      return {.rules = name.rules, .name_bytes = end};
    }
  }
  return {};
}

}  // namespace rage::routing
