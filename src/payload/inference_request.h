// What an inference request says, read from its body once and without building a tree.
// Formats: OpenAI (chat, completions, embeddings, responses, conversations, images, audio),
// Anthropic messages, vLLM's and SGLang's generate, vLLM's gRPC; forms (multipart) too. Everything
// else: kUnknown, no model.
//
// Strict where a gateway and a model server could read a body differently: a member that counts and
// stands twice, however its name is spelled, is refused, as are a "Model" and all that RFC 8259
// does not allow.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "payload/byte_range.h"

namespace rage::payload {

enum class Api {
  kUnknown,
  kChatCompletions,
  kCompletions,
  kEmbeddings,
  kResponses,
  kConversations,
  kImages,
  kAudio,  // A form, mostly; `model` is a field of it.
  kAnthropicMessages,
  kVllmGenerate,  // As JSON, or gRPC: Generate and Embed.
  kSglangGenerate,
};

// By the longest matching path suffix; the query is ignored.
Api api_of(std::string_view path);

// Value. Independent of the body it was read from.
struct InferenceRequest {
  Api api = Api::kUnknown;
  std::string model;  // Empty: the body names none. Never a control character, at most 1 KiB.
  // For replace_model(): the model's value as it stands in the body, quotes included, or `null`; an
  // empty range where a model could be put in. None: the body has no place for one (kUnknown,
  // gRPC).
  std::optional<ByteRange> model_range;
  bool stream = false;
  std::optional<std::uint64_t> output_tokens_max;  // max_completion_tokens, max_tokens, ...
  std::string cache_salt;                          // SGLang's extra_key, too.
  bool multimodal = false;  // image_url, video_url, input_audio, audio_url parts are present.
  // What prefix caching sees, one entry a prompt of a batch: canonical text (tools, then role and
  // content of each message; an image is a run of bytes that depends on the image) ...
  std::vector<std::string> prompts;
  // ... or token ids, when the client sent ids. Exactly one of the two is filled, or neither.
  std::vector<std::vector<std::uint32_t>> token_prompts;
  bool operator==(const InferenceRequest&) const = default;
};

// How long videos are, for the length of their runs: from x-llm-d-video-fps, -duration-seconds and
// -resolution. At most 16,384 tokens each.
struct VideoHints {
  double fps = 1;
  double duration_seconds = 10;
  std::uint32_t width = 640;
  std::uint32_t height = 360;
};

// Thread-safe. The message of an error is one for the client, without a stop.
// kInvalidArgument: not JSON, not UTF-8, wrong types, depth over 64, a member twice, a model that
// is no string. A missing model is not an error here: a rewrite may supply one. kResourceExhausted:
// over 4 GiB, or no memory.
Result<InferenceRequest> parse_inference_request(std::string_view path,
                                                 std::string_view content_type,
                                                 std::string_view body,
                                                 const VideoHints& video = {});

// The body with another model, every other byte as it was. `range` is model_range.
std::string replace_model(std::string_view body, ByteRange range, std::string_view model);

}  // namespace rage::payload
