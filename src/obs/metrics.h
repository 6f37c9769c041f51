// Counters, gauges and histograms, rendered in Prometheus' text format 0.0.4.
// A room keeps references in one struct, made once, so that every series exists from the start and
// the set of label values is closed:
//   obs::Counter& failures = registry.counter("rag_chat_requests_total", "Chat requests.",
//                                             {{"status", "failure"}});
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace rage::obs {

// Thread-safe. Only grows.
class Counter final {
 public:
  void add(double amount = 1.0) { value_.fetch_add(amount, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_ = 0.0;
};

// Thread-safe.
class Gauge final {
 public:
  void set(double value) { value_.store(value, std::memory_order_relaxed); }
  void add(double amount) { value_.fetch_add(amount, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_ = 0.0;
};

// Thread-safe. A scrape that runs beside observe() may see the sum of one observation more or less.
class Histogram final {
 public:
  // Upper bounds, inclusive, ascending, finite; +Inf is added.
  explicit Histogram(std::vector<double> buckets);
  void observe(double value);

  const std::vector<double>& buckets() const { return buckets_; }
  // Not cumulative; the last is the +Inf bucket.
  std::vector<std::uint64_t> counts() const;
  double sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  const std::vector<double> buckets_;
  const std::unique_ptr<std::atomic<std::uint64_t>[]> counts_;
  std::atomic<double> sum_ = 0.0;
};

// The Python client's default, in seconds.
const std::vector<double>& default_latency_buckets();

using Labels = std::vector<std::pair<std::string, std::string>>;

inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

// Resource. Thread-safe. Owns its series: references live as long as the registry.
// Asking again for the same name and labels gives the same series. One name with two types, two
// sets of label names or two sets of buckets is our bug.
class MetricRegistry final {
 public:
  MetricRegistry() = default;
  MetricRegistry(const MetricRegistry&) = delete;
  MetricRegistry& operator=(const MetricRegistry&) = delete;

  Counter& counter(std::string_view name, std::string_view help, const Labels& labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, const Labels& labels = {});
  Histogram& histogram(std::string_view name, std::string_view help,
                       const std::vector<double>& buckets, const Labels& labels = {});

  // Families by name, series in order of creation.
  std::string render() const;

 private:
  enum class Kind { kCounter, kGauge, kHistogram };
  struct Series {
    Labels labels;
    std::unique_ptr<Counter> counter;
    std::unique_ptr<Gauge> gauge;
    std::unique_ptr<Histogram> histogram;
  };
  struct Family {
    Kind kind = Kind::kCounter;
    std::string help;
    std::vector<std::unique_ptr<Series>> series;
  };

  Series& ensure_series(Kind kind, std::string_view name, std::string_view help,
                        const Labels& labels) REQUIRES(mutex_);
  static void render_family(std::string& out, const std::string& name, const Family& family);

  mutable Mutex mutex_;
  std::map<std::string, Family, std::less<>> families_ GUARDED_BY(mutex_);
};

}  // namespace rage::obs
