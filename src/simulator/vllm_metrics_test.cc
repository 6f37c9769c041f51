#include "simulator/vllm_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rage::simulator {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

constexpr WallTime kNow{1'700'000'000s};

// A router that does not find these very names and labels takes every server for idle.
TEST(VllmMetrics, NamesAndLabelsAreVllms) {
  VllmMetrics metrics("meta/llama", {.block_tokens = 16, .blocks = 1000});
  const std::string text = metrics.render({.running = 3,
                                           .waiting = 2,
                                           .kv_usage = 0.25,
                                           .prefix_hits = 64,
                                           .prefix_queries = 128,
                                           .prompt_tokens = 200,
                                           .generated_tokens = 1'234'567'890,
                                           .preemptions = 4},
                                          kNow);
  for (const std::string_view line : {
           "# TYPE vllm:num_requests_running gauge\n",
           "\nvllm:num_requests_running{engine=\"0\",model_name=\"meta/llama\"} 3\n",
           "\nvllm:num_requests_waiting{engine=\"0\",model_name=\"meta/llama\"} 2\n",
           "\nvllm:kv_cache_usage_perc{engine=\"0\",model_name=\"meta/llama\"} 0.25\n",
           "\nvllm:prefix_cache_queries_total{engine=\"0\",model_name=\"meta/llama\"} 128\n",
           "\nvllm:prefix_cache_hits_total{engine=\"0\",model_name=\"meta/llama\"} 64\n",
           "\nvllm:num_preemptions_total{engine=\"0\",model_name=\"meta/llama\"} 4\n",
           "\nvllm:prompt_tokens_total{engine=\"0\",model_name=\"meta/llama\"} 200\n",
           "\nvllm:generation_tokens_total{engine=\"0\",model_name=\"meta/llama\"} 1234567890\n",
           "\nvllm:cache_config_info{block_size=\"16\",cache_dtype=\"auto\",enable_prefix_caching="
           "\"True\",engine=\"0\",num_gpu_blocks=\"1000\"} 1\n",
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, Not(HasSubstr("lora")));
}

TEST(VllmMetrics, EachSetOfAdaptersIsASeriesAndTheNewestCounts) {
  VllmMetrics metrics("m", {.adapters_max = 2});
  metrics.render({.active_adapters = {"a", "b"}, .waiting_adapters = {"c"}}, kNow);
  const std::string text = metrics.render({.active_adapters = {"c"}}, kNow + 1500ms);
  EXPECT_THAT(text,
              HasSubstr("\nvllm:lora_requests_info{max_lora=\"2\",running_lora_adapters=\"a,b\","
                        "waiting_lora_adapters=\"c\"} 1700000000\n"));
  EXPECT_THAT(text,
              HasSubstr("\nvllm:lora_requests_info{max_lora=\"2\",running_lora_adapters=\"c\","
                        "waiting_lora_adapters=\"\"} 1700000001.5\n"));
}

TEST(VllmMetrics, RequestsThatEndedAreCounted) {
  VllmMetrics metrics("m", {});
  metrics.observe({.finish_reason = "length",
                   .prompt_tokens = 30,
                   .output_tokens = 11,
                   .to_first_token = 300ms,
                   .to_last_token = 1300ms});
  metrics.observe({.finish_reason = "abort", .prompt_tokens = 30});
  const std::string text = metrics.render({}, kNow);
  for (const std::string_view line : {
           "vllm:request_success_total{engine=\"0\",finished_reason=\"length\",model_name=\"m\"} "
           "1.0",
           "vllm:request_success_total{engine=\"0\",finished_reason=\"abort\",model_name=\"m\"} "
           "1.0",
           "vllm:time_to_first_token_seconds_sum{engine=\"0\",model_name=\"m\"} 0.3",
           "vllm:request_time_per_output_token_seconds_sum{engine=\"0\",model_name=\"m\"} 0.1",
           "vllm:e2e_request_latency_seconds_count{engine=\"0\",model_name=\"m\"} 1.0",
           "vllm:request_prompt_tokens_sum{engine=\"0\",model_name=\"m\"} 60.0",
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(VllmMetrics, AModelsNameCannotBreakTheText) {
  VllmMetrics metrics("a\"b\nc", {});
  EXPECT_THAT(metrics.render({}, kNow),
              HasSubstr("running{engine=\"0\",model_name=\"a\\\"b\\nc\"} 0"));
}

}  // namespace
}  // namespace rage::simulator
