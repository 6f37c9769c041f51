#include "picker/metrics.h"

#include <fmt/format.h>

#include <optional>

#include "base/mutex.h"

namespace rage::picker {
namespace {

using obs::Labels;
using Names = std::vector<std::string>;
using Values = std::vector<std::string>;

constexpr std::string_view kPrefix = "llm_d_epp_";
constexpr std::string_view kObjective = "inference_objective_";
constexpr std::string_view kPool = "inference_pool_";
constexpr std::string_view kExtension = "inference_extension_";
constexpr std::string_view kProducer = "inflight-load-producer";

const std::vector<double> kLatency = {
    .005, .025, .05, .1, .2, .4,  .6,  .8,  1,   1.25, 1.5, 2,   3,   4,    5,    6,    8,   10,
    15,   20,   30,  45, 60, 120, 180, 240, 300, 360,  480, 600, 900, 1200, 1800, 2700, 3600};
const std::vector<double> kTokenLatency = {.001, .002, .005, .01, .02, .05, .1,
                                           .2,   .5,   1,    2,   5,   10};
const std::vector<double> kProcessing = {.0001, .0002, .0005, .001, .002, .005, .01, .02, .05, .1};
const std::vector<double> kQueue = {.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5, 10, 30, 60};

// 1, 8, 16, 32, ..., `last`; upstream's 32768 is written 32778.
std::vector<double> token_buckets(double last) {
  std::vector<double> buckets = {1};
  for (double bound = 8; bound <= last; bound *= 2) {
    buckets.push_back(bound == 32768 ? 32778 : bound);
  }
  return buckets;
}

std::vector<double> doubling(double first, double last) {
  std::vector<double> buckets;
  for (double bound = first; bound <= last; bound *= 2) buckets.push_back(bound);
  return buckets;
}

std::vector<double> small_sizes() {
  std::vector<double> buckets = doubling(8, 65536);
  buckets.insert(buckets.begin(), 1);
  return buckets;
}

std::string joined(std::string_view prefix, std::string_view name) {
  return fmt::format("{}{}", prefix, name);
}

// Makes a series and its twin. `twin` empty: none.
class Maker final {
 public:
  Maker(obs::MetricRegistry& registry, bool twins) : registry_(registry), twins_(twins) {}

  CounterPair counter(std::string_view name, std::string_view help, const Labels& labels,
                      std::string_view twin = {}, const Labels& twin_labels = {}) const {
    CounterPair pair{.series = &registry_.counter(joined(kPrefix, name), help, labels)};
    if (twins_ && !twin.empty())
      pair.twin = &registry_.counter(twin, deprecated(name), twin_labels);
    return pair;
  }
  GaugePair gauge(std::string_view name, std::string_view help, const Labels& labels,
                  std::string_view twin = {}, const Labels& twin_labels = {}) const {
    GaugePair pair{.series = &registry_.gauge(joined(kPrefix, name), help, labels)};
    if (twins_ && !twin.empty()) pair.twin = &registry_.gauge(twin, deprecated(name), twin_labels);
    return pair;
  }
  HistogramPair histogram(std::string_view name, std::string_view help,
                          const std::vector<double>& buckets, const Labels& labels,
                          std::string_view twin = {}, const Labels& twin_labels = {},
                          const std::vector<double>* twin_buckets = nullptr) const {
    HistogramPair pair{.series =
                           &registry_.histogram(joined(kPrefix, name), help, buckets, labels)};
    if (twins_ && !twin.empty()) {
      pair.twin = &registry_.histogram(
          twin, deprecated(name), twin_buckets != nullptr ? *twin_buckets : buckets, twin_labels);
    }
    return pair;
  }

