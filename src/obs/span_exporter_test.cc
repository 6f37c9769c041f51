#include "obs/span_exporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <vector>

#include "base/mutex.h"

namespace rage::obs {
namespace {

using namespace std::chrono_literals;

SpanRecord a_span_named(const std::string& name) {
  SpanRecord span;
  span.name = name;
  return span;
}

// What a collector got, and what it says.
struct Collector {
  Result<void> take(const Context&, const std::string& body) {
    bodies.with([&](auto& all) { all.push_back(body); });
    const int left = failures.fetch_sub(1);
    if (left <= 0) return {};
    return fail(code, "the collector is down");
  }
  std::vector<std::string> all() {
    return bodies.with([](const auto& list) { return list; });
  }
  Guarded<std::vector<std::string>> bodies;
  std::atomic<int> failures = 0;
  ErrorCode code = ErrorCode::kUnavailable;
};

SendTraces sending_to(Collector& collector) {
  return [&collector](const Context& context, const std::string& body) {
    return collector.take(context, body);
  };
}

double dropped(MetricRegistry& registry, const std::string& reason) {
  return registry.counter("rage_trace_spans_dropped_total", "", {{"reason", reason}}).value();
}

double exported(MetricRegistry& registry) {
  return registry.counter("rage_trace_spans_exported_total", "").value();
}

// The last spans before a restart are those one looks for.
TEST(SpanExporter, SendsWhatWaitsWhenItCloses) {
  MetricRegistry registry;
  Collector collector;
  SpanExporter exporter({.batch_max = 2, .delay = 1h}, registry, sending_to(collector));
  for (const char* name : {"a", "b", "c"}) exporter.take(a_span_named(name));
  exporter.close(5s);
  exporter.take(a_span_named("too late"));
  EXPECT_EQ(exported(registry), 3);
  EXPECT_EQ(dropped(registry, "queue_full"), 1);
  const auto bodies = collector.all();
  ASSERT_EQ(bodies.size(), 2U);
  EXPECT_THAT(bodies[0], testing::HasSubstr(R"("name":"b")"));
  EXPECT_THAT(bodies[1], testing::HasSubstr(R"("name":"c")"));
}

// A collector that hangs must not cost memory: what does not fit is counted.
TEST(SpanExporter, DropsAndCountsWhatDoesNotFit) {
  MetricRegistry registry;
  std::atomic<bool> hangs = false;
  const auto hang = [&](const Context& context, const std::string&) -> Result<void> {
    hangs = true;
    hangs.notify_all();
    while (!context.stop.stop_requested()) std::this_thread::yield();
    return rage::fail(ErrorCode::kCancelled, "ended");
  };
  {
    SpanExporter exporter({.spans_max = 3, .batch_max = 1, .delay = 1ms}, registry, hang);
    exporter.take(a_span_named("under way"));
    hangs.wait(false);
    for (int i = 0; i < 10; ++i) exporter.take(a_span_named("more"));
    EXPECT_EQ(dropped(registry, "queue_full"), 7);
    exporter.close(1ms);  // Bounded, whatever the collector does.
  }
  // The three that waited, and the one under way once its thread has ended.
  EXPECT_EQ(dropped(registry, "not_sent"), 4);
  EXPECT_EQ(exported(registry), 0);
}

TEST(SpanExporter, TheirBytesAreBoundedToo) {
  MetricRegistry registry;
  Collector collector;
  SpanExporter exporter({.bytes_max = 4096, .delay = 1h}, registry, sending_to(collector));
  exporter.take(a_span_named(std::string(3000, 'x')));
  exporter.take(a_span_named(std::string(3000, 'y')));
  EXPECT_EQ(dropped(registry, "queue_full"), 1);
}

// A collector that restarts loses nothing; one that is away for long loses what is counted.
TEST(SpanExporter, TriesAgainAndGivesUp) {
  MetricRegistry registry;
  Collector collector;
  collector.failures = 2;
  {
    SpanExporter exporter({.batch_max = 1, .delay = 1ms, .retry_pause = 1ms}, registry,
                          sending_to(collector));
    exporter.take(a_span_named("a"));
    while (exported(registry) < 1) std::this_thread::yield();
    EXPECT_EQ(collector.all().size(), 3U);
    collector.failures = 3;
    exporter.take(a_span_named("b"));
    while (dropped(registry, "not_sent") < 1) std::this_thread::yield();
    EXPECT_EQ(collector.all().size(), 6U);
  }
  EXPECT_EQ(exported(registry), 1);
}

TEST(SpanExporter, WhatTheCollectorRefusesIsNotSentAgain) {
  MetricRegistry registry;
  Collector collector;
  collector.failures = 9;
  collector.code = ErrorCode::kInvalidArgument;
  SpanExporter exporter({.batch_max = 1, .delay = 1ms}, registry, sending_to(collector));
  exporter.take(a_span_named("a"));
  while (dropped(registry, "not_sent") < 1) std::this_thread::yield();
  EXPECT_EQ(collector.all().size(), 1U);
}

}  // namespace
}  // namespace rage::obs
