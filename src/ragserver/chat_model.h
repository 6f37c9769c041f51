// A model's part of an answer: what it is asked, and how what it says is held to the plan.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/error.h"
#include "llm/llm_client.h"
#include "rag/grounding.h"
#include "ragserver/chat_reply.h"

namespace rage::ragserver {

// Of an answer whose request sets no bound.
inline constexpr int kAnswerTokensDefault = 400;

// The caller's parameters go through, tools included; what concerns retrieval does not, and the
// prompt is ours.
codec::Json upstream_body(const ChatRequest& request, const rag::AnswerPlan& plan,
                          const std::string& model);

// Adds answer_grammar() as the runtime takes it: "llamacpp" and "vllm" do. False, and nothing
// added, for another runtime, a caller with a format of its own, or where no grammar fits.
bool add_grammar(codec::Json& body, std::string_view runtime, const rag::AnswerPlan& plan);

// Asks for the plan's answer. `show` gets what may be shown, as it may be, and says whether the
// caller still listens; kCancelled once it does not. Sentence by sentence through the verifier, or
// with GroundingMode::kOff as the model says it. A model that breaks off after something was shown
// leaves what was shown; before that its error is returned.
Result<Outcome> ask_model(const Context& context, llm::LlmClient& llm, const codec::Json& body,
                          const rag::AnswerPlan& plan, const rag::Corpus& corpus,
                          const std::function<bool(const std::string&)>& show);

}  // namespace rage::ragserver