 private:
  static std::string deprecated(std::string_view name) {
    return fmt::format("Deprecated: use {}{}.", kPrefix, name);
  }
  obs::MetricRegistry& registry_;
  bool twins_;
};

// model_name, target_model_name, fairness_id, priority.
Labels full_labels(const RequestLabels& labels) {
  return {{"model_name", labels.model},
          {"target_model_name", labels.target_model},
          {"fairness_id", labels.fairness_id},
          {"priority", std::to_string(labels.priority)}};
}

RequestSeries make_request_series(const Maker& make, const RequestLabels& request,
                                  const std::string& pool) {
  const Labels labels = full_labels(request);
  const Labels twin = {labels[0], labels[1]};
  const Labels twin_total = {labels[0], labels[1], labels[3]};
  const Labels queue = {labels[2], labels[3], {"inference_pool", pool}, labels[0], labels[1]};
  Labels whole = labels;
  whole.emplace_back("streaming", "false");
  Labels streaming = labels;
  streaming.emplace_back("streaming", "true");
  const auto objective = [](std::string_view name) { return joined(kObjective, name); };
  const std::vector<double> sizes = doubling(64, 1 << 30);
  const std::vector<double> twin_sizes = small_sizes();
  const std::vector<double> tokens = token_buckets(1 << 20);
  const std::vector<double> output_tokens = token_buckets(8192);
  return {
      .total = make.counter("request_total", "Requests.", labels, objective("request_total"),
                            twin_total),
      .duration_seconds =
          make.histogram("request_duration_seconds", "From the request to the end of its reply.",
                         kLatency, labels, objective("request_duration_seconds"), twin),
      .size_bytes = make.histogram("request_size_bytes", "Of request bodies.", sizes, labels,
                                   objective("request_sizes"), twin),
      .response_bytes = make.histogram("response_size_bytes", "Of reply bodies.", sizes, labels,
                                       objective("response_sizes"), twin, &twin_sizes),
      .input_tokens = make.histogram("request_input_tokens", "Of prompts, as replies say.", tokens,
                                     labels, objective("input_tokens"), twin),
      .output_tokens = make.histogram("request_output_tokens", "Of completions, as replies say.",
                                      output_tokens, labels, objective("output_tokens"), twin),
      .cached_tokens =
          make.histogram("request_cached_tokens", "Of prompts, found in the server's cache.",
                         tokens, labels, objective("prompt_cached_tokens"), twin),
      .ntpot_seconds = make.histogram(
          "request_ntpot_seconds", "Duration divided by the tokens of output.", kTokenLatency,
          labels, objective("normalized_time_per_output_token_seconds"), twin),
      .streaming_tpot_seconds =
          make.histogram("request_streaming_tpot_seconds",
                         "Time after the first token divided by the tokens that follow it.",
                         kTokenLatency, labels),
      .streaming_itl_seconds =
          make.histogram("request_streaming_itl_seconds", "Between two pieces of a streamed reply.",
                         kTokenLatency, labels),
      .ttft_seconds = make.histogram("request_ttft_seconds", "To the first bytes of the reply.",
                                     kLatency, whole),
      .streaming_ttft_seconds = make.histogram(
          "request_ttft_seconds", "To the first bytes of the reply.", kLatency, streaming),
      .running = make.gauge("request_running", "Requests in flight.", labels,
                            objective("running_requests"), twin),
      .queue_size = make.gauge("flow_control_queue_size", "Requests that wait.", queue,
                               joined(kExtension, "flow_control_queue_size"), queue),
      .queue_bytes = make.gauge("flow_control_queue_bytes", "Bytes of requests that wait.", queue,
                                joined(kExtension, "flow_control_queue_bytes"), queue),
  };
}

}  // namespace

std::string_view LabelCap::capped(std::string_view value) {
  if (const auto known = pinned_.find(value); known != pinned_.end()) return *known;
  if (const auto known = seen_.find(value); known != seen_.end()) return *known;
  if (seen_.size() >= values_max_) return kOtherLabel;
  return *seen_.emplace(value).first;
}

struct PickerMetrics::Families {
  struct EndpointGauges {
    GaugePair queue;
    GaugePair requests;
    GaugePair tokens;
  };
  struct BandGauges {
    GaugePair requests;
    GaugePair bytes;
  };

  Families(obs::MetricRegistry& registry, std::string pool_name,
           const PickerMetricsOptions& options)
      : make(registry, options.deprecated_names),
        pool(std::move(pool_name)),
        sets_max(options.sets_max),
        models(options.models_max),
        fairness_ids(options.fairness_ids_max) {}

  RequestLabels capped(const RequestLabels& labels) {
    return {.model = std::string(models.capped(labels.model)),
            .target_model = std::string(models.capped(labels.target_model)),
            .fairness_id = std::string(fairness_ids.capped(labels.fairness_id)),
            .priority = labels.priority};
  }

  const RequestSeries& request(const RequestLabels& labels) {
    RequestLabels key = capped(labels);
    const auto known = requests.find(key);
    if (known != requests.end()) return *known->second;
    if (requests.size() >= sets_max) {
      const std::string other(kOtherLabel);
      key = {.model = other, .target_model = other, .fairness_id = other, .priority = 0};
    }
    auto& series = requests[key];
    if (!series) series = std::make_unique<RequestSeries>(make_request_series(make, key, pool));
    return *series;
  }

