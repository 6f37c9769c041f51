#include "operator/autoscale_metrics.h"

#include <gtest/gtest.h>

namespace rage::op {
namespace {

constexpr std::string_view kVllm = R"(# HELP vllm:num_requests_waiting Number of requests waiting.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="phi"} 3.0
vllm:num_requests_waiting{engine="1",model_name="phi"} 4.5 1700000000000
vllm:num_requests_waiting_by_reason{engine="0",reason="capacity"} 100.0
vllm:num_requests_running{engine="0",model_name="phi"} 2.0
vllm:prompt_tokens_total{engine="0",model_name="phi"} 1.25e+06
vllm:prompt_tokens_created{engine="0",model_name="phi"} 1.7e+09
)";

// Copies of the engine in one pod have a series each.
TEST(ParseReplicaLoad, AddsUpTheSeriesOfVllm) {
  const ReplicaLoad load = parse_replica_load(kVllm, "vllm:num_requests_waiting");
  EXPECT_EQ(load.metric, 7.5);
  EXPECT_EQ(load.running, 2);
  EXPECT_EQ(load.work, 1.25e6);
}

TEST(ParseReplicaLoad, KnowsLlamaServer) {
  const ReplicaLoad load = parse_replica_load(
      "llamacpp:requests_deferred 3\nllamacpp:requests_processing 1\n"
      "llamacpp:prompt_tokens_total 12\r\n",
      "llamacpp:requests_deferred");
  EXPECT_EQ(load.metric, 3);
  EXPECT_EQ(load.running, 1);
  EXPECT_EQ(load.work, 12);
}

TEST(SumOfMetric, ReadsWhatTheFormatAllows) {
  struct Row {
    std::string_view text;
    std::optional<double> sum;
  };
  const Row rows[] = {
      {"m 1", 1.0},
      {"m\t1\n", 1.0},
      {"m{} 1", 1.0},
      {"m {a=\"b\"} 1", 1.0},
      {R"(m{a="}",b="\"} 9"} 2)", 2.0},
      {R"(m{a="\\"} 2)", 2.0},
      {"m 1\nm 2\n\nm 3", 6.0},
      {"m 0", 0.0},
      {"m -1.5e3", -1500.0},
      {"", std::nullopt},
      {"n 1", std::nullopt},
      {"mm 1", std::nullopt},
      {"# m 1", std::nullopt},
      {"m", std::nullopt},
      {"m{a=\"b 1", std::nullopt},
      {"m NaN", std::nullopt},
      {"m +Inf\nm 1", 1.0},
      {"m one\nm 1", 1.0},
      {"m 1e308\nm 1e308", std::nullopt},
  };
  for (const Row& row : rows) EXPECT_EQ(sum_of_metric(row.text, "m"), row.sum) << row.text;
  EXPECT_EQ(sum_of_metric("m 1", ""), std::nullopt);
}

TEST(MetricsUrl, FillsInWhereAReplicaIs) {
  const MetricsTarget target{.ip = "10.0.0.7", .ns = "ml", .pod = "phi-0"};
  EXPECT_EQ(metrics_url("http://{ip}:{port}/metrics", target), "http://10.0.0.7:5000/metrics");
  EXPECT_EQ(metrics_url("http://127.0.0.1:9/{namespace}/{pod}?{other}", target),
            "http://127.0.0.1:9/ml/phi-0?{other}");
  EXPECT_EQ(metrics_url("http://{ip}:{port}/", {.ip = "fd00::7"}), "http://[fd00::7]:5000/");
}

}  // namespace
}  // namespace rage::op
