// What clients of a model server ask for, read from OpenAI's JSON as vLLM reads it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"

namespace rage::simulator {

enum class Api { kChat, kCompletions, kEmbeddings };

inline constexpr std::size_t kPromptsMax = 256;  // Of one request.

// What is read, in the model's eyes: text, or the tokens' ids.
using Input = std::variant<std::string, std::vector<std::uint32_t>>;

// Value.
struct ApiRequest {
  Api api = Api::kChat;
  std::string model;
  std::vector<Input> inputs;  // One for chat. Not empty.
  std::string cache_salt;
  bool stream = false;
  bool include_usage = false;  // As a last chunk of a stream.
  bool ignore_eos = false;
  std::optional<std::uint64_t> output_tokens_max;
  std::uint64_t output_tokens_min = 0;
  bool base64 = false;  // Embeddings as bytes.
  std::optional<std::uint32_t> dimensions;
  // vLLM's kv_transfer_params: this server prefills for another one ...
  bool for_remote_decode = false;
  // ... or gets the prompt's KV from this engine.
  std::optional<std::string> prefilled_by = {};
};

// kInvalidArgument: not JSON, wrong types, nothing to read, more than one choice wanted, or more
// than kPromptsMax inputs.
Result<ApiRequest> parse_api_request(Api api, std::string_view body);

// How much is generated and why it ends there.
struct OutputPlan {
  std::uint64_t tokens = 0;
  std::string_view finish_reason;  // "length" or "stop".
};

// `room`: what is left of the context behind the prompt. `natural`: where the model would stop by
// itself.
OutputPlan plan_output(const ApiRequest& request, std::uint64_t room, std::uint64_t natural);

}  // namespace rage::simulator
