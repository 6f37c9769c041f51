// A client of any OpenAI-compatible chat endpoint
// (https://platform.openai.com/docs/api-reference/chat).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/error.h"
#include "codec/json.h"

namespace rage::llm {

struct ModelInfo {
  std::string id;
  std::optional<std::int64_t> context_tokens_max = {};
  std::string stand_in = {};  // "phi-4 -> packaged:NAME" where another model answers (stand_ins.h).
  std::string runtime = {};   // `owned_by`: "llamacpp", "vllm", or whatever the server says.
};

// What the upstream answered, kept whole so that nothing it said is lost.
struct RawReply {
  int status = 200;
  std::string content_type;
  std::string body;
};

// Interface. Thread-safe.
class LlmClient {
 public:
  virtual ~LlmClient() = default;

  // Posts `body` (a chat completion request without "stream") and returns the parsed completion.
  // kUnavailable: no connection. An upstream error status becomes an Error whose message holds the
  // upstream's text and whose code follows the status (401 kUnauthenticated, 404 kNotFound, 429
  // kResourceExhausted with retry_after, 4xx kInvalidArgument, 5xx kUnavailable).
  virtual Result<codec::Json> complete(const Context& context, const codec::Json& body) = 0;

  // Posts `body` with "stream": true; `on_chunk` gets each parsed chunk until [DONE]. Returning
  // false ends the generation (the connection is closed, so the server stops too).
  virtual Result<void> stream(const Context& context, const codec::Json& body,
                              const std::function<bool(const codec::Json& chunk)>& on_chunk) = 0;

  // Pass-through: `body` as it came, reply bytes as they arrive. `on_head` gets status and content
  // type once; for a non-streaming reply the whole body follows in one or more on_bytes.
  virtual Result<void> forward(const Context& context, std::string_view body,
                               const std::function<bool(const RawReply& head)>& on_head,
                               const std::function<bool(std::string_view bytes)>& on_bytes) = 0;

  // GET /v1/models of the same host.
  virtual Result<std::vector<ModelInfo>> list_models(const Context& context) = 0;
};

}  // namespace rage::llm
