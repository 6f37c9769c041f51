#include "payload/inference_request.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <utility>

#include "base/strings.h"
#include "payload/detail/grpc_request.h"
#include "payload/detail/header_value.h"
#include "payload/detail/request_reader.h"
#include "payload/multipart.h"

namespace rage::payload {
namespace {

struct Suffix {
  std::string_view path;
  Api api;
};

constexpr Suffix kSuffixes[] = {
    {"/chat/completions", Api::kChatCompletions},
    {"/chat/completions/render", Api::kChatCompletions},
    {"/completions", Api::kCompletions},
    {"/completions/render", Api::kCompletions},
    {"/embeddings", Api::kEmbeddings},
    {"/responses", Api::kResponses},
    {"/conversations", Api::kConversations},
    {"/images/generations", Api::kImages},
    {"/images/edits", Api::kImages},
    {"/images/variations", Api::kImages},
    {"/audio/transcriptions", Api::kAudio},
    {"/audio/translations", Api::kAudio},
    {"/audio/speech", Api::kAudio},
    {"/v1/messages", Api::kAnthropicMessages},
    {"/v1/messages/count_tokens", Api::kAnthropicMessages},
    {"/inference/v1/generate", Api::kVllmGenerate},
    {".VllmEngine/Generate", Api::kVllmGenerate},
    {".VllmEngine/Embed", Api::kVllmGenerate},
    {"/generate", Api::kSglangGenerate},
};

constexpr std::string_view kGrpc = "application/grpc";  // And "application/grpc+proto".
constexpr std::string_view kDashes = "--";

// Another encoding would be read differently by whoever heeds it.
Result<void> check_charset(std::string_view content_type) {
  const auto type = detail::parse_header_value(content_type);
  if (!type) return fail(ErrorCode::kInvalidArgument, "content-type is malformed");
  const std::string* charset = type->find("charset");
  if (charset == nullptr || equals_ignoring_case(*charset, "utf-8") ||
      equals_ignoring_case(*charset, "utf8") || equals_ignoring_case(*charset, "us-ascii")) {
    return {};
  }
  return fail(ErrorCode::kInvalidArgument, "the charset of a body must be utf-8");
}

// As pydantic reads a form's field.
bool is_true(std::string_view text) {
  const std::string lower = to_lower_ascii(text);
  return lower == "true" || lower == "1" || lower == "on" || lower == "yes" || lower == "t" ||
         lower == "y";
}

Result<InferenceRequest> read_form_request(Api api, std::string_view content_type,
                                           std::string_view body) {
  ASSIGN_OR_RETURN(const std::vector<FormPart> parts, parse_form(content_type, body));
  InferenceRequest request;
  request.api = api;
  bool prompted = false;
  for (const FormPart& part : parts) {
    const std::string_view text =
        body.substr(part.content.begin, part.content.end - part.content.begin);
    if (part.name == "model") {
      if (request.model_range) {
        return fail(ErrorCode::kInvalidArgument, "\"model\" stands twice in the body");
      }
      if (part.is_file || !simdjson::validate_utf8(text.data(), text.size())) {
        return fail(ErrorCode::kInvalidArgument, "model must be a string");
      }
      RETURN_IF_ERROR(detail::check_model(text));
      request.model = text;
      request.model_range = part.content;
    } else if (part.name == "stream") {
      request.stream = is_true(text);
    } else if (part.name == "prompt" && api == Api::kImages && !std::exchange(prompted, true)) {
      request.prompts.emplace_back(text);
    }
  }
  if (!request.model_range && !parts.empty()) {
    const std::size_t begin = body.find(kDashes);
    request.model_range = ByteRange{.begin = begin, .end = begin};
  }
  return request;
}

// The part that makes `model` the first of a form whose first boundary `rest` begins with.
std::string model_part(std::string_view rest, std::string_view model) {
  const std::string_view boundary = trim(rest.substr(0, rest.find("\r\n")));
  return fmt::format("{}\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n{}\r\n", boundary,
                     model);
}

}  // namespace

Api api_of(std::string_view path) {
  path = path.substr(0, path.find_first_of("?#"));
  const Suffix* best = nullptr;
  for (const Suffix& suffix : kSuffixes) {
    if (!path.ends_with(suffix.path)) continue;
    if (best == nullptr || suffix.path.size() > best->path.size()) best = &suffix;
  }
  return best == nullptr ? Api::kUnknown : best->api;
}

Result<InferenceRequest> parse_inference_request(std::string_view path,
                                                 std::string_view content_type,
                                                 std::string_view body, const VideoHints& video) {
  const Api api = api_of(path);
  if (api == Api::kUnknown) return InferenceRequest{};
  if (is_form(content_type)) return read_form_request(api, content_type, body);
  if (api == Api::kVllmGenerate && to_lower_ascii(content_type).starts_with(kGrpc)) {
    return detail::read_grpc_request(body);
  }
  RETURN_IF_ERROR(check_charset(content_type));
  return detail::read_json_request(api, body, video);
}

std::string replace_model(std::string_view body, ByteRange range, std::string_view model) {
  const std::string_view before = body.substr(0, range.begin);
  const std::string_view after = body.substr(range.end);
  const std::size_t first = body.find_first_not_of(" \t\r\n");
  const bool json = first != std::string_view::npos && body[first] == '{';
  std::string value = json ? detail::quote_json(model) : std::string(model);
  if (range.begin == range.end && json) {
    const std::size_t next = after.find_first_not_of(" \t\r\n");
    const bool alone = next == std::string_view::npos || after[next] == '}';
    value = fmt::format("\"model\":{}{}", value, alone ? "" : ",");
  } else if (range.begin == range.end && after.starts_with(kDashes)) {
    value = model_part(after, model);
  }
  std::string changed;
  changed.reserve(before.size() + value.size() + after.size());
  changed.append(before).append(value).append(after);
  return changed;
}

}  // namespace rage::payload
