// Hands spans that have ended to whoever sends them, in batches, on a thread of its own.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/context.h"
#include "base/error.h"
#include "base/mutex.h"
#include "obs/metrics.h"
#include "obs/span.h"
#include "obs/tracer.h"

namespace rage::obs {

struct ExporterOptions {
  std::size_t spans_max = 2048;                   // Waiting; past that, new ones are dropped.
  std::size_t bytes_max = std::size_t{16} << 20;  // Of them all, about.
  std::size_t batch_max = 512;                    // Spans of one request.
  std::chrono::milliseconds delay{5000};          // From the first of a batch to its request.
  std::chrono::milliseconds timeout{10'000};      // Of one request.
  std::chrono::milliseconds retry_pause{1000};    // Doubled each time.
  int retries_max = 2;                            // Of one batch.
  std::vector<Attribute> resource = {};           // service.name and so on.
  std::string version = {};                       // Ours.
};

// Sends the body of POST /v1/traces. kUnavailable, kDeadlineExceeded and kResourceExhausted are
// worth a second try.
using SendTraces = std::function<Result<void>(const Context& context, const std::string& body)>;

// Resource. Thread-safe. Counts what it sends and what is lost: rage_trace_spans_exported_total,
// rage_trace_spans_dropped_total{reason}. `registry` outlives it.
class SpanExporter final : public SpanSink {
 public:
  SpanExporter(ExporterOptions options, MetricRegistry& registry, SendTraces send);
  ~SpanExporter() override;  // Sends nothing more.

  void take(SpanRecord span) override;
  // Sends what waits, without a second try; returns when it is sent or `limit` has passed. Spans
  // that come later are dropped.
  void close(std::chrono::milliseconds limit);

 private:
  void run(const std::stop_token& stop);
  std::vector<SpanRecord> next_batch(const std::stop_token& stop);
  void send(const std::stop_token& stop, const std::vector<SpanRecord>& batch);
  bool is_retried(const std::stop_token& stop, const Error& error, int retry);

  const ExporterOptions options_;
  const SendTraces send_;
  Counter& exported_;
  Counter& dropped_full_;
  Counter& dropped_unsent_;
  bool failing_ = false;  // The thread's: one line in the log for each change.
  Mutex mutex_;
  CondVar changed_;
  std::deque<SpanRecord> waiting_ GUARDED_BY(mutex_);
  std::size_t bytes_ GUARDED_BY(mutex_) = 0;
  bool closing_ GUARDED_BY(mutex_) = false;
  bool idle_ GUARDED_BY(mutex_) = true;
  std::jthread thread_;  // Last: it uses the others.
};

}  // namespace rage::obs
