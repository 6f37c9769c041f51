#include "routing/metrics_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "routing/now_for_test.h"

namespace rage::routing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

MetricsScan scan_of(MetricRules rules) {
  return MetricsScan(MetricsFormat::create(std::move(rules)).value());
}

ScannedMetrics scan(std::string_view engine, std::string_view page) {
  MetricsScan scan = scan_of(engine_metric_rules(engine).value());
  scan.feed(page);
  return scan.finish(kNow);
}

constexpr std::string_view kVllm =
    R"(# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 3.0
vllm:num_requests_running{engine="1",model_name="m"} 5.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="m"} 7.0
vllm:num_requests_waiting{engine="1",model_name="m"} 1.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="m",reason="capacity"} 90.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="m"} 0.75
vllm:gpu_cache_usage_perc{engine="0",model_name="m"} 0.99
vllm:cache_config_info{block_size="16",engine="0",num_gpu_blocks="1000"} 1.0
vllm:cache_config_info{block_size="16",engine="1",num_gpu_blocks="1200"} 1.0
)"
    "vllm:lora_requests_info{max_lora=\"4\",running_lora_adapters=\"\","
    "waiting_lora_adapters=\"\"} 1.7886264577e+09\n"
    "vllm:lora_requests_info{max_lora=\"4\",running_lora_adapters=\"sql, chat\","
    "waiting_lora_adapters=\"legal\"} 1.7886264578e+09\n"
    "vllm:lora_requests_info{max_lora=\"4\",running_lora_adapters=\"old\","
    "waiting_lora_adapters=\"\"} 1.7886264540e+09\n";

TEST(MetricsScan, VllmWithTwoEngines) {
  const ScannedMetrics page = scan("vllm", kVllm);
  const EndpointMetrics expected{.waiting = 8,
                                 .running = 8,
                                 .kv_usage = 0.5,
                                 .block_tokens = 16,
                                 .blocks = 2200,
                                 .adapters_max = 4,
                                 .active_adapters = {"sql", "chat"},
                                 .waiting_adapters = {"legal"},
                                 .updated_at = kNow};
  EXPECT_EQ(page.metrics, expected);
  EXPECT_TRUE(page.has_waiting && page.has_running && page.has_kv_usage);
  EXPECT_EQ(page.lines_skipped, 0U);
}

TEST(MetricsScan, Engines) {
  const struct {
    const char* engine;
    const char* page;
    EndpointMetrics metrics;
  } kCases[] = {
      {"vllm",
       "vllm:gpu_cache_usage_perc{model_name=\"m\"} 0.4\n"
       "vllm:cache_config_info{block_size=\"1056\",prefix_match_unit=\"32\",num_gpu_blocks="
       "\"None\"} "
       "1.0\n",
       {.kv_usage = 0.4, .block_tokens = 32}},
      {"vllm",
       "vllm:cache_config_info{prefix_match_unit=\"None\",block_size=\"16\"} 1.0\n",
       {.block_tokens = 16}},
      {"sglang",
       "sglang:num_running_reqs{engine_type=\"unified\",model_name=\"m\",tp_rank=\"0\"} 2.0\n"
       "sglang:num_queue_reqs{engine_type=\"unified\",model_name=\"m\",tp_rank=\"0\"} 3.0\n"
       "sglang:num_queue_reqs_total{model_name=\"m\"} 999\n"
       "sglang:token_usage{model_name=\"m\",tp_rank=\"0\"} 0.28\n"
       "sglang:cache_config_info{num_pages=\"40960\",page_size=\"64\"} 1.0\n",
       {.waiting = 3, .running = 2, .kv_usage = 0.28, .block_tokens = 64, .blocks = 40960}},
      {"trtllm-serve",
       "trtllm_num_requests_waiting 4\ntrtllm_num_requests_running 9\n"
       "trtllm_kv_cache_utilization 0.5\ntrtllm_kv_cache_tokens_per_block 32\n"
       "trtllm_kv_cache_max_blocks 777\n",
       {.waiting = 4, .running = 9, .kv_usage = 0.5, .block_tokens = 32, .blocks = 777}},
      {"triton-tensorrt-llm",
       "nv_trt_llm_request_metrics{model=\"tensorrt_llm\",request_type=\"waiting\",version=\"1\"} "
       "3\n"
       "nv_trt_llm_request_metrics{model=\"tensorrt_llm\",request_type=\"scheduled\",version=\"1\"}"
       " 2\n"
       "nv_trt_llm_request_metrics{model=\"tensorrt_llm\",request_type=\"max\",version=\"1\"} 512\n"
       "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"fraction\",version=\"1\"} 0.125\n"
       "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"tokens_per\",version=\"1\"} 64\n"
       "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"used\",version=\"1\"} 1\n"
       "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"max\",version=\"1\"} 6239\n",
       {.waiting = 3, .running = 2, .kv_usage = 0.125, .block_tokens = 64, .blocks = 6239}},
      {"triton",
       "nv_inference_pending_request_count{model=\"a\",version=\"1\"} 1\n"
       "nv_inference_pending_request_count{model=\"b\",version=\"1\"} 2\n"
       "nv_inference_exec_count{model=\"a\",version=\"1\"} 5\n",
       {.waiting = 3, .running = 5}},
      {"llama-server",
       "# TYPE llamacpp:kv_cache_usage_ratio gauge\nllamacpp:kv_cache_usage_ratio 0.63\n"
       "llamacpp:requests_processing 2\nllamacpp:requests_deferred 1\n",
       {.waiting = 1, .running = 2, .kv_usage = 0.63}},
      {"rage",
       "llm_d_epp_flow_control_queue_size{fairness_id=\"a\",priority=\"0\"} 2\n"
       "llm_d_epp_flow_control_queue_size{fairness_id=\"b\",priority=\"0\"} 3\n"
       "llm_d_epp_request_running{model_name=\"m\"} 7\n"
       "llm_d_epp_average_kv_cache_utilization{name=\"pool\"} 0.5\n",
       {.waiting = 5, .running = 7, .kv_usage = 0.5}},
  };
  for (const auto& test : kCases) {
    EndpointMetrics expected = test.metrics;
    expected.updated_at = kNow;
    EXPECT_EQ(scan(test.engine, test.page).metrics, expected) << test.engine;
  }
  EXPECT_FALSE(engine_metric_rules("VLLM"));
  for (const std::string_view engine : engine_types()) EXPECT_TRUE(engine_metric_rules(engine));
}

