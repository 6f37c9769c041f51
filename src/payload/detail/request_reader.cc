#include "payload/detail/request_reader.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <utility>

#include "base/check.h"
#include "base/strings.h"
#include "payload/detail/prompt_list.h"
#include "payload/detail/prompt_text.h"

namespace rage::payload::detail {
namespace {

constexpr std::size_t kModelBytesMax = 1024;

enum class Meaning {
  kModel,
  kStream,
  kSalt,
  kOutputMax,
  kOutputMaxAtFirst,  // Wins over kOutputMax.
  kSampling,
  kTools,
  kSystem,
  kMessages,
  kPrompts,
  kFeatures,
};

constexpr unsigned bit(Api api) {
  return 1U << static_cast<unsigned>(api);
}
constexpr unsigned kChat = bit(Api::kChatCompletions);
constexpr unsigned kCompletion = bit(Api::kCompletions);
constexpr unsigned kEmbedding = bit(Api::kEmbeddings);
constexpr unsigned kResponse = bit(Api::kResponses);
constexpr unsigned kConversation = bit(Api::kConversations);
constexpr unsigned kImage = bit(Api::kImages);
constexpr unsigned kAnthropic = bit(Api::kAnthropicMessages);
constexpr unsigned kVllm = bit(Api::kVllmGenerate);
constexpr unsigned kSglang = bit(Api::kSglangGenerate);
constexpr unsigned kAll = ~0U;

struct Member {
  std::string_view name;
  unsigned apis;
  Meaning meaning;
};

constexpr Member kMembers[] = {
    {"model", kAll, Meaning::kModel},
    {"stream", kAll, Meaning::kStream},
    {"cache_salt", kAll & ~kSglang, Meaning::kSalt},
    {"extra_key", kSglang, Meaning::kSalt},
    {"max_completion_tokens", kChat, Meaning::kOutputMaxAtFirst},
    {"max_tokens", kChat | kCompletion | kAnthropic, Meaning::kOutputMax},
    {"max_output_tokens", kResponse, Meaning::kOutputMax},
    {"sampling_params", kVllm | kSglang, Meaning::kSampling},
    {"tools", kChat | kResponse | kAnthropic, Meaning::kTools},
    {"system", kAnthropic, Meaning::kSystem},
    {"instructions", kResponse, Meaning::kSystem},
    {"messages", kChat | kAnthropic | kEmbedding, Meaning::kMessages},
    {"input", kResponse, Meaning::kMessages},
    {"items", kConversation, Meaning::kMessages},
    {"input", kEmbedding, Meaning::kPrompts},
    {"prompt", kCompletion | kImage, Meaning::kPrompts},
    {"token_ids", kVllm, Meaning::kPrompts},
    {"input_ids", kSglang, Meaning::kPrompts},
    {"text", kSglang, Meaning::kPrompts},
    {"features", kVllm, Meaning::kFeatures},
};

std::unexpected<Error> must_be(std::string_view name, std::string_view what) {
  return fail(ErrorCode::kInvalidArgument, "{} must be {}", name, what);
}

// Null is no text.
Result<std::string> read_string(std::string_view name, JsonWalk& walk) {
  std::string text;
  if (walk.skip_null()) return text;
  if (walk.peek() != '"') return must_be(name, "a string");
  RETURN_IF_ERROR(walk.append_string(text));
  return text;
}

// Null and negative numbers, which some servers take for "no limit", are none; 16.0 is 16.
Result<std::optional<std::uint64_t>> read_count(std::string_view name, JsonWalk& walk) {
  constexpr double kWholeMax = 9007199254740992;  // 2^53
  if (walk.skip_null()) return std::nullopt;
  const std::string_view token = walk.token();
  if (!is_json_number(token)) return must_be(name, "a number");
  walk.advance();
  if (const auto count = parse_uint(token)) return count;
  const double number = parse_double(token).value_or(-1);
  if (!(number >= 0 && number <= kWholeMax)) return std::nullopt;
  return static_cast<std::uint64_t>(number);
}

class RequestReader {
 public:
  RequestReader(Api api, const VideoHints& video) : text_(video) { request_.api = api; }

  Result<void> read(JsonWalk& walk) {
    return for_each_member(walk, 1, [&](std::string_view name) { return read_member(name, walk); });
  }

