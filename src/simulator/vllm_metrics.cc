#include "simulator/vllm_metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "base/strings.h"

namespace rage::simulator {
namespace {

constexpr std::size_t kAdapterSeriesMax = 8;

const std::vector<double>& first_token_buckets() {
  static const std::vector<double> buckets = {.001, .005, .01, .02, .04, .06, .08, .1,
                                              .25,  .5,   .75, 1,   2.5, 5,   7.5, 10,
                                              20,   40,   80,  160, 640, 2560};
  return buckets;
}

const std::vector<double>& request_buckets() {
  static const std::vector<double> buckets = {.3, .5, .8, 1,  1.5, 2,   2.5, 5,   10,   15,  20,
                                              30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680};
  return buckets;
}

const std::vector<double>& token_buckets() {
  static const std::vector<double> buckets = {1,   2,    5,    10,   20,    50,    100,   200,
                                              500, 1000, 2000, 5000, 10000, 20000, 50000, 100000};
  return buckets;
}

double seconds(VirtualTime time) {
  return std::chrono::duration<double>(time).count();
}

// The Prometheus client of Python escapes these three.
std::string escaped(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

void append(std::string& out, std::string_view type, std::string_view name, std::string_view help,
            std::string_view labels, double value) {
  fmt::format_to(std::back_inserter(out), "# HELP {0} {1}\n# TYPE {0} {2}\n{0}{{{3}}} {4}\n", name,
                 help, type, labels, value);
}

}  // namespace

VllmMetrics::VllmMetrics(std::string_view model, const EngineOptions& options)
    : options_(options),
      model_(escaped(model)),
      labels_({{"engine", "0"}, {"model_name", std::string(model)}}),
      stopped_(registry_.counter(
          "vllm:request_success_total", "Count of successfully processed requests.",
          {{"engine", "0"}, {"finished_reason", "stop"}, {"model_name", std::string(model)}})),
      cut_off_(registry_.counter(
          "vllm:request_success_total", "Count of successfully processed requests.",
          {{"engine", "0"}, {"finished_reason", "length"}, {"model_name", std::string(model)}})),
      aborted_(registry_.counter(
          "vllm:request_success_total", "Count of successfully processed requests.",
          {{"engine", "0"}, {"finished_reason", "abort"}, {"model_name", std::string(model)}})),
      first_token_(registry_.histogram("vllm:time_to_first_token_seconds",
                                       "Histogram of time to first token in seconds.",
                                       first_token_buckets(), labels_)),
      each_token_(registry_.histogram("vllm:request_time_per_output_token_seconds",
                                      "Histogram of time per output token of a request.",
                                      first_token_buckets(), labels_)),
      whole_(registry_.histogram("vllm:e2e_request_latency_seconds",
                                 "Histogram of e2e request latency in seconds.", request_buckets(),
                                 labels_)),
      prompt_tokens_(registry_.histogram("vllm:request_prompt_tokens",
                                         "Number of prefill tokens processed.", token_buckets(),
                                         labels_)),
      output_tokens_(registry_.histogram("vllm:request_generation_tokens",
                                         "Number of generation tokens processed.", token_buckets(),
                                         labels_)) {}

void VllmMetrics::observe(const ServedRequest& request) {
  obs::Counter& ended = request.finish_reason == "stop"     ? stopped_
                        : request.finish_reason == "length" ? cut_off_
                                                            : aborted_;
  ended.add();
  prompt_tokens_.observe(static_cast<double>(request.prompt_tokens));
  output_tokens_.observe(static_cast<double>(request.output_tokens));
  if (request.finish_reason == "abort") return;
  first_token_.observe(seconds(request.to_first_token));
  whole_.observe(seconds(request.to_last_token));
  if (request.output_tokens < 2) return;
  each_token_.observe(seconds(request.to_last_token - request.to_first_token) /
                      static_cast<double>(request.output_tokens - 1));
}

std::string VllmMetrics::render(const EngineState& state, WallTime now) {
  const std::string labels = fmt::format("engine=\"0\",model_name=\"{}\"", model_);
  std::string out;
  const auto gauge = [&](std::string_view name, std::string_view help, double value) {
    append(out, "gauge", name, help, labels, value);
  };
  const auto counter = [&](std::string_view name, std::string_view help, std::uint64_t value) {
    append(out, "counter", name, help, labels, static_cast<double>(value));
  };
  gauge("vllm:num_requests_running", "Number of requests in model execution batches.",
        state.running);
  gauge("vllm:num_requests_waiting", "Number of requests waiting to be processed.", state.waiting);
  gauge("vllm:kv_cache_usage_perc", "KV-cache usage. 1 means 100 percent usage.", state.kv_usage);
  counter("vllm:prefix_cache_queries_total", "Prefix cache queries, in number of queried tokens.",
          state.prefix_queries);
  counter("vllm:prefix_cache_hits_total", "Prefix cache hits, in number of cached tokens.",
          state.prefix_hits);
  counter("vllm:num_preemptions_total", "Cumulative number of preemption from the engine.",
          state.preemptions);
  counter("vllm:prompt_tokens_total", "Number of prefill tokens processed.", state.prompt_tokens);
  counter("vllm:generation_tokens_total", "Number of generation tokens processed.",
          state.generated_tokens);
  append(out, "gauge", "vllm:cache_config_info", "Information of the LLMEngine CacheConfig",
         fmt::format("block_size=\"{}\",cache_dtype=\"auto\",enable_prefix_caching=\"{}\","
                     "engine=\"0\",num_gpu_blocks=\"{}\"",
                     options_.block_tokens, options_.prefix_caching ? "True" : "False",
                     options_.blocks),
         1);
  if (options_.adapters_max > 0) render_adapters(out, state, now);
  return out + registry_.render();
}

void VllmMetrics::render_adapters(std::string& out, const EngineState& state, WallTime now) {
  const std::string labels =
      fmt::format("max_lora=\"{}\",running_lora_adapters=\"{}\",waiting_lora_adapters=\"{}\"",
                  options_.adapters_max, escaped(join(state.active_adapters, ",")),
                  escaped(join(state.waiting_adapters, ",")));
  const double seen_at = std::chrono::duration<double>(now.time_since_epoch()).count();
  std::erase_if(adapters_, [&](const AdapterSeries& known) { return known.labels == labels; });
  adapters_.push_back({.labels = labels, .seen_at = seen_at});
  if (adapters_.size() > kAdapterSeriesMax) adapters_.pop_front();
  out +=
      "# HELP vllm:lora_requests_info Running stats on lora requests.\n"
      "# TYPE vllm:lora_requests_info gauge\n";
  for (const AdapterSeries& known : adapters_) {
    fmt::format_to(std::back_inserter(out), "vllm:lora_requests_info{{{}}} {}\n", known.labels,
                   known.seen_at);
  }
}

}  // namespace rage::simulator
