// What the model server is asked: the body of a chat completion (OpenAI's API), as the demo's agent
// builds it. Pure.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "assistant/message.h"
#include "codec/json.h"

namespace rage::assistant {

// What one question asks for. Without an index every answer is direct.
enum class AnswerMode {
  kDefault,  // From the sources of the index.
  kDirect,   // The model alone.
  kCompare,  // Both at once.
};

// Who the assistant is, and how it speaks of sessions.
extern const char* const kDefaultInstructions;

struct PromptOptions {
  std::string model;
  std::string index_name;  // Empty: direct mode. Else retrieval mode: a RAGEngine is upstream.
  std::string instructions = kDefaultInstructions;
  std::size_t answer_tokens_max = 2048;
  // Of the conversation before the question, by estimated_tokens(). The oldest turns are left out
  // first, whole: what is left begins with a question.
  std::size_t history_tokens_max = 6000;
};

// About 4 bytes a token, and a few for the message around it.
std::size_t estimated_tokens(std::string_view text);

// The newest messages of `history` that fit; only questions and answers with text.
std::span<const Message> within_budget(std::span<const Message> history, std::size_t tokens_max);

// Extras of an answer that tell how it was asked for; see message.h.
inline constexpr const char* kModeExtra = "mode";  // "direct" or "compare"; absent: the default.
inline constexpr const char* kBareExtra = "bare";  // Of "compare": {"message","model",...}.

// What the RAG service is told of a conversation: not what the model said on its own.
std::vector<Message> history_with_sources(std::span<const Message> history);
// What the bare model is told: what it said itself, and nothing that the sources told.
std::vector<Message> history_without_sources(std::span<const Message> history);

// Direct mode: instructions as a system message, "max_completion_tokens". Retrieval mode: no system
// message, because the engine adds one of its own; the instructions stand as "[Instructions: ...]"
// before the first question, and there are "index_name" and "max_tokens".
codec::Json plan_completion(const PromptOptions& options, std::span<const Message> history,
                            std::string_view question);

}  // namespace rage::assistant