  const Maker make;
  const std::string pool;
  const std::size_t sets_max;
  LabelCap models;
  LabelCap fairness_ids;
  std::map<RequestLabels, std::unique_ptr<RequestSeries>> requests;

  SeriesCache<CounterPair> errors{
      {"model_name", "target_model_name", "fairness_id", "priority", "error_code"},
      sets_max,
      [this](const Labels& labels) {
        return make.counter("request_error_total", "Requests that failed.", labels,
                            joined(kObjective, "request_error_total"),
                            {labels[0], labels[1], labels[4]});
      }};
  SeriesCache<CounterPair> schedules{
      {"status", "target_model_name", "endpoint_name", "namespace", "port"},
      sets_max,
      [this](const Labels& labels) {
        return make.counter("scheduler_attempts_total", "Decisions, and where they led.", labels);
      }};
  SeriesCache<CounterPair> rewrites{
      {"model_rewrite_name", "model_name", "target_model"}, sets_max, [this](const Labels& labels) {
        return make.counter("model_rewrite_decisions_total", "Models that were rewritten.", labels);
      }};
  SeriesCache<CounterPair> disaggregations{
      {"plugin_name", "plugin_type", "model_name", "decision_type"},
      sets_max,
      [this](const Labels& labels) {
        return make.counter("disagg_decision_total", "Which stages requests ran in.", labels);
      }};
  SeriesCache<HistogramPair> queued{
      {"fairness_id", "priority", "outcome", "inference_pool", "model_name", "target_model_name"},
      sets_max,
      [this](const Labels& labels) {
        return make.histogram(
            "flow_control_request_queue_duration_seconds", "In flow control.", kQueue, labels,
            joined(kExtension, "flow_control_request_queue_duration_seconds"), labels);
      }};
  SeriesCache<CounterPair> outcomes{
      {"outcome", "priority", "inference_pool"}, sets_max, [this](const Labels& labels) {
        return make.counter("flow_control_requests_total", "Requests that left flow control.",
                            labels);
      }};
  SeriesCache<EndpointGauges> endpoints{
      {"name", "namespace"}, sets_max, [this](const Labels& labels) {
        const std::string& endpoint = labels[0].second;
        const Labels load = {{"endpoint_name", endpoint},
                             {"namespace", labels[1].second},
                             {"producer_name", std::string(kProducer)},
                             {"fairness_id", ""},
                             {"priority", ""}};
        return EndpointGauges{
            .queue = make.gauge("per_endpoint_queue_size", "Requests queued at the server.",
                                {{"name", pool}, {"model_server_endpoint", endpoint}},
                                joined(kPool, "per_pod_queue_size"),
                                {{"name", pool}, {"model_server_pod", endpoint}}),
            .requests = make.gauge("inflight_requests", "Sent there and not ended.", load),
            .tokens =
                make.gauge("inflight_tokens", "Of prompts sent there and not computed.", load)};
      }};
  SeriesCache<BandGauges> bands{
      {"priority", "inference_pool"}, sets_max, [this](const Labels& labels) {
        return BandGauges{.requests = make.gauge("flow_control_capacity_utilization_requests",
                                                 "Share of a band's requests.", labels),
                          .bytes = make.gauge("flow_control_capacity_utilization_bytes",
                                              "Share of a band's bytes.", labels)};
      }};
};

struct PickerMetrics::State {
  State(obs::MetricRegistry& registry, const std::string& pool, const PickerMetricsOptions& options)
      : families(registry, pool, options) {}
  Mutex mutex;
  Families families GUARDED_BY(mutex);
};

PickerMetrics::PickerMetrics(obs::MetricRegistry& registry, std::string pool,
                             const PickerMetricsOptions& options)
    : state_(std::make_unique<State>(registry, pool, options)) {
  const Maker make(registry, options.deprecated_names);
  const Labels name = {{"name", pool}};
  const Labels in_pool = {{"inference_pool", pool}};
  const auto of_pool = [&](std::string_view metric, std::string_view help,
                           std::string_view twin = {}) {
    return make.gauge(metric, help, name, twin.empty() ? std::string() : joined(kPool, twin), name);
  };
  ready_endpoints = of_pool("ready_endpoints", "Endpoints to choose from.", "ready_pods");
  average_kv_usage = of_pool("average_kv_cache_utilization", "Mean over the endpoints.",
                             "average_kv_cache_utilization");
  average_queue = of_pool("average_queue_size", "Mean over the endpoints.", "average_queue_size");
  average_running =
      of_pool("average_running_requests", "Mean over the endpoints.", "average_running_requests");
  std_dev_kv_usage = of_pool("std_dev_kv_cache_utilization", "Over the endpoints.");
  std_dev_queue = of_pool("std_dev_queue_size", "Over the endpoints.");
  std_dev_running = of_pool("std_dev_running_requests", "Over the endpoints.");
  saturation = make.gauge("flow_control_pool_saturation", "0 idle, 1 and above full.",
                          {{"inference_pool", pool}, {"stage", "all"}},
                          joined(kExtension, "flow_control_pool_saturation"), in_pool);
  stale_endpoints = make.gauge("flow_control_stale_endpoints", "Whose metrics are too old.",
                               {{"detector", "utilization-detector"}});
  scheduler_seconds =
      make.histogram("scheduler_e2e_duration_seconds", "Of one decision.", kProcessing, {},
                     joined(kExtension, "scheduler_e2e_duration_seconds"));
  request_processing_seconds = make.histogram("request_processing_duration_seconds",
                                              "From the body to the pick.", kProcessing, {});
  poll_errors = make.counter("datalayer_poll_errors_total", "Scrapes that failed.",
                             {{"source_type", "metrics-data-source"}});
  evictions_issued = make.counter("flow_control_revocations_issued_total",
                                  "Requests in flight that had to make room.",
                                  {{"priority", "negative"}, {"inference_pool", pool}});
}

PickerMetrics::~PickerMetrics() = default;

void PickerMetrics::pin_model(std::string_view model) {
  MutexLock lock(state_->mutex);
  state_->families.models.pin(model);
}

const RequestSeries& PickerMetrics::request(const RequestLabels& labels) {
  MutexLock lock(state_->mutex);
  return state_->families.request(labels);
}

void PickerMetrics::count_error(const RequestLabels& labels, std::string_view code) {
  MutexLock lock(state_->mutex);
  const RequestLabels capped = state_->families.capped(labels);
  state_->families.errors
      .at({capped.model, capped.target_model, capped.fairness_id, std::to_string(capped.priority),
           std::string(code)})
      .add();
}

void PickerMetrics::count_schedule(std::string_view status, std::string_view target_model,
                                   const routing::Endpoint* endpoint) {
  MutexLock lock(state_->mutex);
  Families& families = state_->families;
  std::string model(families.models.capped(target_model));
  if (endpoint == nullptr) {
    families.schedules.at({std::string(status), std::move(model), "", "", ""}).add();
    return;
  }
  families.schedules
      .at({std::string(status), std::move(model), endpoint->name(), endpoint->name_space,
           std::to_string(endpoint->port)})
      .add();
}

void PickerMetrics::count_rewrite(std::string_view rewrite, std::string_view model,
                                  std::string_view target) {
  MutexLock lock(state_->mutex);
  Families& families = state_->families;
  families.rewrites
      .at({std::string(rewrite), std::string(families.models.capped(model)),
           std::string(families.models.capped(target))})
      .add();
}

void PickerMetrics::count_disaggregation(std::string_view model, std::string_view decision) {
  MutexLock lock(state_->mutex);
  Families& families = state_->families;
  families.disaggregations
      .at({"disagg-profile-handler", "disagg-profile-handler",
           std::string(families.models.capped(model)), std::string(decision)})
      .add();
}

void PickerMetrics::observe_queue(const RequestLabels& labels, std::string_view outcome,
                                  double seconds) {
  MutexLock lock(state_->mutex);
  Families& families = state_->families;
  const RequestLabels capped = families.capped(labels);
  const std::string priority = std::to_string(capped.priority);
  families.queued
      .at({capped.fairness_id, priority, std::string(outcome), families.pool, capped.model,
           capped.target_model})
      .observe(seconds);
  families.outcomes.at({std::string(outcome), priority, families.pool}).add();
}

void PickerMetrics::set_endpoint(const routing::Endpoint& endpoint) {
  MutexLock lock(state_->mutex);
  const auto& gauges = state_->families.endpoints.at({endpoint.name(), endpoint.name_space});
  gauges.queue.set(endpoint.metrics.waiting);
  gauges.requests.set(endpoint.in_flight.requests);
  gauges.tokens.set(static_cast<double>(endpoint.in_flight.tokens));
}

void PickerMetrics::set_band(const routing::BandStatus& band) {
  MutexLock lock(state_->mutex);
  Families& families = state_->families;
  const auto& gauges = families.bands.at({std::to_string(band.priority), families.pool});
  const auto share = [](std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
  };
  gauges.requests.set(share(band.requests, band.requests_max));
  gauges.bytes.set(share(band.bytes, band.bytes_max));
}

}  // namespace rage::picker
