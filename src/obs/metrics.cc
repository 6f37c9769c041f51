#include "obs/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/check.h"
#include "base/strings.h"

namespace rage::obs {
namespace {

// Always a float, as the Python client writes it: "1.0", "0.25", "1e+20", "+Inf".
std::string render_number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string escape(std::string_view text, bool quotes_too) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes_too) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
  return out;
}

// `{status="success",le="0.5"}`, or nothing without labels.
std::string render_labels(const Labels& labels, std::string_view bound = {}) {
  if (labels.empty() && bound.empty()) return {};
  std::vector<std::string> parts;
  for (const auto& [name, value] : labels) {
    parts.push_back(fmt::format("{}=\"{}\"", name, escape(value, true)));
  }
  if (!bound.empty()) parts.push_back(fmt::format("le=\"{}\"", bound));
  return "{" + join(parts, ",") + "}";
}

bool is_valid_name(std::string_view name) {
  const auto valid = [](char c) {
    return is_ascii_alpha(c) || is_ascii_digit(c) || c == '_' || c == ':';
  };
  return !name.empty() && !is_ascii_digit(name.front()) && std::ranges::all_of(name, valid);
}

bool same_label_names(const Labels& a, const Labels& b) {
  return std::ranges::equal(a, b, [](const auto& x, const auto& y) { return x.first == y.first; });
}

void render_histogram(std::string& out, const std::string& name, const Labels& labels,
                      const Histogram& histogram) {
  const auto counts = histogram.counts();
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    total += counts[i];
    const bool last = i == histogram.buckets().size();
    const std::string bound = last ? "+Inf" : render_number(histogram.buckets()[i]);
    fmt::format_to(std::back_inserter(out), "{}_bucket{} {}\n", name, render_labels(labels, bound),
                   render_number(static_cast<double>(total)));
  }
  const std::string suffix = render_labels(labels);
  fmt::format_to(std::back_inserter(out), "{0}_count{1} {2}\n{0}_sum{1} {3}\n", name, suffix,
                 render_number(static_cast<double>(total)), render_number(histogram.sum()));
}

}  // namespace

Histogram::Histogram(std::vector<double> buckets)
    : buckets_(std::move(buckets)),
      counts_(std::make_unique<std::atomic<std::uint64_t>[]>(buckets_.size() + 1)) {
  CHECK(std::ranges::is_sorted(buckets_, std::ranges::less_equal()));  // Without duplicates.
  for (const double bound : buckets_) CHECK(std::isfinite(bound));
}

void Histogram::observe(double value) {
  const auto bound = std::ranges::lower_bound(buckets_, value);
  const auto index = static_cast<std::size_t>(bound - buckets_.begin());
  counts_[index].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

std::vector<std::uint64_t> Histogram::counts() const {
  std::vector<std::uint64_t> counts(buckets_.size() + 1);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    counts[i] = counts_[i].load(std::memory_order_relaxed);
  }
  return counts;
}

const std::vector<double>& default_latency_buckets() {
  static const std::vector<double> buckets = {.005, .01, .025, .05, .075, .1,  .25,
                                              .5,   .75, 1,    2.5, 5,    7.5, 10};
  return buckets;
}

MetricRegistry::Series& MetricRegistry::ensure_series(Kind kind, std::string_view name,
                                                      std::string_view help, const Labels& labels) {
  CHECK(is_valid_name(name));
  auto [found, added] = families_.try_emplace(std::string(name));
  Family& family = found->second;
  if (added) {
    family.kind = kind;
    family.help = help;
  }
  CHECK(family.kind == kind);
  for (const auto& series : family.series) {
    if (series->labels == labels) return *series;
    CHECK(same_label_names(series->labels, labels));
  }
  family.series.push_back(std::make_unique<Series>(Series{.labels = labels}));
  return *family.series.back();
}

Counter& MetricRegistry::counter(std::string_view name, std::string_view help,
                                 const Labels& labels) {
  MutexLock lock(mutex_);
  Series& series = ensure_series(Kind::kCounter, name, help, labels);
  if (!series.counter) series.counter = std::make_unique<Counter>();
  return *series.counter;
}

Gauge& MetricRegistry::gauge(std::string_view name, std::string_view help, const Labels& labels) {
  MutexLock lock(mutex_);
  Series& series = ensure_series(Kind::kGauge, name, help, labels);
  if (!series.gauge) series.gauge = std::make_unique<Gauge>();
  return *series.gauge;
}

Histogram& MetricRegistry::histogram(std::string_view name, std::string_view help,
                                     const std::vector<double>& buckets, const Labels& labels) {
  MutexLock lock(mutex_);
  Series& series = ensure_series(Kind::kHistogram, name, help, labels);
  if (!series.histogram) series.histogram = std::make_unique<Histogram>(buckets);
  CHECK(series.histogram->buckets() == buckets);
  return *series.histogram;
}

void MetricRegistry::render_family(std::string& out, const std::string& name,
                                   const Family& family) {
  constexpr std::string_view kTypes[] = {"counter", "gauge", "histogram"};
  fmt::format_to(std::back_inserter(out), "# HELP {0} {1}\n# TYPE {0} {2}\n", name,
                 escape(family.help, false), kTypes[static_cast<std::size_t>(family.kind)]);
  for (const auto& series : family.series) {
    if (family.kind == Kind::kHistogram) {
      render_histogram(out, name, series->labels, *series->histogram);
      continue;
    }
    const double value =
        family.kind == Kind::kCounter ? series->counter->value() : series->gauge->value();
    fmt::format_to(std::back_inserter(out), "{}{} {}\n", name, render_labels(series->labels),
                   render_number(value));
  }
}

std::string MetricRegistry::render() const {
  std::string out;
  MutexLock lock(mutex_);
  for (const auto& [name, family] : families_) render_family(out, name, family);
  return out;
}

}  // namespace rage::obs
