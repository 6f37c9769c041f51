// What an inference request says, read from its body once and without building a tree.
// Formats: OpenAI (chat, completions, embeddings, responses, images, multipart audio), Anthropic
// messages, vLLM's and SGLang's generate, gRPC-framed vLLM. Everything else: kUnknown, no model.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace rage::payload {

enum class Api {
  kUnknown,
  kChatCompletions,
  kCompletions,
  kEmbeddings,
  kResponses,
  kConversations,
  kImages,
  kAudio,  // Multipart form; `model` is a field of it.
  kAnthropicMessages,
  kVllmGenerate,
  kSglangGenerate,
};

// By the longest matching path suffix; the query is ignored.
Api api_of(std::string_view path);

// Bytes [begin, end) of the body.
struct ByteRange {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool operator==(const ByteRange&) const = default;
};

// Value. Independent of the body it was read from.
struct InferenceRequest {
  Api api = Api::kUnknown;
  std::string model;  // Empty: the body names none.
  // The model's value as it stands in the body, quotes included; for replace_model().
  std::optional<ByteRange> model_range;
  bool stream = false;
  std::optional<std::uint64_t> output_tokens_max;  // max_completion_tokens, max_tokens, ...
  std::string cache_salt;
  bool multimodal = false;  // image_url, video_url, input_audio, audio_url parts are present.
  // What prefix caching sees, one entry a prompt of a batch: canonical text (tools, then role and
  // content of each message) ...
  std::vector<std::string> prompts;
  // ... or token ids, when the client sent ids. Exactly one of the two is filled, or neither.
  std::vector<std::vector<std::uint32_t>> token_prompts;
};

// kInvalidArgument: not JSON, wrong types, depth over 64, a model that is no string.
// A missing model is not an error here: a rewrite may supply one.
Result<InferenceRequest> parse_inference_request(std::string_view path,
                                                 std::string_view content_type,
                                                 std::string_view body);

// The body with another model, every other byte as it was. `range` is model_range.
std::string replace_model(std::string_view body, ByteRange range, std::string_view model);

}  // namespace rage::payload
