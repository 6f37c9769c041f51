#include "simulator/api_request.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "codec/json.h"

namespace rage::simulator {
namespace {

using codec::find_key;
using codec::Json;

constexpr std::uint64_t kCompletionTokensByDefault = 16;  // OpenAI's.
constexpr std::uint32_t kDimensionsMax = 16'384;

std::unexpected<Error> bad(std::string message) {
  return fail(ErrorCode::kInvalidArgument, std::move(message));
}

// Null counts as absent, as pydantic's optional fields have it.
const Json* find_value(const Json& object, std::string_view key) {
  const Json* value = find_key(object, key);
  return value && !value->is_null() ? value : nullptr;
}

Result<std::optional<std::uint64_t>> read_count(const Json& object, std::string_view key) {
  const Json* value = find_value(object, key);
  if (!value) return std::optional<std::uint64_t>();
  if (!value->is_number_unsigned()) {
    return bad(fmt::format("{} must be a whole number, not negative", key));
  }
  return std::optional(value->get<std::uint64_t>());
}

Result<bool> read_flag(const Json& object, std::string_view key) {
  const Json* value = find_value(object, key);
  if (!value) return false;
  if (!value->is_boolean()) return bad(fmt::format("{} must be true or false", key));
  return value->get<bool>();
}

// Role and content of each message, after the tools: what a chat template would render.
Result<Input> read_messages(const Json& body) {
  const Json* messages = find_value(body, "messages");
  if (!messages || !messages->is_array() || messages->empty()) {
    return bad("messages must be a list of messages");
  }
  std::string text;
  if (const Json* tools = find_value(body, "tools")) text += codec::render_json(*tools);
  for (const Json& message : *messages) {
    const Json* role = find_value(message, "role");
    if (!role || !role->is_string()) return bad("each message must have a role");
    text += role->get_ref<const std::string&>();
    text += '\n';
    const Json* content = find_value(message, "content");
    if (content && content->is_string()) {
      text += content->get_ref<const std::string&>();
    } else if (content && content->is_array()) {
      for (const Json& part : *content) {
        const Json* part_text = find_value(part, "text");
        const bool plain = part_text && part_text->is_string();
        text += plain ? part_text->get_ref<const std::string&>() : codec::render_json(part);
      }
    } else if (content) {
      return bad("a message's content must be a string or a list of parts");
    }
    text += '\n';
  }
  return Input(std::move(text));
}

bool is_token_list(const Json& value) {
  return value.is_array() && !value.empty() && std::ranges::all_of(value, [](const Json& id) {
           return id.is_number_unsigned() &&
                  id.get<std::uint64_t>() <= std::numeric_limits<std::uint32_t>::max();
         });
}

// A string, a list of token ids, or a list of either.
Result<std::vector<Input>> read_inputs(const Json& body, std::string_view key) {
  const Json* value = find_value(body, key);
  if (!value) return bad(fmt::format("{} is missing", key));
  const auto read_one = [](const Json& one) -> std::optional<Input> {
    if (one.is_string()) return Input(one.get<std::string>());
    if (is_token_list(one)) return Input(one.get<std::vector<std::uint32_t>>());
    return std::nullopt;
  };
  std::vector<Input> inputs;
  if (auto one = read_one(*value)) {
    inputs.push_back(*std::move(one));
    return inputs;
  }
  if (!value->is_array() || value->empty() || value->size() > kPromptsMax) {
    return bad(fmt::format("{} must be a string, token ids, or a list of at most {} of them", key,
                           kPromptsMax));
  }
  for (const Json& entry : *value) {
    auto one = read_one(entry);
    if (!one) return bad(fmt::format("{} holds what is neither text nor token ids", key));
    inputs.push_back(*std::move(one));
  }
  return inputs;
}

Result<void> read_generation(const Json& body, ApiRequest& request) {
  ASSIGN_OR_RETURN(request.stream, read_flag(body, "stream"));
  ASSIGN_OR_RETURN(request.ignore_eos, read_flag(body, "ignore_eos"));
  if (const Json* options = find_value(body, "stream_options")) {
    ASSIGN_OR_RETURN(request.include_usage, read_flag(*options, "include_usage"));
  }
  ASSIGN_OR_RETURN(const auto choices, read_count(body, "n"));
  if (choices.value_or(1) != 1) return bad("n must be 1: one choice is simulated");
  ASSIGN_OR_RETURN(request.output_tokens_max, read_count(body, "max_tokens"));
  if (request.api == Api::kChat) {
    ASSIGN_OR_RETURN(const auto newer, read_count(body, "max_completion_tokens"));
    if (newer) request.output_tokens_max = newer;
  } else if (!request.output_tokens_max) {
    request.output_tokens_max = kCompletionTokensByDefault;
  }
  if (request.output_tokens_max == 0) return bad("max_tokens must be at least 1");
  ASSIGN_OR_RETURN(const auto least, read_count(body, "min_tokens"));
  request.output_tokens_min = least.value_or(0);
  return {};
}

Result<void> read_kv_transfer(const Json& body, ApiRequest& request) {
  const Json* params = find_value(body, "kv_transfer_params");
  if (!params) return {};
  if (!params->is_object()) return bad("kv_transfer_params must be an object");
  ASSIGN_OR_RETURN(request.for_remote_decode, read_flag(*params, "do_remote_decode"));
  ASSIGN_OR_RETURN(const bool remote_prefill, read_flag(*params, "do_remote_prefill"));
  if (!remote_prefill) return {};
  const Json* engine = find_value(*params, "remote_engine_id");
  const Json* blocks = find_value(*params, "remote_block_ids");
  if (!engine || !engine->is_string() || !blocks || !blocks->is_array()) {
    return bad("kv_transfer_params: remote_engine_id and remote_block_ids must say where KV is");
  }
  request.prefilled_by = engine->get<std::string>();
  return {};
}

Result<void> read_embedding(const Json& body, ApiRequest& request) {
  const std::string format = codec::string_or(body, "encoding_format", "float");
  if (format != "float" && format != "base64") return bad("encoding_format: float or base64");
  request.base64 = format == "base64";
  ASSIGN_OR_RETURN(const auto dimensions, read_count(body, "dimensions"));
  if (dimensions && (*dimensions == 0 || *dimensions > kDimensionsMax)) {
    return bad(fmt::format("dimensions must be from 1 to {}", kDimensionsMax));
  }
  if (dimensions) request.dimensions = static_cast<std::uint32_t>(*dimensions);
  return {};
}

}  // namespace

Result<ApiRequest> parse_api_request(Api api, std::string_view body) {
  ASSIGN_OR_RETURN(const Json json, codec::parse_json(body));
  if (!json.is_object()) return bad("the body must be a JSON object");
  ApiRequest request{.api = api, .inputs = {}};
  const Json* model = find_value(json, "model");
  if (model && !model->is_string()) return bad("model must be a string");
  if (model) request.model = model->get<std::string>();
  request.cache_salt = codec::string_or(json, "cache_salt", "");
  if (api == Api::kChat) {
    ASSIGN_OR_RETURN(Input input, read_messages(json));
    request.inputs.push_back(std::move(input));
  } else {
    ASSIGN_OR_RETURN(request.inputs,
                     read_inputs(json, api == Api::kCompletions ? "prompt" : "input"));
  }
  RETURN_IF_ERROR(read_kv_transfer(json, request));
  RETURN_IF_ERROR(api == Api::kEmbeddings ? read_embedding(json, request)
                                          : read_generation(json, request));
  return request;
}

OutputPlan plan_output(const ApiRequest& request, std::uint64_t room, std::uint64_t natural) {
  const std::uint64_t limit = std::min(request.output_tokens_max.value_or(room), room);
  const std::uint64_t wanted =
      request.ignore_eos ? limit : std::max(natural, request.output_tokens_min);
  if (wanted < limit) return {.tokens = wanted, .finish_reason = "stop"};
  return {.tokens = limit, .finish_reason = "length"};
}

}  // namespace rage::simulator