// The network cuts pages anywhere.
TEST(MetricsScan, PiecesOfAnySizeGiveTheSame) {
  const EndpointMetrics whole = scan("vllm", kVllm).metrics;
  MetricsScan scan = scan_of(engine_metric_rules("vllm").value());
  for (std::size_t cut = 0; cut <= kVllm.size(); ++cut) {
    scan.feed(kVllm.substr(0, cut));
    scan.feed(kVllm.substr(cut));
    ASSERT_EQ(scan.finish(kNow).metrics, whole) << cut;
  }
  for (std::size_t at = 0; at < kVllm.size(); at += 7) scan.feed(kVllm.substr(at, 7));
  EXPECT_EQ(scan.finish(kNow).metrics, whole);
}

// A page of something else must not look like an idle server: all traffic would go there.
TEST(MetricsScan, APageWithoutWhatIsWantedIsNoMeasurement) {
  for (const std::string_view page : {"", "\n\n", "up 1\n", "<html>\nvllm:num_requests\n"}) {
    const ScannedMetrics found = scan("vllm", page);
    EXPECT_EQ(found.metrics, EndpointMetrics{}) << page;
    EXPECT_FALSE(found.metrics.updated_at || found.has_waiting || found.has_running);
  }
}

TEST(MetricsScan, Lines) {
  const struct {
    const char* line;
    std::optional<double> waiting;
    std::uint64_t skipped;
  } kCases[] = {
      {"q 3", 3, 0},  // No line end.
      {"q 3\r\n", 3, 0},
      {"  q\t3.5e0 1790347303000\n", 3.5, 0},
      {"q{} 3\n", 3, 0},
      {"q {a=\"b\"} 3\n", 3, 0},
      {"q{ a = \"b\" , c=\"d\", } +3 # {trace=\"x\"} 1\n", 3, 0},
      {"q{a=\"} 9 \\\"\\\\\"} 3\n", 3, 0},
      {"q 1\nq 2\n", 3, 0},
      {"q -1\n", {}, 1},
      {"q NaN\n", {}, 1},
      {"q +Inf\n", {}, 1},
      {"q\n", {}, 0},
      {"q \n", {}, 1},
      {"q{a=\"b\" 3\n", {}, 1},
      {"q{a=b} 3\n", {}, 1},
      {"q{a=\"b} 3\n", {}, 1},
      {"q{a=\"b\"\n", {}, 1},
      {"q 3x\n", {}, 1},
      {"qq 3\n", {}, 0},
      {"# q 3\n", {}, 0},
      {"Q 3\n", {}, 0},
  };
  for (const auto& test : kCases) {
    MetricsScan scan = scan_of(
        {{.signal = MetricSignal::kWaiting, .series = {"q"}, .aggregate = Aggregate::kSum}});
    scan.feed(test.line);
    const ScannedMetrics page = scan.finish(kNow);
    EXPECT_EQ(page.has_waiting, test.waiting.has_value()) << test.line;
    EXPECT_EQ(page.metrics.waiting, test.waiting.value_or(0)) << test.line;
    EXPECT_EQ(page.lines_skipped, test.skipped) << test.line;
  }
}

