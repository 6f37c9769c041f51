#include "simulator/api_reply.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <utility>

#include "base/base64.h"
#include "codec/json.h"
#include "simulator/prompt.h"

namespace rage::simulator {
namespace {

using codec::Json;

constexpr std::array<std::string_view, 32> kWords = {
    " the",   " model", " says",  " that",   " water", " moves", " under", " stone",
    " and",   " light", " bends", " near",   " mass",  ",",      " while", " time",
    " slows", ".",      " each",  " token",  " takes", " its",   " turn",  " in",
    " line",  " until", " an",    " answer", " is",    " whole", " once",  " more"};

std::uint64_t hash_of(std::string_view text, std::uint64_t seed) {
  return XXH64(text.data(), text.size(), seed);
}

Json usage_json(const UsageCount& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}}};
}

Json head_json(const ReplyHead& head, std::string_view object) {
  return {{"id", head.id}, {"object", object}, {"created", head.created}, {"model", head.model}};
}

Json handover_json(const KvHandover& handover) {
  Json blocks = Json::array();
  for (std::uint64_t i = 0; i < handover.blocks; ++i) blocks.push_back(i);
  return {{"do_remote_prefill", true},
          {"do_remote_decode", false},
          {"remote_block_ids", std::move(blocks)},
          {"remote_engine_id", handover.engine},
          {"remote_host", handover.host},
          {"remote_port", handover.port}};
}

std::string quoted(std::string_view text) {
  return codec::render_json(Json(text));
}

}  // namespace

std::string filler_text(std::string_view model, std::string_view id, std::uint64_t begin,
                        std::uint64_t end) {
  std::string text;
  const std::uint64_t seed = hash_of(id, hash_of(model, 0));
  for (std::uint64_t token = begin; token < end; ++token) {
    if (token == 0) {
      fmt::format_to(std::back_inserter(text), "[{} {}]", model, id);
    } else {
      text += kWords[mix(seed, token) % kWords.size()];
    }
  }
  return text;
}

std::string render_reply(const ReplyHead& head, std::span<const Choice> choices,
                         const UsageCount& usage) {
  const bool chat = head.api == Api::kChat;
  Json reply = head_json(head, chat ? "chat.completion" : "text_completion");
  Json& list = reply["choices"] = Json::array();
  for (const Choice& choice : choices) {
    Json entry = {{"index", list.size()}};
    if (chat) {
      entry["message"] = {{"role", "assistant"}, {"content", choice.text}};
    } else {
      entry["text"] = choice.text;
    }
    entry["logprobs"] = nullptr;
    entry["finish_reason"] = choice.finish_reason;
    list.push_back(std::move(entry));
  }
  reply["usage"] = usage_json(usage);
  if (head.handover) reply["kv_transfer_params"] = handover_json(*head.handover);
  return codec::render_json(reply);
}

ChunkRenderer::ChunkRenderer(const ReplyHead& head) : api_(head.api) {
  const Json json =
      head_json(head, api_ == Api::kChat ? "chat.completion.chunk" : "text_completion");
  prefix_ = codec::render_json(json);
  prefix_.pop_back();
}

std::string ChunkRenderer::event(std::string_view choices, std::string_view usage) const {
  return fmt::format("data: {},\"choices\":[{}]{}}}\n\n", prefix_, choices, usage);
}

std::string ChunkRenderer::role(std::size_t choice) const {
  return event(fmt::format(R"({{"index":{},"delta":{{"role":"assistant","content":""}},)"
                           R"("logprobs":null,"finish_reason":null}})",
                           choice),
               "");
}

std::string ChunkRenderer::text(std::size_t choice, std::string_view text) const {
  const char* const format =
      api_ == Api::kChat
          ? R"({{"index":{},"delta":{{"content":{}}},"logprobs":null,"finish_reason":null}})"
          : R"({{"index":{},"text":{},"logprobs":null,"finish_reason":null}})";
  return event(fmt::format(fmt::runtime(format), choice, quoted(text)), "");
}

std::string ChunkRenderer::finish(std::size_t choice, std::string_view finish_reason) const {
  const char* const format =
      api_ == Api::kChat
          ? R"({{"index":{},"delta":{{"content":""}},"logprobs":null,"finish_reason":"{}"}})"
          : R"({{"index":{},"text":"","logprobs":null,"finish_reason":"{}"}})";
  return event(fmt::format(fmt::runtime(format), choice, finish_reason), "");
}

std::string ChunkRenderer::usage(const UsageCount& usage) const {
  return event("", ",\"usage\":" + codec::render_json(usage_json(usage)));
}

std::string_view ChunkRenderer::done() {
  return "data: [DONE]\n\n";
}

std::vector<float> embedding_of(const Input& input, std::uint32_t dimensions) {
  const auto* text = std::get_if<std::string>(&input);
  const auto* tokens = std::get_if<std::vector<std::uint32_t>>(&input);
  const std::uint64_t seed =
      text ? hash_of(*text, 1) : XXH64(tokens->data(), tokens->size() * sizeof(std::uint32_t), 2);
  std::vector<float> vector(dimensions);
  double square = 0;
  for (std::uint32_t i = 0; i < dimensions; ++i) {
    const double value = 2 * unit_interval(mix(seed, i)) - 1;
    vector[i] = static_cast<float>(value);
    square += value * value;
  }
  const double length = std::sqrt(square);
  for (float& value : vector) value = static_cast<float>(value / length);
  return vector;
}

std::string render_embeddings(const ReplyHead& head, std::span<const std::vector<float>> vectors,
                              bool base64, const UsageCount& usage) {
  Json reply = head_json(head, "list");
  Json& list = reply["data"] = Json::array();
  for (const std::vector<float>& vector : vectors) {
    Json entry = {{"index", list.size()}, {"object", "embedding"}};
    if (base64) {
      const auto* bytes = reinterpret_cast<const char*>(vector.data());
      entry["embedding"] = encode_base64({bytes, vector.size() * sizeof(float)});
    } else {
      entry["embedding"] = vector;
    }
    list.push_back(std::move(entry));
  }
  reply["usage"] = usage_json(usage);
  return codec::render_json(reply);
}

std::string render_models(std::span<const ModelCard> models, std::int64_t created) {
  Json list = Json::array();
  for (const ModelCard& model : models) {
    Json card = {{"id", model.id}, {"object", "model"}, {"created", created}, {"owned_by", "vllm"}};
    card["root"] = model.id;
    card["parent"] = model.parent.empty() ? Json() : Json(model.parent);
    card["max_model_len"] = model.tokens_max;
    card["permission"] = Json::array();
    list.push_back(std::move(card));
  }
  const Json reply = {{"object", "list"}, {"data", std::move(list)}};
  return codec::render_json(reply);
}

std::string render_error(int status, std::string_view message) {
  const std::string_view type = status == 400   ? "BadRequestError"
                                : status == 404 ? "NotFoundError"
                                : status == 429 ? "RateLimitError"
                                : status == 503 ? "ServiceUnavailableError"
                                                : "InternalServerError";
  Json reply;
  reply["error"] = {{"message", message}, {"type", type}, {"param", nullptr}, {"code", status}};
  return codec::render_json(reply);
}

}  // namespace rage::simulator
