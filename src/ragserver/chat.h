// POST /v1/chat/completions: with an index a grounded answer, without one the model's own
// (pass-through).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/context.h"
#include "base/mutex.h"
#include "llm/llm_client.h"
#include "llm/stand_ins.h"
#include "net/http_server.h"
#include "rag/collections.h"
#include "rag/grounding.h"
#include "ragserver/answer_log.h"

namespace rage::ragserver {

struct ChatOptions {
  std::int64_t context_tokens_max = 64000;      // LLM_CONTEXT_WINDOW
  double context_token_ratio = 0.5;             // RAG_CONTEXT_TOKEN_FILL_RATIO
  std::size_t candidates_max = 24;              // Chunks retrieved for one answer.
  std::size_t top_k_max = 300;                  // Largest max_node_count of a request.
  float distance_max = rag::kPlainDistanceMax;  // Mode off: rag::GroundingOptions.
  // Sources in a prompt, whatever the window: a small model on a CPU reads about 300 tokens a
  // second.
  std::size_t source_tokens_max = 1500;
  rag::AnswerMode answer_mode = rag::AnswerMode::kAuto;
  // Unless the index or the request says otherwise.
  rag::GroundingMode grounding = rag::GroundingMode::kStrict;
  // Names, numbers and addresses can only be copied from the sources, where the model server has
  // grammars (docs/adr/0023).
  bool constrain = false;
  AnswerLogOptions log = {};
};

// What a chat request says, once checked.
struct ChatRequest {
  codec::Json body;
  std::string index_name;  // Empty: pass-through.
  bool pass_through = false;
  bool stream = false;
  double context_token_ratio = 0;
  std::optional<rag::GroundingMode> grounding = {};  // `grounding_mode` of the body.
  std::optional<std::size_t> candidates_max = {};    // `max_node_count`
  rag::MetadataFilter filter = {};                   // `metadata_filter`
  std::vector<rag::ChatTurn> turns;
};

// Every rule of the gate that needs no index and no model, in the original's order; the error's
// text is what the client sees. Pure.
Result<ChatRequest> parse_chat_request(codec::Json body, const ChatOptions& options);

// Tokens left for sources once the conversation and the answer (`max_tokens`, or what is asked for
// without) have theirs; 0 if there are none. Pure.
std::size_t source_tokens(const ChatRequest& request, const ChatOptions& options);

// Resource. Thread-safe. What it is given outlives it; `llm` may be null.
class ChatEndpoint final {
 public:
  ChatEndpoint(rag::Collections& collections, llm::LlmClient* llm, const ChatOptions& options);

  // Answers, streaming or not, and returns the status it answered with.
  int handle(const Context& context, const net::HttpRequest& request, net::ResponseWriter& writer);
  const AnswerLog& log() const { return log_; }

 private:
  int answer(const Context& context, const net::HttpRequest& http, const ChatRequest& request,
             net::ResponseWriter& writer);
  Result<rag::AnswerPlan> plan(const Context& context, const ChatRequest& request,
                               rag::Collection& collection, const rag::Corpus& corpus);
  int pass_through(const Context& context, const net::HttpRequest& request,
                   net::ResponseWriter& writer);
  // Whose grammars the model server understands; empty: unknown, or not wanted.
  std::string grammar_runtime(const Context& context);
  Result<std::string> model_of(const Context& context, const codec::Json& body);

  rag::Collections& collections_;
  llm::LlmClient* llm_;
  const ChatOptions options_;
  AnswerLog log_;
  Guarded<std::string> default_model_;  // Asked once, when a request names none.
  llm::StandIns stand_ins_;
  Guarded<std::optional<std::string>> runtime_;
};

}  // namespace rage::ragserver
