#include "gateway/pd_exchange.h"

#include <algorithm>
#include <array>
#include <utility>

namespace rage::gateway {
namespace {

using codec::Json;
using payload::Api;

constexpr std::string_view kKvParams = "kv_transfer_params";

std::string_view type_of(int status) {
  if (status == 403) return "permission_error";
  return status < 500 ? "invalid_request_error" : "server_error";
}

// Members that limit the answer, and those that would ask for more than one token.
void cap_to_one_token(Json& body, Api api) {
  if (api == Api::kVllmGenerate) {
    Json& sampling = body["sampling_params"];
    if (!sampling.is_object()) sampling = Json::object();
    sampling["max_tokens"] = 1;
    sampling.erase("min_tokens");
    return;
  }
  body.erase("min_tokens");
  if (api == Api::kResponses) {
    body["max_output_tokens"] = 1;
    return;
  }
  body["max_tokens"] = 1;
  if (api == Api::kChatCompletions) body["max_completion_tokens"] = 1;
}

Json prefill_of(const Json& body, Api api) {
  Json prefill = body;
  prefill["stream"] = false;
  prefill.erase("stream_options");
  cap_to_one_token(prefill, api);
  return prefill;
}

bool names_host(const Json& value) {
  if (value.is_array()) return std::ranges::any_of(value, names_host);
  if (!value.is_object()) return false;
  return std::ranges::any_of(value.items(), [](const auto& member) {
    const std::string& name = member.key();
    const bool about_host =
        name.find("host") != std::string::npos || name.find("addr") != std::string::npos;
    return (about_host && !member.value().is_null()) || names_host(member.value());
  });
}

// Whether the members that count can stand in these bytes, escaped or not.
bool may_name_host(std::string_view body) {
  return body.find("host") != std::string_view::npos ||
         body.find("addr") != std::string_view::npos || body.find("\\u") != std::string_view::npos;
}

bool is_retryable(int status) {
  return status == 502 || status == 503 || status == 504;
}

int status_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::kDeadlineExceeded:
      return 504;
    case ErrorCode::kUnavailable:
      return 503;
    default:
      return 502;
  }
}

std::uint64_t cached_tokens_of(const Json& reply) {
  const Json* usage = codec::find_key(reply, "usage");
  if (usage == nullptr) return 0;
  for (const char* const details : {"prompt_tokens_details", "input_tokens_details"}) {
    const Json* group = codec::find_key(*usage, details);
    const Json* count = group == nullptr ? nullptr : codec::find_key(*group, "cached_tokens");
    if (count != nullptr && count->is_number_unsigned()) return count->get<std::uint64_t>();
  }
  return 0;
}

}  // namespace

Result<KvConnector> parse_kv_connector(std::string_view name) {
  if (name == "nixlv2") return KvConnector::kNixlV2;
  if (name == "shared-storage") return KvConnector::kSharedStorage;
  if (name == "sglang") return KvConnector::kSglang;
  constexpr std::array kOthers = {"mooncake", "offloading", "lmcache", "nixl"};
  if (std::ranges::find(kOthers, name) != kOthers.end()) {
    return fail(ErrorCode::kUnimplemented,
                "KV connector {} is not supported: nixlv2, shared-storage or sglang", name);
  }
  return fail(ErrorCode::kInvalidArgument,
              "\"{}\" is no KV connector: nixlv2, shared-storage or sglang", name);
}

bool is_disaggregable(std::string_view path) {
  switch (payload::api_of(path)) {
    case Api::kChatCompletions:
    case Api::kCompletions:
    case Api::kResponses:
    case Api::kAnthropicMessages:
    case Api::kVllmGenerate:
      return true;
    case Api::kUnknown:
    case Api::kEmbeddings:
    case Api::kConversations:
    case Api::kImages:
    case Api::kAudio:
    case Api::kSglangGenerate:
      return false;
  }
  return false;
}

net::HttpResponse error_reply(int status, std::string_view message) {
  Json body;
  body["error"] = {
      {"message", message}, {"type", type_of(status)}, {"param", nullptr}, {"code", status}};
  return net::HttpResponse::json(status, codec::render_json(body));
}

