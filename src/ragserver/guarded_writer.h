// Stands between the chat endpoint and the client, and lets through what the guardrails policy
// lets through: whole completions and streams, grounded or passed through.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "guardrails/output_guardrails.h"
#include "guardrails/stream_guard.h"
#include "net/http_server.h"

namespace rage::ragserver {

// Resource. One thread, for one request. Replies other than 200 say nothing of a model's and pass.
// With a policy without scanners, or none, everything passes as it is.
class GuardedWriter final : public net::ResponseWriter {
 public:
  // Both outlive it; `guardrails` may be null.
  GuardedWriter(guardrails::OutputGuardrails* guardrails, net::ResponseWriter& writer);

  Result<void> send(net::HttpResponse response) override;
  Result<void> begin(int status, net::Headers headers) override;
  // kCancelled once the guard has ended the stream: leave the model.
  Result<void> write(std::string_view bytes) override;
  void abort() override;

  // The handler has returned with this status. Gives the one the client got.
  int finish(int status);

 private:
  using Clock = std::chrono::steady_clock;
  void record(const guardrails::Outcome& outcome, const std::string& response_id);

  guardrails::OutputGuardrails* guardrails_;
  net::ResponseWriter& writer_;
  std::shared_ptr<const guardrails::Policy> policy_;  // Null: everything passes.
  std::optional<guardrails::StreamGuard> stream_;
  std::optional<int> failed_status_;
  Clock::time_point written_at_ = {};
  bool aborted_ = false;
};

}  // namespace rage::ragserver
