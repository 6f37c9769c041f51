#include "routing/metrics_text.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/strings.h"
#include "routing/detail/metric_line.h"

namespace rage::routing {
namespace {

constexpr double kCountMax = 1e15;  // Whole in a double, and in every counter we turn it into.

std::vector<std::string> read_adapters(std::string_view list) {
  std::vector<std::string> adapters;
  for (const std::string_view part : split(list, ',')) {
    if (adapters.size() == MetricsScan::kAdaptersMax) break;
    const std::string_view name = trim(part);
    if (!name.empty()) adapters.emplace_back(name);
  }
  return adapters;
}

}  // namespace

MetricsScan::MetricsScan(std::shared_ptr<const MetricsFormat> format)
    : format_(std::move(format)), found_(format_->rules().size()) {}

void MetricsScan::feed(std::string_view chunk) {
  const char* at = chunk.data();
  const char* const end = at + chunk.size();
  while (at != end) {
    const auto* newline =
        static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at)));
    const std::string_view piece(at, static_cast<std::size_t>((newline ? newline : end) - at));
    if (newline == nullptr) return keep(piece);
    at = newline + 1;
    if (partial_.empty() && !too_long_) {
      line(piece);
      continue;
    }
    keep(piece);
    if (!too_long_) line(partial_);
    partial_.clear();
    too_long_ = false;
  }
}

void MetricsScan::keep(std::string_view piece) {
  if (too_long_) return;
  const std::size_t room = kLineBytesMax - partial_.size();
  partial_.append(piece.substr(0, room));
  if (piece.size() <= room) return;
  too_long_ = true;
  if (!format_->find(detail::without_leading_blanks(partial_)).rules.empty()) ++skipped_;
  partial_.clear();
}

void MetricsScan::line(std::string_view text) {
  if (!text.empty() && detail::is_blank(text.front())) text = detail::without_leading_blanks(text);
  const MetricsFormat::Named named = format_->find(text);
  if (named.rules.empty()) return;
  if (text.size() > kLineBytesMax) {
    ++skipped_;
    return;
  }
  sample(named, text.substr(named.name_bytes));
}

void MetricsScan::sample(const MetricsFormat::Named& named, std::string_view rest) {
  rest = detail::without_leading_blanks(rest);
  detail::Labels labels;
  if (!rest.empty() && rest.front() == '{' && !labels.read(rest)) {
    ++skipped_;
    return;
  }
  const std::optional<double> value = detail::read_value(rest);
  if (!value) {
    ++skipped_;
    return;
  }
  for (const std::uint16_t index : named.rules) {
    const MetricRule& rule = format_->rules()[index];
    if (!labels.has_all(rule.series)) continue;
    if (rule.signal == MetricSignal::kLora) {
      lora(labels, *value);
    } else if (rule.value_label.empty()) {
      add(index, *value);
    } else if (const std::string_view* label = labels.find(rule.value_label)) {
      // Python writes None for what it does not know yet.
      if (const std::optional<double> number = detail::read_value(*label)) add(index, *number);
    }
  }
}

void MetricsScan::add(std::uint16_t rule, double value) {
  Found& found = found_[rule];
  if (format_->rules()[rule].signal != MetricSignal::kCustom) {
    if (value < 0) {
      ++skipped_;
      return;
    }
    value = std::min(value, kCountMax);
  }
  found.first = found.count == 0 ? value : found.first;
  found.most = found.count == 0 ? value : std::max(found.most, value);
  found.sum += value;
  ++found.count;
}

// vLLM leaves a series behind for each state it was in; the sample is the time of that state.
void MetricsScan::lora(const detail::Labels& labels, double value) {
  if (lora_.found && value <= lora_.updated) return;
  lora_.found = true;
  lora_.updated = value;
  const auto copy = [&](std::string_view key, std::string& out) {
    out.clear();
    if (const std::string_view* raw = labels.find(key)) detail::append_unescaped(*raw, out);
  };
  copy("max_lora", lora_.adapters_max);
  copy("running_lora_adapters", lora_.running);
  copy("waiting_lora_adapters", lora_.waiting);
}

double MetricsScan::value_of(std::size_t rule) const {
  const Found& found = found_[rule];
  switch (format_->rules()[rule].aggregate) {
    case Aggregate::kFirst:
      return found.first;
    case Aggregate::kSum:
      return found.sum;
    case Aggregate::kMean:
      return found.sum / static_cast<double>(found.count);
    case Aggregate::kMax:
      return found.most;
  }
  UNREACHABLE();
}

std::optional<double> MetricsScan::value_of(MetricSignal signal) const {
  for (std::size_t i = 0; i < found_.size(); ++i) {
    if (format_->rules()[i].signal == signal && found_[i].count > 0) return value_of(i);
  }
  return std::nullopt;
}

ScannedMetrics MetricsScan::finish(SteadyTime now) {
  if (!partial_.empty()) line(partial_);  // A page may lack the last line end.
  ScannedMetrics out{.metrics = {}, .lines_skipped = skipped_};
  EndpointMetrics& metrics = out.metrics;
  const auto waiting = value_of(MetricSignal::kWaiting);
  const auto running = value_of(MetricSignal::kRunning);
  const auto kv_usage = value_of(MetricSignal::kKvUsage);
  out.has_waiting = waiting.has_value();
  out.has_running = running.has_value();
  out.has_kv_usage = kv_usage.has_value();
  metrics.waiting = waiting.value_or(0);
  metrics.running = running.value_or(0);
  metrics.kv_usage = std::min(kv_usage.value_or(0), 1.0);
  metrics.block_tokens = static_cast<std::uint32_t>(
      std::min(value_of(MetricSignal::kBlockTokens).value_or(0), double{UINT32_MAX}));
  metrics.blocks =
      static_cast<std::uint64_t>(std::min(value_of(MetricSignal::kBlocks).value_or(0), kCountMax));
  for (std::size_t i = 0; i < found_.size(); ++i) {
    const MetricRule& rule = format_->rules()[i];
    if (rule.signal != MetricSignal::kCustom || found_[i].count == 0) continue;
    if (std::isfinite(value_of(i))) metrics.custom.emplace(rule.attribute, value_of(i));
  }
  if (lora_.found) {
    metrics.adapters_max = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(parse_uint(trim(lora_.adapters_max)).value_or(0), UINT32_MAX));
    metrics.active_adapters = read_adapters(lora_.running);
    metrics.waiting_adapters = read_adapters(lora_.waiting);
  }
  const bool any = lora_.found || std::any_of(found_.begin(), found_.end(),
                                              [](const Found& one) { return one.count > 0; });
  if (any) metrics.updated_at = now;

  std::fill(found_.begin(), found_.end(), Found{});
  lora_.found = false;
  partial_.clear();
  too_long_ = false;
  skipped_ = 0;
  return out;
}

}  // namespace rage::routing
