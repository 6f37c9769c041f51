#include "obs/span_exporter.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "obs/log.h"
#include "obs/otlp_json.h"

namespace rage::obs {
namespace {

constexpr const char* kDroppedName = "rage_trace_spans_dropped_total";
constexpr const char* kDroppedHelp = "Spans that no collector got.";
constexpr std::chrono::milliseconds kRetryPauseMax{30'000};

// About what it takes in memory.
std::size_t bytes_of(const SpanRecord& span) {
  std::size_t bytes = sizeof(SpanRecord) + span.name.size() + span.failure.size();
  for (const Attribute& attribute : span.attributes) {
    bytes += sizeof(Attribute) + attribute.key.size();
    if (const auto* text = std::get_if<std::string>(&attribute.value)) bytes += text->size();
    if (const auto* list = std::get_if<std::vector<std::string>>(&attribute.value)) {
      for (const std::string& text : *list) bytes += sizeof(std::string) + text.size();
    }
  }
  return bytes;
}

bool is_worth_a_retry(ErrorCode code) {
  return code == ErrorCode::kUnavailable || code == ErrorCode::kDeadlineExceeded ||
         code == ErrorCode::kResourceExhausted;
}

}  // namespace

SpanExporter::SpanExporter(ExporterOptions options, MetricRegistry& registry, SendTraces send)
    : options_(std::move(options)),
      send_(std::move(send)),
      exported_(registry.counter("rage_trace_spans_exported_total", "Spans that a collector got.")),
      dropped_full_(registry.counter(kDroppedName, kDroppedHelp, {{"reason", "queue_full"}})),
      dropped_unsent_(registry.counter(kDroppedName, kDroppedHelp, {{"reason", "not_sent"}})),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

SpanExporter::~SpanExporter() {
  MutexLock lock(mutex_);  // Or the thread could miss it between looking and waiting.
  thread_.request_stop();
  changed_.notify_all();
}

void SpanExporter::take(SpanRecord span) {
  const std::size_t bytes = bytes_of(span);
  bool wakes = false;
  {
    MutexLock lock(mutex_);
    if (closing_ || waiting_.size() >= options_.spans_max || bytes_ + bytes > options_.bytes_max) {
      dropped_full_.add();
      return;
    }
    waiting_.push_back(std::move(span));
    bytes_ += bytes;
    wakes = waiting_.size() == 1 || waiting_.size() == options_.batch_max;
  }
  if (wakes) changed_.notify_all();
}

void SpanExporter::close(std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  MutexLock lock(mutex_);
  closing_ = true;
  changed_.notify_all();
  while (!(waiting_.empty() && idle_)) {
    if (changed_.wait_until(mutex_, until) == std::cv_status::timeout) break;
  }
  dropped_unsent_.add(static_cast<double>(waiting_.size()));
  waiting_.clear();
  thread_.request_stop();  // Ends a request that takes too long.
  changed_.notify_all();
}

// Empty once there is nothing more to do.
std::vector<SpanRecord> SpanExporter::next_batch(const std::stop_token& stop) {
  MutexLock lock(mutex_);
  idle_ = true;
  changed_.notify_all();
  while (waiting_.empty() && !stop.stop_requested()) changed_.wait(mutex_);
  const auto until = std::chrono::steady_clock::now() + options_.delay;
  while (!closing_ && waiting_.size() < options_.batch_max && !stop.stop_requested()) {
    if (changed_.wait_until(mutex_, until) == std::cv_status::timeout) break;
  }
  std::vector<SpanRecord> batch;
  if (stop.stop_requested()) return batch;
  const std::size_t taken = std::min(waiting_.size(), options_.batch_max);
  batch.reserve(taken);
  for (std::size_t i = 0; i < taken; ++i) {
    bytes_ -= bytes_of(waiting_.front());
    batch.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  idle_ = false;
  return batch;
}

bool SpanExporter::is_retried(const std::stop_token& stop, const Error& error, int retry) {
  if (!is_worth_a_retry(error.code) || retry >= options_.retries_max) return false;
  const auto pause = error.retry_after.value_or(options_.retry_pause * (1 << retry));
  const auto until = std::chrono::steady_clock::now() + std::min(pause, kRetryPauseMax);
  MutexLock lock(mutex_);
  while (!closing_ && !stop.stop_requested()) {
    if (changed_.wait_until(mutex_, until) == std::cv_status::timeout) return true;
  }
  return false;
}

void SpanExporter::send(const std::stop_token& stop, const std::vector<SpanRecord>& batch) {
  const std::string body = render_otlp_json(batch, options_.resource, options_.version);
  Result<void> sent;
  for (int retry = 0;; ++retry) {
    Context context = Context::with_timeout(options_.timeout);
    context.stop = stop;
    sent = send_(context, body);
    if (sent || !is_retried(stop, sent.error(), retry)) break;
  }
  (sent ? exported_ : dropped_unsent_).add(static_cast<double>(batch.size()));
  if (std::exchange(failing_, !sent) == !sent) return;
  if (sent) {
    log().info("the collector takes traces again");
  } else {
    log().warn("traces do not reach the collector; they are dropped and counted",
               {{"error", sent.error().message}});
  }
}

void SpanExporter::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const std::vector<SpanRecord> batch = next_batch(stop);
    if (!batch.empty()) send(stop, batch);
  }
}

}  // namespace rage::obs
