#include "picker/metrics.h"

#include <utility>

#include "base/mutex.h"
#include "picker/detail/series_maker.h"

namespace rage::picker {
namespace {

using obs::Labels;

using detail::joined;
using detail::kExtension;
using detail::kObjective;
using detail::kPool;
using detail::SeriesMaker;

constexpr std::string_view kProducer = "inflight-load-producer";

const std::vector<double> kProcessing = {.0001, .0002, .0005, .001, .002, .005, .01, .02, .05, .1};
const std::vector<double> kQueue = {.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5, 10, 30, 60};

}  // namespace

double share_of(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

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
    if (!series)
      series = std::make_unique<RequestSeries>(detail::make_request_series(make, key, pool));
    return *series;
  }

  const SeriesMaker make;
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
  double stale_endpoints GUARDED_BY(mutex) = 0;
};

PickerMetrics::PickerMetrics(obs::MetricRegistry& registry, std::string pool,
                             const PickerMetricsOptions& options)
    : state_(std::make_unique<State>(registry, pool, options)) {
  const SeriesMaker make(registry, options.deprecated_names);
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
  stale_endpoints_ = make.gauge("flow_control_stale_endpoints", "Whose metrics are too old.",
                                {{"detector", "utilization-detector"}});
  scheduler_seconds =
      make.histogram("scheduler_e2e_duration_seconds", "Of one decision.", kProcessing, {},
                     joined(kExtension, "scheduler_e2e_duration_seconds"));
  request_processing_seconds = make.histogram("request_processing_duration_seconds",
                                              "From the body to the pick.", kProcessing, {});
  poll_errors = make.counter("datalayer_poll_errors_total", "Scrapes that failed.",
                             {{"source_type", "metrics-data-source"}});
  extract_errors = make.counter(
      "datalayer_extract_errors_total", "Pages without anything that is looked for.",
      {{"source_type", "metrics-data-source"}, {"extractor_type", "core-metrics-extractor"}});
  global_requests_share = make.gauge("flow_control_global_capacity_utilization_requests",
                                     "Share of the limit on waiting requests.", in_pool);
  global_bytes_share = make.gauge("flow_control_global_capacity_utilization_bytes",
                                  "Share of the limit on waiting bytes.", in_pool);
  evictions_issued = make.counter("flow_control_revocations_issued_total",
                                  "Requests in flight that had to make room.",
                                  {{"priority", "negative"}, {"inference_pool", pool}});
}

PickerMetrics::~PickerMetrics() {
  ready_endpoints.set(0);
  set_stale_endpoints(0);
}

void PickerMetrics::set_stale_endpoints(double count) {
  MutexLock lock(state_->mutex);
  stale_endpoints_.add(count - std::exchange(state_->stale_endpoints, count));
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
  families.models.pin(target);
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
  gauges.requests.set(share_of(band.requests, band.requests_max));
  gauges.bytes.set(share_of(band.bytes, band.bytes_max));
}

}  // namespace rage::picker