  InferenceRequest take() {
    if (!request_.output_tokens_max) request_.output_tokens_max = output_max_;
    request_.multimodal = request_.multimodal || text_.multimodal();
    std::string text = std::move(text_).take();
    // Ids are what the server uses, should there be text too.
    request_.token_prompts = std::move(prompts_.ids);
    if (request_.token_prompts.empty()) request_.prompts = std::move(prompts_.texts);
    if (!text.empty() && request_.token_prompts.empty() && request_.prompts.empty()) {
      request_.prompts.push_back(std::move(text));
    }
    return std::move(request_);
  }

 private:
  Result<void> read_member(std::string_view name, JsonWalk& walk) {
    for (std::size_t i = 0; i < std::size(kMembers); ++i) {
      const Member& member = kMembers[i];
      if ((member.apis & bit(request_.api)) == 0 || member.name != name) continue;
      if (seen_.test(i)) {
        return fail(ErrorCode::kInvalidArgument, "\"{}\" stands twice in the body", name);
      }
      seen_.set(i);
      return read_known(member, walk);
    }
    if (equals_ignoring_case(name, "model")) {  // A server in Go would take it for the model.
      return fail(ErrorCode::kInvalidArgument, "\"{}\" could be taken for \"model\"", name);
    }
    return walk.check_value(1);
  }

  Result<void> read_known(const Member& member, JsonWalk& walk) {
    switch (member.meaning) {
      case Meaning::kModel:
        return read_model(walk);
      case Meaning::kStream: {
        const std::string_view token = walk.token();
        if (token != "true" && token != "false" && token != "null") {
          return must_be(member.name, "a boolean");
        }
        request_.stream = token == "true";
        walk.advance();
        return {};
      }
      case Meaning::kSalt: {
        ASSIGN_OR_RETURN(request_.cache_salt, read_string(member.name, walk));
        return {};
      }
      case Meaning::kOutputMax: {
        ASSIGN_OR_RETURN(output_max_, read_count(member.name, walk));
        return {};
      }
      case Meaning::kOutputMaxAtFirst: {
        ASSIGN_OR_RETURN(request_.output_tokens_max, read_count(member.name, walk));
        return {};
      }
      case Meaning::kSampling:
        return read_sampling(walk);
      case Meaning::kTools:
        return text_.add_tools(walk);
      case Meaning::kSystem:
        return text_.add_system(walk);
      case Meaning::kMessages:
        return text_.add_messages(walk);
      case Meaning::kPrompts:
        return read_prompts(walk, prompts_);
      case Meaning::kFeatures:
        request_.multimodal = walk.token() != "null";
        return walk.check_value(1);
    }
    UNREACHABLE();
  }

  Result<void> read_model(JsonWalk& walk) {
    const std::size_t begin = walk.offset();
    const std::size_t bytes = walk.token().size();
    ASSIGN_OR_RETURN(request_.model, read_string("model", walk));
    RETURN_IF_ERROR(check_model(request_.model));
    request_.model_range = ByteRange{.begin = begin, .end = begin + bytes};
    return {};
  }

  // SGLang takes a list of them for a batch; then there is not one maximum.
  Result<void> read_sampling(JsonWalk& walk) {
    if (walk.peek() != '{') return walk.check_value(1);
    const std::string_view wanted =
        request_.api == Api::kVllmGenerate ? "max_tokens" : "max_new_tokens";
    return for_each_member(walk, 2, [&](std::string_view name) -> Result<void> {
      if (name != wanted) return walk.check_value(2);
      ASSIGN_OR_RETURN(output_max_, read_count(name, walk));
      return {};
    });
  }

  InferenceRequest request_;
  std::optional<std::uint64_t> output_max_;
  PromptText text_;
  PromptList prompts_;
  std::bitset<std::size(kMembers)> seen_;
};

}  // namespace

Result<void> check_model(std::string_view model) {
  if (model.size() > kModelBytesMax) {
    return fail(ErrorCode::kInvalidArgument, "model is longer than 1,024 bytes");
  }
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  if (std::ranges::any_of(model, is_control)) {
    return fail(ErrorCode::kInvalidArgument, "model has a control character");
  }
  return {};
}

Result<InferenceRequest> read_json_request(Api api, std::string_view body,
                                           const VideoHints& video) {
  RequestReader reader(api, video);
  RETURN_IF_ERROR(read_body(body, [&reader](JsonWalk& walk) { return reader.read(walk); }));
  InferenceRequest request = reader.take();
  if (!request.model_range) {
    const std::size_t after_brace = body.find('{') + 1;
    request.model_range = ByteRange{.begin = after_brace, .end = after_brace};
  }
  return request;
}

}  // namespace rage::payload::detail
