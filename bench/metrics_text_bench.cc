// Reading a vLLM metrics page of about 60 KB; prints one JSON object.
// Usage: metrics_text_bench [--seconds S]
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "routing/metrics_text.h"

namespace {

using rage::routing::MetricsFormat;
using rage::routing::MetricsScan;
using SteadyClock = std::chrono::steady_clock;

constexpr std::string_view kLabels = "engine=\"0\",model_name=\"meta-llama/Llama-3.1-8B-Instruct\"";

void add_family(std::string& page, std::string_view name, std::string_view type) {
  page += fmt::format("# HELP {} What {} measures, in one sentence of usual length.\n", name, name);
  page += fmt::format("# TYPE {} {}\n", name, type);
}

void add_histogram(std::string& page, std::string_view name, int buckets) {
  add_family(page, name, "histogram");
  double bound = 0.001;
  for (int i = 0; i < buckets; ++i, bound *= 1.6) {
    page += fmt::format("{}_bucket{{{},le=\"{:.4g}\"}} {}.0\n", name, kLabels, bound, i * 1234);
  }
  page += fmt::format("{}_bucket{{{},le=\"+Inf\"}} 98765.0\n", name, kLabels);
  page += fmt::format("{}_count{{{}}} 98765.0\n", name, kLabels);
  page += fmt::format("{}_sum{{{}}} 4.5678901234e+06\n", name, kLabels);
}

void add_value(std::string& page, std::string_view name, std::string_view type, double value) {
  add_family(page, name, type);
  page += fmt::format("{}{{{}}} {}\n", name, kLabels, value);
}

// The families of vLLM 0.10 and later, in its order: Python's process first, then gauges, counters,
// and histograms, which are most of it.
std::string vllm_page() {
  std::string page;
  for (const char* name : {"python_gc_objects_collected_total", "process_virtual_memory_bytes",
                           "process_resident_memory_bytes", "process_start_time_seconds",
                           "process_cpu_seconds_total", "process_open_fds"}) {
    add_family(page, name, "counter");
    page += fmt::format("{} 1.7886264577e+09\n", name);
  }
  add_value(page, "vllm:num_requests_running", "gauge", 37);
  add_value(page, "vllm:num_requests_waiting", "gauge", 5);
  add_value(page, "vllm:engine_sleep_state", "gauge", 0);
  add_value(page, "vllm:kv_cache_usage_perc", "gauge", 0.731234567);
  for (const char* name :
       {"vllm:prefix_cache_queries_total", "vllm:prefix_cache_hits_total",
        "vllm:num_preemptions_total", "vllm:prompt_tokens_total", "vllm:generation_tokens_total"}) {
    add_value(page, name, "counter", 123456789);
  }
  for (const char* reason : {"stop", "length", "abort", "error"}) {
    page += fmt::format("vllm:request_success_total{{{},finished_reason=\"{}\"}} 4321.0\n", kLabels,
                        reason);
  }
  constexpr std::array kHistograms = {"vllm:iteration_tokens_total",
                                      "vllm:time_to_first_token_seconds",
                                      "vllm:inter_token_latency_seconds",
                                      "vllm:request_time_per_output_token_seconds",
                                      "vllm:e2e_request_latency_seconds",
                                      "vllm:request_queue_time_seconds",
                                      "vllm:request_inference_time_seconds",
                                      "vllm:request_prefill_time_seconds",
                                      "vllm:request_decode_time_seconds",
                                      "vllm:request_prompt_tokens",
                                      "vllm:request_generation_tokens",
                                      "vllm:request_max_num_generation_tokens",
                                      "vllm:request_params_n",
                                      "vllm:request_params_max_tokens",
                                      "vllm:request_prefill_kv_computed_tokens",
                                      "vllm:kv_block_lifetime_seconds"};
  for (const char* name : kHistograms) add_histogram(page, name, 23);
  page +=
      "vllm:lora_requests_info{max_lora=\"4\",running_lora_adapters=\"sql,chat\","
      "waiting_lora_adapters=\"\"} 1.7886264577368872e+09\n";
  add_family(page, "vllm:cache_config_info", "gauge");
  page +=
      "vllm:cache_config_info{block_size=\"16\",cache_dtype=\"auto\",calculate_kv_scales=\"False\","
      "cpu_offload_gb=\"0\",enable_prefix_caching=\"True\",engine=\"0\","
      "gpu_memory_utilization=\"0.9\",is_attention_free=\"False\",num_cpu_blocks=\"None\","
      "num_gpu_blocks=\"27313\",num_gpu_blocks_override=\"None\",sliding_window=\"None\"} 1.0\n";
  for (const char* name : {"http_request_duration_seconds", "http_request_size_bytes"}) {
    add_histogram(page, name, 23);
  }
  return page;
}

struct Measured {
  double page_us = 0;  // The median of batches.
  double megabytes_per_second = 0;
};

Measured measure(std::string_view page, std::size_t piece, double seconds) {
  MetricsScan scan(MetricsFormat::create(*rage::routing::engine_metric_rules("vllm")).value());
  constexpr int kBatch = 200;
  std::vector<double> batches;
  double waiting = 0;
  const auto end = SteadyClock::now() + std::chrono::duration<double>(seconds);
  while (SteadyClock::now() < end) {
    const auto begin = SteadyClock::now();
    for (int i = 0; i < kBatch; ++i) {
      for (std::size_t at = 0; at < page.size(); at += piece) scan.feed(page.substr(at, piece));
      waiting += scan.finish(begin).metrics.waiting;
    }
    const std::chrono::duration<double, std::micro> took = SteadyClock::now() - begin;
    batches.push_back(took.count() / kBatch);
  }
  if (waiting < 0) std::puts("");  // Keeps the work.
  std::nth_element(batches.begin(), batches.begin() + batches.size() / 2, batches.end());
  const double median = batches[batches.size() / 2];
  return {.page_us = median, .megabytes_per_second = static_cast<double>(page.size()) / median};
}

// Only the lines that nobody wants.
std::string uninteresting(std::string_view page) {
  const auto format = MetricsFormat::create(*rage::routing::engine_metric_rules("vllm")).value();
  std::string out;
  for (const std::string_view line : rage::split(page, '\n')) {
    if (format->find(line).rules.empty()) (out += line) += '\n';
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  double seconds = 2;
  if (argc == 3 && std::string_view(argv[1]) == "--seconds") {
    seconds = rage::parse_double(argv[2]).value_or(seconds);
  }
  const std::string page = vllm_page();
  const std::string rest = uninteresting(page);
  const Measured whole = measure(page, page.size(), seconds);
  const Measured pieces = measure(page, 4096, seconds);
  const Measured skipped = measure(rest, rest.size(), seconds);
  fmt::print(
      "{{\"page_bytes\":{},\"page_us\":{:.2f},\"mb_per_second\":{:.0f},"
      "\"in_4096_byte_pieces_us\":{:.2f},\"uninteresting_mb_per_second\":{:.0f}}}\n",
      page.size(), whole.page_us, whole.megabytes_per_second, pieces.page_us,
      skipped.megabytes_per_second);
  return 0;
}
