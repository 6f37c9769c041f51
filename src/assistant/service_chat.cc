// POST /chat and POST /chat/stream.
#include "assistant/detail/service_call.h"
#include "assistant/tool_calls.h"
#include "base/strings.h"
#include "codec/sse.h"
#include "obs/log.h"

namespace rage::assistant {
namespace {

using codec::Json;

constexpr int kClientGone = 499;  // Nobody reads it; for the counters.

Json error_json(const Error& error, const std::string& session, std::string_view detail) {
  return {{"detail", detail},
          {"error_code", name_of(error.code)},
          {"message", plain_words(error.code)},
          {"session_id", session}};
}

// bare_json(), and in plain words what went wrong.
Json bare_reply(const Asked& bare) {
  Json reply = bare_json(bare);
  if (!bare.answer) reply["error"] = plain_words(bare.answer.error().code);
  return reply;
}

// Server-sent events, begun with the first: "session", "delta"... and "bare"..., and "done" or
// "error".
class EventStream final {
 public:
  explicit EventStream(net::ResponseWriter& writer) : writer_(writer) {}

  bool send(std::string_view event, const Json& data) {
    if (!begin()) return false;
    const std::string text =
        fmt::format("event: {}\n{}", event, codec::render_sse(codec::render_json(data)));
    return writer_.write(text).has_value();
  }

 private:
  bool begin() {
    if (begun_) return true;
    begun_ = true;
    return writer_
        .begin(200, {{"content-type", "text/event-stream; charset=utf-8"},
                     {"cache-control", "no-cache"},
                     {"x-accel-buffering", "no"}})
        .has_value();
  }
  net::ResponseWriter& writer_;
  bool begun_ = false;
};

}  // namespace

std::string plain_words(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUnavailable:
      return "The model or the history cannot be reached right now. Please try again.";
    case ErrorCode::kResourceExhausted:
      return "The model is busy. Please try again in a moment.";
    case ErrorCode::kDeadlineExceeded:
      return "The answer took too long. Please try again.";
    case ErrorCode::kDataLoss:
      return "The answer broke off. Please try again.";
    case ErrorCode::kNotFound:
      return "The model or the index that should answer is not there.";
    case ErrorCode::kUnauthenticated:
    case ErrorCode::kPermissionDenied:
      return "The assistant may not use the model; its key is missing or wrong.";
    case ErrorCode::kInvalidArgument:
      return "The model did not accept the question.";
    case ErrorCode::kFailedPrecondition:
      return "There is no unanswered question to ask again.";
    case ErrorCode::kCancelled:
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kUnimplemented:
    case ErrorCode::kInternal:
      break;
  }
  return "Something went wrong. Please try again.";
}

int AssistantService::chat(const Call& call) {
  auto request = parse_chat_request(call.request);
  if (!request) {
    (void)call.writer.send(json_response(422, request.error()));
    return 422;
  }
  const bool stream = request->stream || call.request.path == "/chat/stream";
  const Turn turn{.session = request->session_id.empty() ? random_uuid() : request->session_id,
                  .question = std::move(request->message),
                  .retry = request->retry,
                  .stream = stream,
                  .mode = request->mode};
  const Tools tools{.calendar = request->wants_calendar};
  return stream ? chat_stream(call, turn, tools) : chat_whole(call, turn, tools);
}

// What belongs to an answer beside the demo's three fields, where it was asked for.
void AssistantService::add_extras(Json& reply, const TurnOutcome& outcome, const Tools& tools) {
  if (!outcome.mode.empty()) reply["mode"] = outcome.mode;
  if (outcome.bare) reply["bare"] = bare_reply(*outcome.bare);
  if (tools.calendar) reply["tool_calls"] = plan_calendar_call(outcome.answer, random_uuid());
}

int AssistantService::chat_whole(const Call& call, const Turn& turn, const Tools& tools) {
  const auto outcome = turns_.run(call.context, turn, nullptr);
  log_turn(turn, outcome);
  net::HttpResponse response;
  if (outcome) {
    Json reply = {{"message", outcome->answer.text},
                  {"agent_name", kAgentName},
                  {"session_id", turn.session}};
    add_extras(reply, *outcome, tools);
    response = json_response(200, reply);
  } else if (outcome.error().code == ErrorCode::kFailedPrecondition) {
    response = json_response(409, error_json(outcome.error(), turn.session, "Nothing to retry"));
  } else {
    response =
        json_response(500, error_json(outcome.error(), turn.session, "Failed to process message"));
  }
  const bool gone = !outcome && outcome.error().code == ErrorCode::kCancelled;
  const int status = gone ? kClientGone : response.status;
  (void)call.writer.send(std::move(response));
  return status;
}

int AssistantService::chat_stream(const Call& call, const Turn& turn, const Tools& tools) {
  EventStream events(call.writer);
  if (!events.send("session", {{"session_id", turn.session}})) return kClientGone;
  const auto passing = [&events](std::string_view event) {
    return [&events, event](std::string_view text) { return events.send(event, {{"text", text}}); };
  };
  const auto outcome = turns_.run(call.context, turn, passing("delta"), passing("bare"));
  log_turn(turn, outcome);
  if (!outcome) {
    (void)events.send("error",
                      error_json(outcome.error(), turn.session, "Failed to process message"));
    return outcome.error().code == ErrorCode::kCancelled ? kClientGone : 500;
  }
  const Answer& answer = outcome->answer;
  Json done = {{"session_id", turn.session},
               {"message", answer.text},
               {"agent_name", kAgentName},
               {"model", answer.model},
               {"substituted_model", answer.stand_in},
               {"latency_ms", outcome->latency_ms},
               {"usage", answer.usage},
               {"grounding", answer.grounding},
               {"sources", answer.sources},
               {"saved", outcome->saved}};
  add_extras(done, *outcome, tools);
  (void)events.send("done", done);
  return 200;
}

// Without leave, not a word of what was said; an upstream's message may quote it.
void AssistantService::log_turn(const Turn& turn, const Result<TurnOutcome>& outcome) const {
  if (!outcome) {
    const Error& error = outcome.error();
    if (error.code == ErrorCode::kCancelled) {
      obs::log().info("the reader left before the end", {{"session", turn.session}});
      return;
    }
    const bool shown = options_.log_content || error.detail.empty();
    obs::log().warn("a question has no answer", {{"session", turn.session},
                                                 {"code", name_of(error.code)},
                                                 {"error", shown ? error.message : error.detail}});
  } else {
    const Answer& answer = outcome->answer;
    obs::log().info("answered",
                    {{"session", turn.session},
                     {"model", answer.model},
                     {"stream", turn.stream},
                     {"latency_ms", outcome->latency_ms},
                     {"prompt_tokens", codec::number_or(answer.usage, "prompt_tokens", 0)},
                     {"completion_tokens", codec::number_or(answer.usage, "completion_tokens", 0)},
                     {"grounding", codec::string_or(answer.grounding, "mode", "")}});
  }
  if (!options_.log_content) return;
  obs::log().info("what was said",
                  {{"session", turn.session},
                   {"question", turn.question},
                   {"answer", outcome ? std::string_view(outcome->answer.text) : ""}});
}

}  // namespace rage::assistant
