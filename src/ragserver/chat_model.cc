#include "ragserver/chat_model.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "codec/documents.h"
#include "obs/log.h"
#include "obs/span.h"
#include "rag/answer_grammar.h"

namespace rage::ragserver {
namespace {

using codec::Json;

constexpr std::size_t kUncheckedBytesMax = std::size_t{4} << 20;  // Of one answer.

constexpr std::size_t kToolCallsMax = 128;
constexpr std::size_t kToolBytesMax = std::size_t{1} << 20;  // Of all arguments.

// The first choice of a chunk; null if there is none.
const Json* choice_of(const Json& chunk) {
  const Json* choices = codec::find_key(chunk, "choices");
  return choices == nullptr || !choices->is_array() || choices->empty() ? nullptr : &(*choices)[0];
}

// Pieces of tool calls, put together as OpenAI's clients do: by their index.
class ToolCalls {
 public:
  // False once there is too much of them.
  bool feed(const Json& delta) {
    for (const Json& piece : codec::list_at(delta, {"tool_calls"})) {
      const double index = codec::number_or(piece, "index", static_cast<double>(calls_.size()));
      if (!(index >= 0) || index > static_cast<double>(calls_.size()) || index >= kToolCallsMax) {
        return false;
      }
      const auto at = static_cast<std::size_t>(index);
      if (at == calls_.size()) {
        calls_.push_back(
            {{"id", ""}, {"type", "function"}, {"function", {{"name", ""}, {"arguments", ""}}}});
      }
      if (!add(piece, calls_[at])) return false;
    }
    return true;
  }
  Json take() { return calls_.empty() ? Json(nullptr) : std::move(calls_); }

 private:
  bool add(const Json& piece, Json& call) {
    if (std::string id = codec::string_or(piece, "id", ""); !id.empty()) call["id"] = std::move(id);
    for (const char* key : {"name", "arguments"}) {
      const std::string more = codec::text_at(piece, {"function", key});
      call["function"][key] = call["function"][key].get<std::string>() + more;
      bytes_ += more.size();
    }
    return bytes_ <= kToolBytesMax;
  }

  Json calls_ = Json::array();
  std::size_t bytes_ = 0;
};

// What turns the model's words into what is shown. In a trace: from the first of them to the last
// that was looked at, beside the request that they come from.
class Filter {
 public:
  Filter(const rag::AnswerPlan& plan, const rag::Corpus& corpus) : parent_(obs::current_span()) {
    if (plan.grounding != rag::GroundingMode::kOff)
      verifier_ = rag::AnswerVerifier::create(plan, corpus);
  }
  std::string feed(const std::string& text) {
    if (!verifier_) return text;
    if (!text.empty() && !std::exchange(begun_, true)) span_ = parent_.child("verify");
    return verifier_->feed(text);
  }
  std::string finish() { return verifier_ ? verifier_->finish() : std::string(); }
  void report(Outcome& outcome) {
    if (!verifier_) {
      outcome.mode = "unverified";
      return;
    }
    if (verifier_->fell_back()) outcome.mode = "fallback";
    outcome.citations = verifier_->citations();
    outcome.sentences = verifier_->report();
    const auto shown = std::ranges::count(outcome.sentences, true, &rag::SentenceReport::shown);
    span_.set("rage.verify.sentences_shown", shown);
    span_.set("rage.verify.sentences_dropped", std::ssize(outcome.sentences) - shown);
    span_.set("rage.verify.citations", outcome.citations.size());
    span_.set("rage.verify.fell_back", verifier_->fell_back());
    span_.end();
  }

 private:
  const obs::Span& parent_;
  obs::Span span_;
  bool begun_ = false;
  std::unique_ptr<rag::AnswerVerifier> verifier_;
};

}  // namespace

Json upstream_body(const ChatRequest& request, const rag::AnswerPlan& plan,
                   const std::string& model) {
  Json body = request.body;
  for (const char* ours : {"index_name", "context_token_ratio", "grounding_mode", "stream",
                           "metadata_filter", "max_node_count"}) {
    body.erase(ours);
  }
  body["model"] = model;
  if (!body.contains("stream_options")) body["stream_options"] = {{"include_usage", true}};
  // Without a bound a small model talks until its context is full.
  if (!body.contains("max_tokens") && !body.contains("max_completion_tokens")) {
    body["max_tokens"] = kAnswerTokensDefault;
  }
  Json messages = Json::array();
  for (const rag::ChatTurn& turn : plan.prompt) {
    messages.push_back({{"role", turn.role}, {"content", turn.content}});
  }
  body["messages"] = std::move(messages);
  return body;
}

bool add_grammar(Json& body, std::string_view runtime, const rag::AnswerPlan& plan) {
  const bool llama = runtime == "llamacpp";
  if ((!llama && runtime != "vllm") || plan.grounding == rag::GroundingMode::kOff) return false;
  for (const char* own : {"grammar", "json_schema", "response_format", "structured_outputs",
                          "guided_json", "guided_regex", "guided_choice", "guided_grammar"}) {
    if (body.contains(own)) return false;
  }
  auto grammar = rag::answer_grammar(plan.sources, plan.standalone_question);
  if (!grammar) return false;
  if (llama) {
    body["grammar"] = *std::move(grammar);
  } else {
    body["structured_outputs"] = {{"grammar", *std::move(grammar)}};
  }
  return true;
}

Result<Outcome> ask_model(const Context& context, llm::LlmClient& llm, const Json& body,
                          const rag::AnswerPlan& plan, const rag::Corpus& corpus,
                          const std::function<bool(const std::string&)>& show) {
  Filter filter(plan, corpus);
  Outcome outcome{.mode = "model", .answer = {}, .citations = {}, .sentences = {}};
  ToolCalls tool_calls;
  bool caller_left = false;
  const auto on_chunk = [&](const Json& chunk) {
    const Json* usage = codec::find_key(chunk, "usage");
    if (usage != nullptr && usage->is_object()) outcome.usage = *usage;
    const Json* choice = choice_of(chunk);
    if (choice == nullptr) return true;
    if (codec::string_or(*choice, "finish_reason", "") == "length")
      outcome.finish_reason = "length";
    const Json& delta = codec::map_at(*choice, {"delta"});
    if (!tool_calls.feed(delta)) return false;
    const std::string shown = filter.feed(codec::string_or(delta, "content", ""));
    outcome.answer += shown;
    caller_left = !shown.empty() && !show(shown);
    return !caller_left && outcome.answer.size() <= kUncheckedBytesMax;
  };
  const Result<void> streamed = llm.stream(context, body, on_chunk);
  if (caller_left) return fail(ErrorCode::kCancelled, "the caller has gone");
  if (!streamed && outcome.answer.empty()) return fail(streamed.error());
  if (!streamed) {
    obs::log().warn("the model's answer broke off", {{"error", streamed.error().message}});
  }
  outcome.tool_calls = tool_calls.take();
  if (outcome.tool_calls.is_array()) {
    outcome.finish_reason = "tool_calls";
    if (outcome.answer.empty()) return outcome;  // Nothing was said: there is nothing to check.
  }
  const std::string rest = filter.finish();
  outcome.answer += rest;
  if (!rest.empty()) (void)show(rest);
  filter.report(outcome);
  return outcome;
}

}  // namespace rage::ragserver
