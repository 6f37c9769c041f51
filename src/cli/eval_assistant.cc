#include "cli/eval_assistant.h"

#include <string>
#include <utility>

#include "codec/uri.h"

namespace rage::cli {
namespace {

using codec::Json;

// One turn of the conversation `session`, which the first turn names.
Result<Json> take_turn(const Context& context, RagClient& assistant, const std::string& message,
                       std::string& session) {
  Json body = {{"message", message}, {"stream", true}};
  if (!session.empty()) body["session_id"] = session;
  Json done;
  Result<void> told;
  const auto on_event = [&](const codec::SseEvent& event) {
    auto data = codec::parse_json(event.data);
    if (!data) return;
    if (event.event == "session") session = codec::string_or(*data, "session_id", "");
    if (event.event == "done") done = *std::move(data);
    if (event.event == "error") {
      told = fail(ErrorCode::kInternal, "{}",
                  codec::string_or(*data, "message", "the assistant failed without a reason"));
    }
  };
  RETURN_IF_ERROR(assistant.stream_events(context, "/chat", body, on_event));
  RETURN_IF_ERROR(told);
  if (done.is_null()) return fail(ErrorCode::kDataLoss, "the answer broke off");
  return done;
}

}  // namespace

Json completion_of(const Json& done) {
  Json completion = {
      {"choices",
       {{{"message",
          {{"role", "assistant"}, {"content", codec::string_or(done, "message", "")}}}}}}};
  for (const char* key : {"grounding", "usage"}) {
    if (const Json* value = codec::find_key(done, key)) completion[key] = *value;
  }
  if (const Json* sources = codec::find_key(done, "sources")) completion["source_nodes"] = *sources;
  return completion;
}

Result<Json> ask_assistant(const Context& context, RagClient& assistant,
                           const EvalQuestion& question) {
  std::string session;
  const auto ask_all = [&]() -> Result<Json> {
    for (const Json& turn : question.history) {
      if (codec::string_or(turn, "role", "") != "user") continue;
      RETURN_IF_ERROR(
          take_turn(context, assistant, codec::string_or(turn, "content", ""), session));
    }
    return take_turn(context, assistant, question.question, session);
  };
  auto done = ask_all();
  // What the run leaves behind is its report, not hundreds of conversations.
  if (!session.empty()) {
    (void)assistant.remove(context, "/sessions/" + codec::percent_encode(session));
  }
  if (!done) return fail(std::move(done).error());
  return completion_of(*done);
}

}  // namespace rage::cli
