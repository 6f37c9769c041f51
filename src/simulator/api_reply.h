// What a model server answers, in OpenAI's JSON and in vLLM's words. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/api_request.h"

namespace rage::simulator {

// The text between two tokens of an answer; a function of its arguments, so that whoever knows the
// id can tell whether a byte is missing. The first token names model and id.
std::string filler_text(std::string_view model, std::string_view id, std::uint64_t begin,
                        std::uint64_t end);

struct UsageCount {
  std::uint64_t prompt_tokens = 0;
  std::uint64_t completion_tokens = 0;
  std::uint64_t cached_tokens = 0;
};

// Where another server finds a prompt's KV (vLLM's kv_transfer_params).
struct KvHandover {
  std::string engine;
  std::string host;
  std::uint16_t port = 0;
  std::uint64_t blocks = 0;
};

// What all parts of one reply share.
struct ReplyHead {
  Api api = Api::kChat;
  std::string id;
  std::string model;  // As the client named it.
  std::int64_t created = 0;
  std::optional<KvHandover> handover = {};  // In whole replies.
};

struct Choice {
  std::string text;
  std::string_view finish_reason;
};

std::string render_reply(const ReplyHead& head, std::span<const Choice> choices,
                         const UsageCount& usage);

// Chunks of a stream, each a whole server-sent event.
class ChunkRenderer final {
 public:
  explicit ChunkRenderer(const ReplyHead& head);
  std::string role(std::size_t choice) const;  // Chat only: the first chunk of a choice.
  std::string text(std::size_t choice, std::string_view text) const;
  std::string finish(std::size_t choice, std::string_view finish_reason) const;
  std::string usage(const UsageCount& usage) const;
  static std::string_view done();  // "data: [DONE]"

 private:
  std::string event(std::string_view choices, std::string_view usage) const;

  const Api api_;
  std::string prefix_;  // Up to the choices.
};

// Deterministic vectors of unit length.
std::vector<float> embedding_of(const Input& input, std::uint32_t dimensions);
std::string render_embeddings(const ReplyHead& head, std::span<const std::vector<float>> vectors,
                              bool base64, const UsageCount& usage);

struct ModelCard {
  std::string id;
  std::string parent;  // Empty: a base model.
  std::uint64_t tokens_max = 0;
};
std::string render_models(std::span<const ModelCard> models, std::int64_t created);

// {"error": {"message", "type", "param", "code"}}
std::string render_error(int status, std::string_view message);

}  // namespace rage::simulator
