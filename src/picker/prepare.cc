#include <utility>

#include "base/strings.h"
#include "codec/json.h"
#include "picker/detail/prepare.h"
#include "picker/detail/refusals.h"
#include "picker/detail/request_headers.h"

namespace rage::picker::detail {
namespace {

using payload::Api;

bool needs_model(Api api) {
  switch (api) {
    case Api::kChatCompletions:
    case Api::kCompletions:
    case Api::kEmbeddings:
    case Api::kResponses:
    case Api::kImages:
    case Api::kAudio:
    case Api::kAnthropicMessages:
      return true;
    case Api::kUnknown:
    case Api::kConversations:
    case Api::kVllmGenerate:
    case Api::kSglangGenerate:
      return false;
  }
  return false;
}

// Where a member may be put into a JSON object; none: it is no object.
std::optional<std::size_t> object_begin(std::string_view body) {
  const std::size_t begin = body.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos || body[begin] != '{') return std::nullopt;
  return begin + 1;
}

std::string insert_model(std::string_view body, std::size_t at, std::string_view model) {
  const std::size_t next = body.find_first_not_of(" \t\r\n", at);
  const bool empty = next != std::string_view::npos && body[next] == '}';
  std::string out(body.substr(0, at));
  out += "\"model\":" + codec::render_json(std::string(model));
  if (!empty) out += ',';
  out += body.substr(at);
  return out;
}

// Sets target_model and rewrite.
std::optional<Refusal> choose_target(Prepared& prepared, const PoolContents& pool, double random) {
  const std::string_view header = model_rewrite(prepared.request.headers);
  const payload::InferenceRequest& parsed = prepared.parsed;
  if (parsed.api == Api::kUnknown) {  // Its body is not ours to change.
    prepared.target_model = header;
    return std::nullopt;
  }
  static const routing::ModelRewrites kNone;
  const auto target = routing::choose_target_model(parsed.model, header,
                                                   pool.rewrites ? *pool.rewrites : kNone, random);
  if (!target) {
    return needs_model(parsed.api) ? std::optional(model_missing()) : std::nullopt;
  }
  prepared.target_model = target->model;
  prepared.rewrite = target->rewrite;
  const bool changed = target->model != parsed.model;
  if (changed && !parsed.model_range && !object_begin(*prepared.request.body)) {
    return bad_request("the model of such a body cannot be rewritten");
  }
  return std::nullopt;
}

}  // namespace

RequestLabels Prepared::labels() const {
  return {.model = parsed.model,
          .target_model = target_model,
          .fairness_id = flow.fairness_id,
          .priority = flow.priority};
}

std::expected<Prepared, Rejected> prepare(PickRequest request, const DirectorOptions& options,
                                          const PoolContents& pool, double random, SteadyTime now) {
  Prepared prepared{.request = std::move(request), .arrived_at = now};
  const net::Headers& headers = prepared.request.headers;
  prepared.flow.fairness_id = fairness_id(headers, options.session_headers, options.agent_identity);
  if (pool.objectives)
    prepared.flow.priority = pool.objectives->priority_of(objective_name(headers));
  const auto reject = [&](Refusal refusal) {
    return std::unexpected(Rejected{.refusal = std::move(refusal), .labels = prepared.labels()});
  };
  if (options.apis.contains(payload::api_of(prepared.request.path))) {
    auto parsed = payload::parse_inference_request(
        prepared.request.path, headers.find("content-type"), *prepared.request.body);
    if (!parsed) return reject(bad_request(parsed.error().message));
    prepared.parsed = *std::move(parsed);
  } else if (options.strict_paths) {
    return reject(bad_request("no parser reads requests of this path"));
  }
  if (auto refusal = choose_target(prepared, pool, random)) return reject(*std::move(refusal));
  return prepared;
}

std::optional<std::string> rewritten_body(const Prepared& prepared) {
  const payload::InferenceRequest& parsed = prepared.parsed;
  if (parsed.api == Api::kUnknown || prepared.target_model == parsed.model) return std::nullopt;
  const std::string& body = *prepared.request.body;
  if (parsed.model_range) {
    return payload::replace_model(body, *parsed.model_range, prepared.target_model);
  }
  const auto at = object_begin(body);
  if (!at) return std::nullopt;
  return insert_model(body, *at, prepared.target_model);
}

}  // namespace rage::picker::detail
