// The endpoint picker's series under llm-d's names, with those of their deprecated twins that
// dashboards and tests still read (llm-d router, GIE). Label values that clients choose are capped.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "obs/metrics.h"
#include "routing/endpoint.h"
#include "routing/flow_control.h"

namespace rage::picker {

inline constexpr std::string_view kOtherLabel = "other";

// At most so many distinct values; a further one becomes kOtherLabel. Not thread-safe.
class LabelCap final {
 public:
  explicit LabelCap(std::size_t values_max) : values_max_(values_max) {}
  void pin(std::string_view value) { pinned_.emplace(value); }  // Always itself; not counted.
  std::string_view capped(std::string_view value);

 private:
  std::size_t values_max_;
  std::set<std::string, std::less<>> pinned_;
  std::set<std::string, std::less<>> seen_;
};

// The series of one family, found by their label values without asking the registry, which looks
// through all of them. Past `sets_max` every value is kOtherLabel. Not thread-safe.
template <class Series>
class SeriesCache final {
 public:
  using Make = std::function<Series(const obs::Labels& labels)>;
  SeriesCache(std::vector<std::string> names, std::size_t sets_max, Make make)
      : names_(std::move(names)), sets_max_(sets_max), make_(std::move(make)) {}

  Series& at(std::vector<std::string> values) {
    const auto known = series_.find(values);
    if (known != series_.end()) return known->second;
    if (series_.size() >= sets_max_) {
      values.assign(values.size(), std::string(kOtherLabel));
      const auto other = series_.find(values);
      if (other != series_.end()) return other->second;
    }
    obs::Labels labels;
    for (std::size_t i = 0; i < names_.size(); ++i) labels.emplace_back(names_[i], values[i]);
    return series_.emplace(std::move(values), make_(labels)).first->second;
  }

 private:
  const std::vector<std::string> names_;
  const std::size_t sets_max_;
  const Make make_;
  std::map<std::vector<std::string>, Series> series_;
};

// Value.
struct RequestLabels {
  std::string model;
  std::string target_model;
  std::string fairness_id;
  std::int32_t priority = 0;
  auto operator<=>(const RequestLabels&) const = default;
};

// A series and its twin under an older name, if it has one.
struct CounterPair {
  obs::Counter* series = nullptr;
  obs::Counter* twin = nullptr;
  void add(double amount = 1) const {
    series->add(amount);
    if (twin != nullptr) twin->add(amount);
  }
};
struct GaugePair {
  obs::Gauge* series = nullptr;
  obs::Gauge* twin = nullptr;
  void set(double value) const {
    series->set(value);
    if (twin != nullptr) twin->set(value);
  }
  void add(double amount) const {
    series->add(amount);
    if (twin != nullptr) twin->add(amount);
  }
};
struct HistogramPair {
  obs::Histogram* series = nullptr;
  obs::Histogram* twin = nullptr;
  void observe(double value) const {
    series->observe(value);
    if (twin != nullptr) twin->observe(value);
  }
};

// Of one set of labels. Thread-safe; lives as long as the metrics.
struct RequestSeries {
  CounterPair total;
  HistogramPair duration_seconds;
  HistogramPair size_bytes;
  HistogramPair response_bytes;
  HistogramPair input_tokens;
  HistogramPair output_tokens;
  HistogramPair cached_tokens;
  HistogramPair ntpot_seconds;           // Duration a token of output.
  HistogramPair streaming_tpot_seconds;  // The same without the time to the first token.
  HistogramPair streaming_itl_seconds;   // Between two chunks, on average.
  HistogramPair ttft_seconds;            // Whole replies.
  HistogramPair streaming_ttft_seconds;
  GaugePair running;
  GaugePair queue_size;
  GaugePair queue_bytes;
};

// `whole` 0: no limit, so no share.
double share_of(std::uint64_t part, std::uint64_t whole);

struct PickerMetricsOptions {
  std::size_t models_max = 1000;
  std::size_t fairness_ids_max = 100;
  std::size_t sets_max = 1000;  // Of labels, a family.
  bool deprecated_names = true;
};

// Resource. Thread-safe. The registry outlives it.
class PickerMetrics final {
 public:
  PickerMetrics(obs::MetricRegistry& registry, std::string pool,
                const PickerMetricsOptions& options = {});
  ~PickerMetrics();  // The pool is gone: no endpoints.
  PickerMetrics(const PickerMetrics&) = delete;
  PickerMetrics& operator=(const PickerMetrics&) = delete;

  // The reference stays valid: keep it for as long as the request lasts.
  const RequestSeries& request(const RequestLabels& labels);
  void count_error(const RequestLabels& labels, std::string_view code);
  // `endpoint` null: none was found. `status`: "success" or "failure".
  void count_schedule(std::string_view status, std::string_view target_model,
                      const routing::Endpoint* endpoint);
  // `target` comes from a resource, not from a client: it keeps its name in every label.
  void count_rewrite(std::string_view rewrite, std::string_view model, std::string_view target);
  void count_disaggregation(std::string_view model, std::string_view decision);
  // A request has left flow control.
  void observe_queue(const RequestLabels& labels, std::string_view outcome, double seconds);
  // Gauges of one endpoint; with zeros once it has left.
  void set_endpoint(const routing::Endpoint& endpoint);
  void set_band(const routing::BandStatus& band);
  // Of this pool; the series has no label for it and shows the sum over all pools of the process.
  void set_stale_endpoints(double count);

  // Of the pool.
  GaugePair ready_endpoints;
  GaugePair average_kv_usage;
  GaugePair average_queue;
  GaugePair average_running;
  GaugePair std_dev_kv_usage;
  GaugePair std_dev_queue;
  GaugePair std_dev_running;
  GaugePair saturation;
  HistogramPair scheduler_seconds;
  HistogramPair request_processing_seconds;
  CounterPair poll_errors;
  CounterPair extract_errors;
  GaugePair global_requests_share;  // Of flow control's limits; 0 without.
  GaugePair global_bytes_share;
  CounterPair evictions_issued;

 private:
  struct Families;
  struct State;
  GaugePair stale_endpoints_;
  const std::unique_ptr<State> state_;
};

}  // namespace rage::picker
