#include "ragserver/guarded_writer.h"

#include <string>
#include <utility>

#include "codec/json.h"
#include "guardrails/reply_guard.h"
#include "ragserver/responses.h"

namespace rage::ragserver {
namespace {

using namespace std::chrono_literals;

// A client that hears nothing for long gives up; what is held back must not look like silence.
constexpr auto kSilenceMax = 10s;
constexpr std::string_view kStillHere = ": held back\n\n";

}  // namespace

GuardedWriter::GuardedWriter(guardrails::OutputGuardrails* guardrails, net::ResponseWriter& writer)
    : guardrails_(guardrails), writer_(writer) {
  if (guardrails_ != nullptr) policy_ = guardrails_->policy();
  if (policy_ != nullptr && policy_->scanners.empty()) policy_ = nullptr;
}

Result<void> GuardedWriter::send(net::HttpResponse response) {
  if (policy_ == nullptr || response.status != 200) return writer_.send(std::move(response));
  guardrails::Outcome outcome;
  std::string id;
  auto completion = codec::parse_json(response.body);
  if (completion) {
    id = codec::string_or(*completion, "id", "");
    completion = guardrails::guard_completion(*policy_, *std::move(completion), outcome);
  }
  if (!completion) {
    outcome.raise(guardrails::FinalAction::kFailClosed);
    record(outcome, id);
    failed_status_ = 500;
    return writer_.send(render_error(500, guardrails::kScanFailed));
  }
  record(outcome, id);
  response.body = codec::render_json(*completion);
  return writer_.send(std::move(response));
}

Result<void> GuardedWriter::begin(int status, net::Headers headers) {
  if (policy_ != nullptr) stream_.emplace(policy_);
  written_at_ = Clock::now();
  return writer_.begin(status, std::move(headers));
}

Result<void> GuardedWriter::write(std::string_view bytes) {
  if (!stream_) return writer_.write(bytes);
  if (stream_->refused()) return fail(ErrorCode::kCancelled, "ended by output guardrails");
  const std::string shown = stream_->feed(bytes);
  const auto now = Clock::now();
  if (!shown.empty() || now - written_at_ > kSilenceMax) {
    written_at_ = now;
    RETURN_IF_ERROR(writer_.write(shown.empty() ? kStillHere : std::string_view(shown)));
  }
  if (stream_->refused()) return fail(ErrorCode::kCancelled, "ended by output guardrails");
  return {};
}

void GuardedWriter::abort() {
  // A refusal is a whole reply: that the model was left is no failure.
  if (stream_ && stream_->refused()) return;
  aborted_ = true;
  writer_.abort();
}

int GuardedWriter::finish(int status) {
  if (!stream_) return failed_status_.value_or(status);
  if (!aborted_) {
    const std::string rest = stream_->finish();
    if (!rest.empty()) (void)writer_.write(rest);
  }
  record(stream_->outcome(), stream_->response_id());
  return stream_->refused() ? 200 : status;
}

void GuardedWriter::record(const guardrails::Outcome& outcome, const std::string& response_id) {
  guardrails_->record(*policy_, outcome, response_id);
}

}  // namespace rage::ragserver
