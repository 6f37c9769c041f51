#include "assistant/metrics.h"

#include <vector>

namespace rage::assistant {
namespace {

// 1, 4, 16, ... 67,108,864.
const std::vector<double>& token_buckets() {
  static const std::vector<double> kBuckets = [] {
    std::vector<double> buckets;
    for (double bound = 1; bound <= 67'108'864; bound *= 4) buckets.push_back(bound);
    return buckets;
  }();
  return kBuckets;
}

// 0.01, 0.02, 0.04, ... 81.92 seconds.
const std::vector<double>& duration_buckets() {
  static const std::vector<double> kBuckets = [] {
    std::vector<double> buckets;
    double bound = 0.01;
    for (int i = 0; i < 14; ++i, bound *= 2) buckets.push_back(bound);
    return buckets;
  }();
  return kBuckets;
}

// 0.0005, 0.001, ... 0.512 seconds, and 0.01, which is wanted of 95 of 100.
const std::vector<double>& own_buckets() {
  static const std::vector<double> kBuckets = {0.0005, 0.001, 0.002, 0.004, 0.006, 0.008, 0.01,
                                               0.016,  0.032, 0.064, 0.128, 0.256, 0.512};
  return kBuckets;
}

struct Target {
  const std::string& model;
  const std::string& address;

  obs::Labels labels() const {
    return {{"gen_ai_operation_name", "chat"},
            {"gen_ai_provider_name", "openai"},
            {"gen_ai_request_model", model},
            {"server_address", address}};
  }
};

obs::Histogram& tokens(obs::MetricRegistry& registry, const Target& target, const char* type) {
  obs::Labels labels = target.labels();
  labels.emplace_back("gen_ai_token_type", type);
  return registry.histogram("gen_ai_client_token_usage_tokens",
                            "Tokens of prompts and answers, as the upstream counted them.",
                            token_buckets(), labels);
}

obs::Histogram& duration(obs::MetricRegistry& registry, const Target& target, const char* error) {
  obs::Labels labels = target.labels();
  labels.emplace_back("error_type", error);
  return registry.histogram("gen_ai_client_operation_duration_seconds",
                            "From asking the upstream to its whole answer.", duration_buckets(),
                            labels);
}

obs::Counter& requests(obs::MetricRegistry& registry, const char* outcome) {
  return registry.counter("assistant_requests_total", "Requests, by outcome.",
                          {{"outcome", outcome}});
}

std::optional<double> count_of(const codec::Json& usage, const char* key) {
  const double count = codec::number_or(usage, key, -1);
  return count < 0 ? std::nullopt : std::optional(count);
}

}  // namespace

AssistantMetrics::AssistantMetrics(obs::MetricRegistry& registry, const std::string& model,
                                   const std::string& address)
    : input_tokens_(tokens(registry, {model, address}, "input")),
      output_tokens_(tokens(registry, {model, address}, "output")),
      succeeded_(duration(registry, {model, address}, "")),
      failed_(duration(registry, {model, address}, "upstream")),
      stopped_(duration(registry, {model, address}, "cancelled")),
      own_(registry.histogram("assistant_own_seconds",
                              "What an answered turn took beside waiting for the model.",
                              own_buckets())),
      requests_ok_(requests(registry, "ok")),
      requests_refused_(requests(registry, "refused")),
      requests_failed_(requests(registry, "failed")),
      streams_(registry.gauge("assistant_streams", "Answers that are being streamed.")),
      unsaved_(registry.gauge("assistant_unsaved_messages",
                              "Messages that the history could not take yet.")) {}

void AssistantMetrics::asked(std::chrono::nanoseconds took, const Result<Answer>& answer) {
  const double seconds = std::chrono::duration<double>(took).count();
  if (!answer) {
    (answer.error().code == ErrorCode::kCancelled ? stopped_ : failed_).observe(seconds);
    return;
  }
  succeeded_.observe(seconds);
  if (const auto count = count_of(answer->usage, "prompt_tokens")) input_tokens_.observe(*count);
  if (const auto count = count_of(answer->usage, "completion_tokens")) {
    output_tokens_.observe(*count);
  }
}

void AssistantMetrics::own(std::chrono::nanoseconds took) {
  own_.observe(std::chrono::duration<double>(took).count());
}

void AssistantMetrics::request(int status) {
  (status < 400 ? requests_ok_ : status < 500 ? requests_refused_ : requests_failed_).add();
}

}  // namespace rage::assistant