TEST(MetricsScan, CustomMetrics) {
  const auto rule = [](std::string attribute, std::string_view series, Aggregate aggregate) {
    return MetricRule{.series = parse_series_selector(series).value(),
                      .aggregate = aggregate,
                      .attribute = std::move(attribute)};
  };
  MetricsScan scan = scan_of(
      {rule("first", "my_metric", Aggregate::kFirst), rule("sum", "my_metric", Aggregate::kSum),
       rule("mean", "my_metric", Aggregate::kMean), rule("max", "my_metric", Aggregate::kMax),
       rule("b", "my_metric{k=b}", Aggregate::kFirst),
       rule("absent", "my_metri", Aggregate::kFirst)});
  scan.feed("my_metric{k=\"a\"} -4\nmy_metric{k=\"b\",l=\"\"} 10\n");
  const auto custom = scan.finish(kNow).metrics.custom;
  const std::map<std::string, double, std::less<>> expected = {
      {"first", -4}, {"sum", 6}, {"mean", 3}, {"max", 10}, {"b", 10}};
  EXPECT_EQ(custom, expected);
}

TEST(MetricsScan, EscapedLabels) {
  MetricsScan scan = scan_of({{.signal = MetricSignal::kLora, .series = {"lora"}},
                              {.series = {"m", {{"k", "a\"b"}}}, .attribute = "escaped"}});
  scan.feed("lora{max_lora=\"2\",running_lora_adapters=\"a\\\\b,c\\\"d\"} 1\n");
  scan.feed("m{k=\"a\\\"b\"} 5\n");
  const EndpointMetrics metrics = scan.finish(kNow).metrics;
  EXPECT_THAT(metrics.active_adapters, ElementsAre("a\\b", "c\"d"));
  EXPECT_EQ(metrics.custom.at("escaped"), 5);
}

// One broken or hostile server must not take the picker's memory.
TEST(MetricsScan, SkipsWhatIsTooLarge) {
  MetricsScan scan = scan_of(engine_metric_rules("vllm").value());
  std::string adapters;
  for (std::size_t i = 0; i < MetricsScan::kAdaptersMax + 10; ++i) adapters += "a,";
  scan.feed("vllm:lora_requests_info{running_lora_adapters=\"" + adapters + "\"} 1\n");
  const std::string large =
      "vllm:num_requests_waiting{a=\"" + std::string(MetricsScan::kLineBytesMax, 'x') + "\"} 5\n";
  scan.feed(large);
  for (const char c : large) scan.feed(std::string_view(&c, 1));
  std::string labels;
  for (int i = 0; i < 65; ++i) labels += fmt::format("l{}=\"\",", i);
  scan.feed("vllm:num_requests_waiting{" + labels + "} 5\n");
  scan.feed("vllm:num_requests_running 1e300\nvllm:kv_cache_usage_perc 55\n");
  scan.feed("vllm:cache_config_info{block_size=\"1e99\",num_gpu_blocks=\"1e99\"} 1\n");
  const ScannedMetrics page = scan.finish(kNow);
  EXPECT_EQ(page.metrics.active_adapters.size(), MetricsScan::kAdaptersMax);
  EXPECT_FALSE(page.has_waiting);
  EXPECT_EQ(page.lines_skipped, 3U);
  EXPECT_EQ(page.metrics.running, 1e15);
  EXPECT_EQ(page.metrics.kv_usage, 1);
  EXPECT_EQ(page.metrics.block_tokens, UINT32_MAX);
  EXPECT_EQ(page.metrics.blocks, 1'000'000'000'000'000U);
}

TEST(SeriesSelector, Parses) {
  const struct {
    const char* text;
    std::optional<SeriesSelector> series;
  } kCases[] = {
      {"a:b_1", SeriesSelector{"a:b_1"}},
      {" a { } ", SeriesSelector{"a"}},
      {"a{k=v}", SeriesSelector{"a", {{"k", "v"}}}},
      {"a{k=\"v w\", l = x}", SeriesSelector{"a", {{"k", "v w"}, {"l", "x"}}}},
      {"", {}},
      {"1a", {}},
      {"a b", {}},
      {"a{k=v", {}},
      {"a{k}", {}},
      {"a{=v}", {}},
      {"a{k=v}}", {}},
      {"a{k=v,}", {}},
  };
  for (const auto& test : kCases) {
    const auto series = parse_series_selector(test.text);
    EXPECT_EQ(series.has_value(), test.series.has_value()) << test.text;
    if (series && test.series) {
      EXPECT_EQ(*series, *test.series) << test.text;
    }
  }
}

TEST(MetricsFormat, RefusesWhatHasNoName) {
  EXPECT_FALSE(MetricsFormat::create({{.series = {"a"}}}));
  EXPECT_FALSE(MetricsFormat::create({{.signal = MetricSignal::kWaiting}}));
  EXPECT_FALSE(MetricsFormat::create(MetricRules(257, {.series = {"a"}, .attribute = "b"})));
  EXPECT_TRUE(MetricsFormat::create({}));
}

}  // namespace
}  // namespace rage::routing