std::optional<net::HttpResponse> refuse_client_hosts(std::string_view path, std::string_view body) {
  if (payload::api_of(path) == Api::kUnknown || !may_name_host(body)) return std::nullopt;
  if (body.find_first_not_of(" \t\r\n") != body.find('{')) return std::nullopt;  // A form.
  const auto json = codec::parse_json(body);
  // What we cannot read, another parser might.
  if (!json) return error_reply(400, json.error().message);
  const Json* params = codec::find_key(*json, kKvParams);
  const Json* bootstrap = codec::find_key(*json, "bootstrap_host");
  const bool names =
      (params != nullptr && names_host(*params)) || (bootstrap != nullptr && !bootstrap->is_null());
  if (!names) return std::nullopt;
  return error_reply(403, "a client may not name the host that KV cache comes from");
}

PdStep PdExchange::start() {
  api_ = payload::api_of(request_.path);
  auto parsed = codec::parse_json(request_.body);
  if (!parsed) return Answer{error_reply(400, parsed.error().message)};
  if (!parsed->is_object()) return Answer{error_reply(400, "the body must be a JSON object")};
  body_ = *std::move(parsed);
  if (options_.connector == KvConnector::kSglang) {
    body_["bootstrap_host"] = request_.prefill_host;
    body_["bootstrap_port"] = options_.bootstrap_port;
    body_["bootstrap_room"] = request_.random_room >> 1U;  // SGLang keeps it in 63 bits.
    return AskBoth{codec::render_json(body_)};
  }
  Json prefill = prefill_of(body_, api_);
  if (options_.connector == KvConnector::kNixlV2) {
    prefill[kKvParams] = {{"do_remote_decode", true},    {"do_remote_prefill", false},
                          {"remote_engine_id", nullptr}, {"remote_block_ids", nullptr},
                          {"remote_host", nullptr},      {"remote_port", nullptr}};
  } else {
    prefill["cache_hit_threshold"] = 0;  // It computes, whatever it finds.
  }
  prefill_body_ = codec::render_json(prefill);
  return AskPrefill{.body = prefill_body_};
}

PdStep PdExchange::on_prefill(const Result<net::HttpResponse>& reply) {
  const int status = reply ? reply->status : status_of(reply.error());
  if (status >= 200 && status < 300) return prefilled(*reply);
  if (is_retryable(status) && retries_ < options_.prefill_retries_max) {
    ++retries_;
    return AskPrefill{.body = prefill_body_, .after = options_.prefill_backoff};
  }
  if (!reply) return failed(error_reply(status, "prefill: " + reply.error().message));
  return failed(*reply);
}

PdStep PdExchange::prefilled(const net::HttpResponse& reply) {
  if (options_.connector == KvConnector::kSharedStorage) {
    body_["cache_hit_threshold"] = 0;
    return AskDecode{.body = codec::render_json(body_)};
  }
  const auto json = codec::parse_json(reply.body);
  if (!json || !json->is_object()) {
    return failed(error_reply(502, "prefill: the reply is no JSON object"));
  }
  const Json* params = codec::find_key(*json, kKvParams);
  // Then there is nothing to fetch, and decode computes the prompt.
  if (params == nullptr || !params->is_object()) {
    return decode_alone("the prefill server gave no kv_transfer_params");
  }
  body_[kKvParams] = *params;
  return AskDecode{.body = codec::render_json(body_), .cached_tokens = cached_tokens_of(*json)};
}

PdStep PdExchange::failed(net::HttpResponse reply) {
  const bool clients_fault = reply.status >= 400 && reply.status < 500;
  if (!clients_fault && options_.on_failure == PrefillFailure::kDecodeAlone) {
    return decode_alone("the prefill server answered " + std::to_string(reply.status));
  }
  net::HttpResponse answer{.status = reply.status, .headers = {}, .body = std::move(reply.body)};
  for (const char* const name : {"content-type", "retry-after"}) {
    if (reply.headers.has(name)) answer.headers.set(name, reply.headers.find(name));
  }
  return Answer{std::move(answer)};
}

// As the client sent it, but for what only servers say to each other.
AskDecode PdExchange::decode_alone(std::string why) {
  const bool nixl = options_.connector == KvConnector::kNixlV2;
  AskDecode step{.body = std::move(request_.body), .why_alone = std::move(why)};
  if (nixl && body_.contains(kKvParams)) {
    body_.erase(std::string(kKvParams));
    step.body = codec::render_json(body_);
  } else if (!nixl) {
    body_["cache_hit_threshold"] = 0;
    step.body = codec::render_json(body_);
  }
  return step;
}

}  // namespace rage::gateway
