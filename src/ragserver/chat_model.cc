#include "ragserver/chat_model.h"

#include <memory>
#include <utility>

#include "obs/log.h"
#include "rag/answer_grammar.h"

namespace rage::ragserver {
namespace {

using codec::Json;

constexpr int kAnswerTokensDefault = 400;
constexpr std::size_t kUncheckedBytesMax = std::size_t{4} << 20;  // Of one answer.

std::string delta_text(const Json& chunk) {
  const Json* choices = codec::find_key(chunk, "choices");
  if (choices == nullptr || !choices->is_array() || choices->empty()) return {};
  const Json* delta = codec::find_key((*choices)[0], "delta");
  return delta == nullptr ? std::string() : codec::string_or(*delta, "content", "");
}

// What turns the model's words into what is shown.
class Filter {
 public:
  Filter(const rag::AnswerPlan& plan, const rag::Corpus& corpus) {
    if (plan.grounding != rag::GroundingMode::kOff)
      verifier_ = rag::AnswerVerifier::create(plan, corpus);
  }
  std::string feed(const std::string& text) { return verifier_ ? verifier_->feed(text) : text; }
  std::string finish() { return verifier_ ? verifier_->finish() : std::string(); }
  void report(Outcome& outcome) const {
    if (!verifier_) {
      outcome.mode = "unverified";
      return;
    }
    if (verifier_->fell_back()) outcome.mode = "fallback";
    outcome.citations = verifier_->citations();
    outcome.sentences = verifier_->report();
  }

 private:
  std::unique_ptr<rag::AnswerVerifier> verifier_;
};

}  // namespace

Json upstream_body(const ChatRequest& request, const rag::AnswerPlan& plan,
                   const std::string& model) {
  Json body = request.body;
  for (const char* ours :
       {"index_name", "context_token_ratio", "grounding_mode", "stream", "tools", "functions"}) {
    body.erase(ours);
  }
  body["model"] = model;
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
  bool caller_left = false;
  const auto on_chunk = [&](const Json& chunk) {
    const Json* usage = codec::find_key(chunk, "usage");
    if (usage != nullptr && usage->is_object()) outcome.usage = *usage;
    const std::string shown = filter.feed(delta_text(chunk));
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
  const std::string rest = filter.finish();
  outcome.answer += rest;
  if (!rest.empty()) (void)show(rest);
  filter.report(outcome);
  return outcome;
}

}  // namespace rage::ragserver
