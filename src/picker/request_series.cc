#include "picker/detail/series_maker.h"

namespace rage::picker::detail {
namespace {

using obs::Labels;

const std::vector<double> kLatency = {
    .005, .025, .05, .1, .2, .4,  .6,  .8,  1,   1.25, 1.5, 2,   3,   4,    5,    6,    8,   10,
    15,   20,   30,  45, 60, 120, 180, 240, 300, 360,  480, 600, 900, 1200, 1800, 2700, 3600};
const std::vector<double> kTokenLatency = {.001, .002, .005, .01, .02, .05, .1,
                                           .2,   .5,   1,    2,   5,   10};

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

// model_name, target_model_name, fairness_id, priority.
Labels full_labels(const RequestLabels& labels) {
  return {{"model_name", labels.model},
          {"target_model_name", labels.target_model},
          {"fairness_id", labels.fairness_id},
          {"priority", std::to_string(labels.priority)}};
}

}  // namespace

RequestSeries make_request_series(const SeriesMaker& make, const RequestLabels& request,
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

}  // namespace rage::picker::detail
