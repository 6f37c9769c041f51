#include "obs/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace rage::obs {
namespace {

// Dashboards compare these lines with the Python service's, floats included.
TEST(Metrics, RenderAsThePythonClientDoes) {
  MetricRegistry registry;
  Counter& success = registry.counter("rag_chat_requests_total", "Chats.", {{"status", "success"}});
  registry.counter("rag_chat_requests_total", "Chats.", {{"status", "failure"}});
  success.add();
  registry.gauge("num_requests_running", "Running\nnow.").set(2.5);
  Histogram& latency = registry.histogram("a_seconds", "Latency.", {0.005, 1.0});
  latency.observe(0.005);  // Bounds are inclusive.
  latency.observe(0.5);
  latency.observe(3);
  EXPECT_EQ(registry.render(),
            "# HELP a_seconds Latency.\n"
            "# TYPE a_seconds histogram\n"
            "a_seconds_bucket{le=\"0.005\"} 1.0\n"
            "a_seconds_bucket{le=\"1.0\"} 2.0\n"
            "a_seconds_bucket{le=\"+Inf\"} 3.0\n"
            "a_seconds_count 3.0\n"
            "a_seconds_sum 3.505\n"
            "# HELP num_requests_running Running\\nnow.\n"
            "# TYPE num_requests_running gauge\n"
            "num_requests_running 2.5\n"
            "# HELP rag_chat_requests_total Chats.\n"
            "# TYPE rag_chat_requests_total counter\n"
            "rag_chat_requests_total{status=\"success\"} 1.0\n"
            "rag_chat_requests_total{status=\"failure\"} 0.0\n");
}

TEST(Metrics, EscapesLabelValues) {
  MetricRegistry registry;
  registry.counter("x_total", "", {{"path", "a\"b\\c\nd"}});
  EXPECT_THAT(registry.render(), testing::HasSubstr(R"(x_total{path="a\"b\\c\nd"} 0.0)"));
}

TEST(Metrics, CountsFromManyThreadsAndGivesOneSeriesForOneName) {
  MetricRegistry registry;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        Counter& counter = registry.counter("n_total", "");
        Histogram& histogram = registry.histogram("h", "", {1.0});
        for (int i = 0; i < 1000; ++i) {
          counter.add();
          histogram.observe(1.0);
        }
      });
    }
  }
  EXPECT_EQ(registry.counter("n_total", "").value(), 4000.0);
  EXPECT_EQ(registry.histogram("h", "", {1.0}).sum(), 4000.0);
  EXPECT_THAT(registry.histogram("h", "", {1.0}).counts(), testing::ElementsAre(4000U, 0U));
}

}  // namespace
}  // namespace rage::obs
