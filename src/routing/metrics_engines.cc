#include <array>
#include <utility>

#include "routing/metrics_text.h"

namespace rage::routing {
namespace {

using enum MetricSignal;

MetricRule count(MetricSignal signal, SeriesSelector series, std::string value_label = {}) {
  return {.signal = signal,
          .series = std::move(series),
          .value_label = std::move(value_label),
          .aggregate = Aggregate::kSum};
}

MetricRule usage(SeriesSelector series) {
  return {.signal = kKvUsage, .series = std::move(series), .aggregate = Aggregate::kMean};
}

// Engines of one server have the same block size.
MetricRule block_tokens(SeriesSelector series, std::string value_label = {}) {
  return {.signal = kBlockTokens,
          .series = std::move(series),
          .value_label = std::move(value_label),
          .aggregate = Aggregate::kFirst};
}

MetricRules vllm_rules() {
  return {count(kWaiting, {"vllm:num_requests_waiting"}),
          count(kRunning, {"vllm:num_requests_running"}),
          usage({"vllm:kv_cache_usage_perc"}),
          usage({"vllm:gpu_cache_usage_perc"}),  // Its name before 0.10.
          // Prefixes match in this unit; hybrid models have far larger blocks.
          block_tokens({"vllm:cache_config_info"}, "prefix_match_unit"),
          block_tokens({"vllm:cache_config_info"}, "block_size"),
          count(kBlocks, {"vllm:cache_config_info"}, "num_gpu_blocks"),
          {.signal = kLora, .series = {"vllm:lora_requests_info"}}};
}

MetricRules sglang_rules() {
  return {count(kWaiting, {"sglang:num_queue_reqs"}), count(kRunning, {"sglang:num_running_reqs"}),
          usage({"sglang:token_usage"}), block_tokens({"sglang:cache_config_info"}, "page_size"),
          count(kBlocks, {"sglang:cache_config_info"}, "num_pages")};
}

MetricRules trtllm_rules() {
  return {count(kWaiting, {"trtllm_num_requests_waiting"}),
          count(kRunning, {"trtllm_num_requests_running"}), usage({"trtllm_kv_cache_utilization"}),
          block_tokens({"trtllm_kv_cache_tokens_per_block"}),
          count(kBlocks, {"trtllm_kv_cache_max_blocks"})};
}

MetricRules triton_trtllm_rules() {
  const auto requests = [](std::string type) {
    return SeriesSelector{"nv_trt_llm_request_metrics", {{"request_type", std::move(type)}}};
  };
  const auto blocks = [](std::string type) {
    return SeriesSelector{"nv_trt_llm_kv_cache_block_metrics",
                          {{"kv_cache_block_type", std::move(type)}}};
  };
  return {count(kWaiting, requests("waiting")), count(kRunning, requests("scheduled")),
          usage(blocks("fraction")), block_tokens(blocks("tokens_per")),
          count(kBlocks, blocks("max"))};
}

MetricRules triton_rules() {
  return {count(kWaiting, {"nv_inference_pending_request_count"}),
          count(kRunning, {"nv_inference_exec_count"})};
}

MetricRules llama_server_rules() {
  return {count(kWaiting, {"llamacpp:requests_deferred"}),
          count(kRunning, {"llamacpp:requests_processing"}),
          usage({"llamacpp:kv_cache_usage_ratio"})};  // Gone from newer builds.
}

MetricRules rage_rules() {
  return {count(kWaiting, {"llm_d_epp_flow_control_queue_size"}),
          count(kRunning, {"llm_d_epp_request_running"}),
          usage({"llm_d_epp_average_kv_cache_utilization"})};
}

// Their names differ, so a page says by itself whose it is.
MetricRules auto_rules() {
  MetricRules all;
  for (const auto& rules : {vllm_rules, sglang_rules, trtllm_rules, llama_server_rules}) {
    const MetricRules its = rules();
    all.insert(all.end(), its.begin(), its.end());
  }
  return all;
}

using Engine = std::pair<std::string_view, MetricRules (*)()>;
constexpr std::array<Engine, 8> kEngines = {{{"auto", auto_rules},
                                             {"vllm", vllm_rules},
                                             {"sglang", sglang_rules},
                                             {"trtllm-serve", trtllm_rules},
                                             {"triton-tensorrt-llm", triton_trtllm_rules},
                                             {"triton", triton_rules},
                                             {"llama-server", llama_server_rules},
                                             {"rage", rage_rules}}};
constexpr auto kEngineTypes = [] {
  std::array<std::string_view, kEngines.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = kEngines[i].first;
  return names;
}();

}  // namespace

std::optional<MetricRules> engine_metric_rules(std::string_view engine_type) {
  for (const auto& [name, rules] : kEngines) {
    if (name == engine_type) return rules();
  }
  return std::nullopt;
}

std::span<const std::string_view> engine_types() {
  return kEngineTypes;
}

}  // namespace rage::routing
