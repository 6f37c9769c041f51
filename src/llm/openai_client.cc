#include "llm/openai_client.h"

#include <algorithm>
#include <optional>

#include "base/strings.h"
#include "codec/sse.h"
#include "llm/chat_span.h"
#include "llm/chunk_reader.h"
#include "llm/stand_ins.h"
#include "llm/upstream_error.h"

namespace rage::llm {
namespace {

constexpr std::uint64_t kReplyBytesMax = std::uint64_t{32} << 20;
constexpr std::uint64_t kModelListBytesMax = std::uint64_t{4} << 20;
constexpr std::size_t kErrorBodyBytesMax = 64 << 10;
constexpr std::size_t kModelsMax = 10'000;

std::optional<std::int64_t> positive(const codec::Json& object, std::string_view key) {
  constexpr double kTokensMax = 1e12;
  const double value = codec::number_or(object, key, 0);
  if (!(value >= 1) || value > kTokensMax) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

std::optional<std::int64_t> context_tokens_of(const codec::Json& model) {
  if (auto tokens = positive(model, "max_model_len")) return tokens;
  if (const codec::Json* meta = codec::find_key(model, "meta")) {
    if (auto tokens = positive(*meta, "n_ctx")) return tokens;
    if (auto tokens = positive(*meta, "n_ctx_train")) return tokens;
  }
  if (auto tokens = positive(model, "context_length")) return tokens;
  return positive(model, "context_window");
}

std::string default_user_agent() {
  return fmt::format("RAGE/{}", RAGE_VERSION);
}

}  // namespace

Result<OpenAiUrls> plan_openai_urls(std::string_view url) {
  url = trim(url);
  const std::size_t scheme = url.find("://");
  const std::string name = to_lower_ascii(url.substr(0, std::min(scheme, url.size())));
  if (scheme == std::string_view::npos || (name != "http" && name != "https")) {
    return fail(ErrorCode::kInvalidArgument, "not an http:// or https:// URL: '{}'", url);
  }
  const auto is_blank = [](char c) {
    return is_ascii_space(c) || static_cast<unsigned char>(c) < 0x20;
  };
  if (std::ranges::any_of(url, is_blank)) {
    return fail(ErrorCode::kInvalidArgument, "white space in the URL of the model server");
  }
  url = url.substr(0, url.find('#'));
  const std::size_t question = std::min(url.find('?'), url.size());
  const std::string_view query = url.substr(question);
  std::string_view base = url.substr(0, question);
  while (base.ends_with('/') && base.size() > scheme + 3) base.remove_suffix(1);
  const std::size_t slash = std::min(base.find('/', scheme + 3), base.size());
  if (slash == scheme + 3) {
    return fail(ErrorCode::kInvalidArgument, "no host in the URL of the model server");
  }
  const std::string_view host = base.substr(0, slash);
  std::string_view path = base.substr(slash);
  constexpr std::string_view kChat = "/chat/completions";
  if (path.ends_with("/completions") && !path.ends_with(kChat)) {
    return OpenAiUrls{.chat_completions = fmt::format("{}{}", base, query),
                      .models = fmt::format("{}/v1/models{}", host, query)};
  }
  if (path.ends_with(kChat))
    path.remove_suffix(kChat.size());
  else if (path.empty())
    path = "/v1";
  return OpenAiUrls{.chat_completions = fmt::format("{}{}{}{}", host, path, kChat, query),
                    .models = fmt::format("{}{}/models{}", host, path, query)};
}

Result<std::vector<ModelInfo>> parse_model_list(std::string_view json) {
  const auto parsed = codec::parse_json(json);
  if (!parsed)
    return fail(ErrorCode::kDataLoss, "the list of models is {}", parsed.error().message);
  const codec::Json* data = codec::find_key(*parsed, "data");
  if (data == nullptr) data = &*parsed;  // A bare array.
  if (!data->is_array())
    return fail(ErrorCode::kDataLoss, "the model server's reply lists no models");
  std::vector<ModelInfo> models;
  for (const codec::Json& entry : *data) {
    if (models.size() == kModelsMax) break;
    std::string id = codec::string_or(entry, "id", "");
    if (id.empty()) continue;
    models.push_back({.id = std::move(id),
                      .context_tokens_max = context_tokens_of(entry),
                      .stand_in = stand_in_of(entry),
                      .runtime = codec::string_or(entry, "owned_by", "")});
  }
  return models;
}

Result<std::unique_ptr<OpenAiClient>> OpenAiClient::create(net::HttpTransport& transport,
                                                           const OpenAiOptions& options) {
  ASSIGN_OR_RETURN(OpenAiUrls urls, plan_openai_urls(options.url));
  return std::unique_ptr<OpenAiClient>(new OpenAiClient(transport, options, std::move(urls)));
}

OpenAiClient::OpenAiClient(net::HttpTransport& transport, OpenAiOptions options, OpenAiUrls urls)
    : transport_(transport), options_(std::move(options)), urls_(std::move(urls)) {}

net::ClientRequest OpenAiClient::request_for(std::string_view method,
                                             const std::string& url) const {
  net::ClientRequest request{.method = std::string(method),
                             .url = url,
                             .connect_timeout = options_.connect_timeout,
                             .idle_timeout = options_.idle_timeout};
  request.headers.set("user-agent",
                      options_.user_agent.empty() ? default_user_agent() : options_.user_agent);
  if (!options_.bearer_token.empty()) {
    request.headers.set("authorization", fmt::format("Bearer {}", options_.bearer_token));
  }
  return request;
}

net::ClientRequest OpenAiClient::completion_request(std::string body) const {
  net::ClientRequest request = request_for("POST", urls_.chat_completions);
  request.headers.set("content-type", "application/json");
  request.body = std::move(body);
  request.body_bytes_max = kReplyBytesMax;
  return request;
}

Result<codec::Json> OpenAiClient::complete(const Context& context, const codec::Json& body) {
  ChatSpan span(body, urls_.chat_completions);
  auto completion = ask_whole(context, body);
  if (completion) span.take(*completion);
  span.end(completion);
  return completion;
}

Result<void> OpenAiClient::stream(const Context& context, const codec::Json& body,
                                  const std::function<bool(const codec::Json& chunk)>& on_chunk) {
  ChatSpan span(body, urls_.chat_completions);
  auto streamed = ask_stream(context, body, [&](const codec::Json& chunk) {
    span.take(chunk);
    return on_chunk(chunk);
  });
  span.end(streamed);
  return streamed;
}

Result<codec::Json> OpenAiClient::ask_whole(const Context& context, const codec::Json& body) {
  ASSIGN_OR_RETURN(const net::HttpResponse reply,
                   transport_.fetch(context, completion_request(codec::render_json(body))));
  if (reply.status != 200) return fail(upstream_error(reply));
  auto completion = codec::parse_json(reply.body);
  if (!completion || !completion->is_object()) {
    return fail(ErrorCode::kDataLoss, "the model server's reply is not a JSON object");
  }
  if (auto error = find_error_in(*completion)) return fail(*std::move(error));
  return *std::move(completion);
}

Result<void> OpenAiClient::ask_stream(
    const Context& context, const codec::Json& body,
    const std::function<bool(const codec::Json& chunk)>& on_chunk) {
  codec::Json streaming = body;
  streaming["stream"] = true;
  ChunkReader reader(on_chunk);
  net::HttpResponse refusal;  // A head that is no stream, and the beginning of its body.
  bool is_stream = false;
  const auto on_head = [&](const net::HttpResponse& head) {
    is_stream = head.status == 200 &&
                to_lower_ascii(head.headers.find("content-type")).starts_with("text/event-stream");
    if (!is_stream) refusal = head;
    return true;
  };
  const auto on_bytes = [&](std::string_view bytes) {
    if (is_stream) return reader.feed(bytes) && !context.stop.stop_requested();
    refusal.body += bytes.substr(0, kErrorBodyBytesMax - refusal.body.size());
    return refusal.body.size() < kErrorBodyBytesMax;
  };
  const net::ClientRequest request = completion_request(codec::render_json(streaming));
  auto streamed = transport_.stream(context, request, on_head, on_bytes);
  if (is_stream) {
    // What the stream itself said comes before how its connection ended.
    if (reader.is_done()) return reader.result();
    RETURN_IF_ERROR(streamed);
    RETURN_IF_ERROR(context.check());
    return reader.finish();
  }
  RETURN_IF_ERROR(streamed);
  if (refusal.status != 200) return fail(upstream_error(refusal));
  if (const auto json = codec::parse_json(refusal.body)) {
    if (auto error = find_error_in(*json)) return fail(*std::move(error));
  }
  return fail(ErrorCode::kDataLoss, "the model server answered without streaming");
}

Result<void> OpenAiClient::forward(const Context& context, std::string_view body,
                                   const std::function<bool(const RawReply& head)>& on_head,
                                   const std::function<bool(std::string_view bytes)>& on_bytes) {
  const bool recorded = obs::current_span().is_recorded();
  ChatSpan span(recorded ? codec::parse_json(body).value_or(nullptr) : codec::Json(),
                urls_.chat_completions);
  const Result<void> forwarded = transport_.stream(
      context, completion_request(std::string(body)),
      [&](const net::HttpResponse& head) {
        return on_head({.status = head.status,
                        .content_type = std::string(head.headers.find("content-type"))});
      },
      [&](std::string_view bytes) { return !context.stop.stop_requested() && on_bytes(bytes); });
  span.end(forwarded);
  RETURN_IF_ERROR(forwarded);
  return context.check();
}

Result<std::vector<ModelInfo>> OpenAiClient::list_models(const Context& context) {
  net::ClientRequest request = request_for("GET", urls_.models);
  request.body_bytes_max = kModelListBytesMax;
  ASSIGN_OR_RETURN(const net::HttpResponse reply, transport_.fetch(context, request));
  if (reply.status != 200) return fail(upstream_error(reply));
  return parse_model_list(reply.body);
}

}  // namespace rage::llm
